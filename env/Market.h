#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"

namespace btcai {

/// The prices that an environment trades at, one entry a grid row, shared by all accounts and never copied.
struct Market {
    /// Throws Error(BadInput) for a series without any present bar.
    explicit Market(const BarSeries& series);

    std::size_t rows() const { return mark.size(); }

    std::int64_t startTime = 0;
    std::int64_t intervalSeconds = 300;
    std::vector<double> open; ///< NaN where the bar is missing: nothing fills there
    std::vector<double> high; ///< NaN where the bar is missing
    std::vector<double> low;  ///< NaN where the bar is missing
    std::vector<double> mark; ///< the last known close, carried over missing bars; before the first bar, its open
    std::vector<double> volume; ///< base coin; 0 where the bar is missing
    std::vector<std::uint8_t> present;

    /// Bars of a shorter interval that tell in which order prices were reached within a bar; empty for none.
    BarSeries finer;
    /// Settlements of a perpetual swap; outside their time a constant rate stands for them. Empty for none.
    FundingSeries funding;

    std::int64_t timestamp(std::size_t row) const
    {
        return startTime + static_cast<std::int64_t>(row) * intervalSeconds;
    }

    /// Throws Error(BadInput) unless the interval of `series` is shorter and divides that of the market, and the two overlap.
    void useFiner(BarSeries series);
    /// The rows of `finer` that lie within a row, cut to what there is: [first, last).
    std::pair<std::size_t, std::size_t> finerRows(std::size_t row) const;

    /// The highest high and the lowest low of the present bars among rows [first, last]; {-inf, inf} where none is present.
    std::pair<double, double> range(std::size_t first, std::size_t last) const;
};

} // namespace btcai
