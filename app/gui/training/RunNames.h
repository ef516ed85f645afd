#pragma once

#include <string_view>

namespace btcai::gui {

/// The names that a worker uses for parts of the data and for rows of an evaluation (Messages.h).
inline constexpr std::string_view kValidationPart = "validation";
inline constexpr std::string_view kTestPart = "test";
inline constexpr std::string_view kSampledRow = "agent (sampled)";
inline constexpr std::string_view kArgmaxRow = "agent (argmax)";
inline constexpr std::string_view kBuyAndHoldRow = "buy and hold";
inline constexpr std::string_view kCashRow = "cash";

} // namespace btcai::gui
