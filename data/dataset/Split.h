#pragma once

#include <cstddef>

namespace btcai {

/// Rows [first, last).
struct RowRange {
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t size() const { return last - first; }
    bool operator==(const RowRange&) const = default;
};

/// A split by time. Decisions are taken only in the rows of a part; the rows of the embargo before validation and test
/// belong to none, so that no look-back window, indicator warm-up of a later part touches a bar on which an
/// earlier part was scored.
struct TimeSplit {
    RowRange train;
    RowRange validation;
    RowRange test;
};

struct TimeSplitOptions {
    double trainShare = 0.7;
    double validationShare = 0.15; ///< the rest is the test part
    std::size_t embargoRows = 0;   ///< lookback plus the longest warm-up
};

/// Splits rows [firstUsable, rows): shares are of the usable rows; the embargo is taken from the front of the
/// validation and of the test part. Throws Error(BadInput) naming the shortage when a part would be empty.
TimeSplit splitByTime(std::size_t firstUsable, std::size_t rows, const TimeSplitOptions& options);

} // namespace btcai
