#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/Json.h"
#include "data/bars/BarSeries.h"

namespace btcai {

struct QualityOptions {
    double spikeDeviations = 30.0; ///< a return this many robust deviations from the median is a spike
    double wickShare = 0.3;        ///< a wick that leaves the body by more than this share of the price is long
    std::size_t frozenBars = 12;   ///< a run of flat bars at one price, at least this long, is frozen
};

/// What is known of the trustworthiness of a series. Nothing is repaired: the figures describe the series as it is.
///
/// The score starts at 100 and loses, each part up to its cap (the caps add up to 100):
///   missing bars       1 point a percent of the expected bars                   at most 40
///   inconsistent bars  10 points a percent of the present bars                  at most 25
///   spikes, long wicks 1 point for each such bar in 10,000 present bars         at most 10
///   zero volume        0.2 points a percent of the present bars                 at most 10
///   frozen bars        0.5 points a percent of the present bars                 at most 10
///   flat bars          0.1 points a percent of the present bars                 at most 5
/// A series without a single bar scores 0. The weights are a judgement, so compare scores only with each other.
struct QualityReport {
    /// Upper bounds, in bars, of the classes of gapsByLength; the last class has none.
    static constexpr std::array<std::size_t, 5> kGapClasses{1, 6, 12, 72, 288};

    std::string instrument;
    std::int64_t intervalSeconds = 0;
    std::int64_t firstTime = 0; ///< open of the first and of the last row, UTC seconds
    std::int64_t lastTime = 0;

    std::size_t expected = 0;   ///< rows of the grid
    std::size_t present = 0;
    std::size_t missing = 0;
    std::size_t gaps = 0;       ///< runs of missing bars
    std::array<std::size_t, kGapClasses.size() + 1> gapsByLength{};
    std::size_t longestGap = 0; ///< in bars
    std::int64_t longestGapTime = 0;

    std::size_t zeroVolume = 0;
    std::size_t flat = 0;         ///< open = high = low = close
    std::size_t inconsistent = 0; ///< open or close outside of low..high, a price not positive, a value not finite
    std::size_t longWicks = 0;

    /// Log returns between neighbouring present bars. 1.4826 MAD estimates a normal deviation (Rousseeuw and Croux,
    /// "Alternatives to the Median Absolute Deviation", 1993); where more than half of the returns are equal the MAD is 0 and
    /// 1.2533 mean absolute deviation stands in.
    double robustDeviation = 0.0;
    std::size_t spikes = 0;
    double largestReturn = 0.0;   ///< by size, with its sign
    std::int64_t largestReturnTime = 0;

    std::size_t frozenRuns = 0;
    std::size_t frozenBars = 0;
    std::size_t longestFrozen = 0;
    std::int64_t longestFrozenTime = 0;

    double score = 0.0;

    Json toJson() const;
    /// A table for a terminal, one fact a line.
    std::string toText() const;
};

QualityReport assessQuality(const BarSeries& series, const QualityOptions& options = {});

} // namespace btcai
