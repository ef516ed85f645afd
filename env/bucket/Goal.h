#pragma once

#include <string_view>

namespace btcai {

enum class GoalPeriod {
    None,
    Month,  ///< the return since the month began (UTC), or since the episode did
    Year,   ///< the same of the year
    Holding ///< the gain of the open position, a share of its entry value
};

/// "none", "month", "year", "holding".
constexpr std::string_view goalPeriodName(GoalPeriod period)
{
    constexpr std::string_view names[]{"none", "month", "year", "holding"};
    return names[static_cast<int>(period)];
}

/// What a bucket is after: a return between `least` and `most` per period, time-weighted, after costs.
struct Goal {
    GoalPeriod period = GoalPeriod::None;
    double least = 0.15;
    double most = 0.3;
    bool inState = false; ///< whether the private state shows the progress

    bool operator==(const Goal&) const = default;
};

} // namespace btcai
