#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "env/Market.h"
#include "env/bucket/Goal.h"

namespace btcai {

/// The calendar of a market's rows: at which closes a day (UTC) and a goal's period end.
class Periods {
public:
    Periods() = default;
    Periods(const Market& market, GoalPeriod period);

    bool endsDay(std::size_t row) const { return endsDayAt(closeTime(row)); }
    /// Whether the month or year ends at the close of a row; false for other goals.
    bool endsPeriod(std::size_t row) const;
    /// The share of the month or year that has passed at the close of a row, [0, 1); 0 for other goals.
    double elapsed(std::size_t row) const;

private:
    std::int64_t closeTime(std::size_t row) const { return m_start + static_cast<std::int64_t>(row + 1) * m_interval; }
    bool endsDayAt(std::int64_t time) const;

    std::int64_t m_start = 0;
    std::int64_t m_interval = 300;
    GoalPeriod m_period = GoalPeriod::None;
};

} // namespace btcai
