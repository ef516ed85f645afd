#pragma once

#include <cstdint>
#include <optional>

#include "data/bars/BarSeries.h"

namespace btcai {

/// How often something was seen, and where first.
struct Sightings {
    std::size_t count = 0;
    std::int64_t firstTime = 0;

    void see(std::int64_t time)
    {
        if (count++ == 0)
            firstTime = time;
    }
};

/// Bars that equal the bar before them in everything, with a volume above zero: how some sources fill times without a trade.
Sightings findRepeatedBars(const BarSeries& series);

/// Bars that hold the same prices and volume as a bar a number of half hours (up to 14 hours) before: rows stamped in two time zones. Flat bars
/// and repeats of a neighbour are left out, since they can be equal by chance.
struct TimeSlip {
    std::int64_t lagSeconds = 0; ///< the commonest lag
    Sightings bars;              ///< at that lag
};
std::optional<TimeSlip> findTimeSlip(const BarSeries& series, std::size_t leastBars);

/// Closes that lie above (or below) those of both neighbours by a factor of more than 1 + share, while the neighbours agree with each other within
/// half of that (of its logarithm): single prints far off the market.
Sightings findOutlierPrints(const BarSeries& series, double share);

/// Runs of bars with zero volume. Not counted where no bar has a volume.
struct ZeroVolume {
    Sightings bars;
    std::size_t longestRun = 0;
    std::int64_t longestRunTime = 0;
};
ZeroVolume findZeroVolume(const BarSeries& series);

/// The largest change of the typical (median) volume between two neighbouring windows of `window` bars with a volume, as a factor above 1.
struct VolumeStep {
    double factor = 1.0;
    std::int64_t time = 0; ///< of the first bar behind the step
    double price = 1.0;    ///< its close
};
VolumeStep findVolumeStep(const BarSeries& series, std::size_t window);

/// Bars whose volume is more than `factor` times the median volume of the series.
Sightings findAbsurdVolume(const BarSeries& series, double factor);

} // namespace btcai
