#pragma once

#include <cmath>

#include "base/Error.h"

namespace btcai {

/// Throws Error(BadInput) that begins with `what` and names the option.
inline void requireFinite(const char* what, const char* name, double value)
{
    if (!std::isfinite(value))
        throw Error(ErrorKind::BadInput, "{}: {} is {}; it must be finite", what, name, value);
}

inline void requireNonNegative(const char* what, const char* name, double value)
{
    if (!(std::isfinite(value) && value >= 0.0))
        throw Error(ErrorKind::BadInput, "{}: {} is {}; it must be finite and not negative", what, name, value);
}

} // namespace btcai
