#pragma once

#include <cstdint>

#include "data/bars/BarSeries.h"

namespace btcai {

struct ResampleOptions {
    /// A bar is made only where at least this share of its source rows is present, 0 to 1. At 0 one source bar is enough.
    /// Rows before the first and after the last of the source count as absent.
    double minimumCoverage = 0.0;
};

/// Bars of `intervalSeconds`, made of the shorter ones of `source`, on the grid of UTC (a bar opens at a multiple of its
/// interval since 1970, so a day's bars begin at midnight). Open of the first bar present, close of the last, greatest high,
/// least low, and the sum of the volumes (compensated, Neumaier 1974: exact but for the last bit). A bar that no source bar
/// backs is missing. The result spans the grid of the source, so it may begin and end with missing rows.
///
/// Throws Error(BadInput) when the interval is no multiple of the source's, does not divide a day, or the coverage is out of
/// range.
BarSeries resample(const BarSeries& source, std::int64_t intervalSeconds, const ResampleOptions& options = {});

} // namespace btcai
