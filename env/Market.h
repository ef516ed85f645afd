#pragma once

#include <cstdint>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// The prices that an environment trades at, one entry a grid row, shared by all accounts and never copied.
struct Market {
    /// Throws Error(BadInput) for a series without any present bar.
    explicit Market(const BarSeries& series);

    std::size_t rows() const { return mark.size(); }

    std::int64_t startTime = 0;
    std::int64_t intervalSeconds = 300;
    std::vector<double> open;   ///< NaN where the bar is missing: nothing fills there
    std::vector<double> mark;   ///< the last known close, carried over missing bars; before the first bar, its open
    std::vector<double> volume; ///< base coin; 0 where the bar is missing
    std::vector<std::uint8_t> present;

    std::int64_t timestamp(std::size_t row) const
    {
        return startTime + static_cast<std::int64_t>(row) * intervalSeconds;
    }
};

} // namespace btcai
