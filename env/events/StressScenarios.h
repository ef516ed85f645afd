#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "data/bars/BarSeries.h"
#include "data/dataset/Split.h"

namespace btcai {

/// A stretch of real history in which much went wrong. Figures are of BTC/USD on Bitfinex.
struct StressScenario {
    std::string_view name;
    std::string_view text;
    std::int64_t from = 0; ///< UTC seconds, a day's start
    std::int64_t to = 0;   ///< the day's start behind it
};

/// "2013-april-crash", "2013-crash", "2017-peak", "2018-november".
std::span<const StressScenario> stressScenarios();
const StressScenario* findStressScenario(std::string_view name);

/// The rows of a scenario. Throws Error(BadInput) saying which data it needs when the series does not hold its whole time, or less than a
/// half of its bars.
RowRange scenarioRows(const StressScenario& scenario, const BarSeries& series);

} // namespace btcai
