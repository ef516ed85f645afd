#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"

namespace btcai {

/// Raw feature values as CSV, handed to `sink` piece by piece: a header ("timestamp", then the names), then one row a present bar with its
/// open in UTC seconds. Values are doubles in the shortest form that reads back as the same number; a cell is empty while its
/// feature warms up. The values are those of the kernels themselves, before the matrix rounds them to floats.
/// Throws Error(BadInput) for an unknown or doubled name, Error(Numeric) naming feature and time where a value is infinite, or no number
/// after its warm-up.
void writeFeatureCsv(const BarSeries& series, std::span<const std::string> names, const FundingSeries& funding,
                     const std::function<void(std::string_view)>& sink);

} // namespace btcai
