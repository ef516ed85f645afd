#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/Error.h"

namespace btcai::test {

/// What a call threw.
struct Failure {
    ErrorKind kind;
    std::string message;
    bool says(std::string_view part) const { return message.find(part) != std::string::npos; }
};

/// Nothing when the call returned. Any other exception than btcai::Error passes through and fails the test.
template <typename Call> std::optional<Failure> failureOf(Call&& call)
{
    try {
        call();
    } catch (const Error& error) {
        return Failure{error.kind(), error.what()};
    }
    return std::nullopt;
}

} // namespace btcai::test
