#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/Json.h"
#include "data/bars/BarSeries.h"
#include "data/importers/ImportResult.h"
#include "data/quality/Finding.h"

namespace btcai {

struct QualityOptions {
    double spikeDeviations = 30.0; ///< a return this many robust deviations from the median is a spike
    double wickShare = 0.3;        ///< a wick that leaves the body by more than this share of the price is long
    std::size_t frozenBars = 12;   ///< a run of flat bars at one price, at least this long, is frozen
    std::size_t longGapBars = 12;  ///< a gap of at least so many bars and of a day is long
    double outlierShare = 0.25;    ///< a close this far off both neighbours is an outlier
    double wildOutlierShare = 1.0; ///< and this far off, by doubling or halving, wild
    double wildOutlierBars = 1e-4; ///< a larger share of wild ones is an error
    std::size_t slipBars = 3;      ///< so many equal bars at one lag of half hours are a time zone slip
    double repeatedShare = 0.01;   ///< of bars that repeat the one before
    std::size_t zeroVolumeRun = 3; ///< a run of zero volume this long is notable
    double zeroVolumeShare = 0.05; ///< or this share of zero volume
    double absurdVolume = 1e5;     ///< times the median
    double volumeStep = 100.0;     ///< a change of the typical volume by this factor is worth a look
    double unitTolerance = 3.0;    ///< a step within this factor of the price is one between coins and money
    std::size_t volumeWindow = 200; ///< bars on each side of a step
    std::optional<std::int64_t> now{}; ///< UTC seconds; the tail is judged only when this is given
    std::size_t staleBars = 3;     ///< bars that may be due before the tail is stale
};

/// What is known of the trustworthiness of a series. Nothing is repaired: the figures describe the series as it is.
///
/// The score starts at 100 and loses, each part up to its cap (the caps of the shares add up to 100):
///   missing bars       1 point a percent of the expected bars                   at most 40
///   inconsistent bars  10 points a percent of the present bars                  at most 25
///   spikes, long wicks 1 point for each such bar in 10,000 present bars         at most 10
///   zero volume        0.2 points a percent of the present bars                 at most 10
///   frozen bars        0.5 points a percent of the present bars                 at most 10
///   flat bars          0.1 points a percent of the present bars                 at most 5
///   10 points for each finding that is an error, inconsistent bars aside, until nothing is left
/// A series without a single bar scores 0. The weights are a judgement, so compare scores only with each other.
struct QualityReport {
    /// Upper bounds, in bars, of the classes of gapsByLength; the last class has none.
    static constexpr std::array<std::size_t, 5> kGapClasses{1, 6, 12, 72, 288};

    static constexpr std::size_t kGapMapCells = 100;
    static constexpr std::size_t kListedGaps = 1000; ///< in JSON: the longest

    /// A run of missing bars.
    struct Gap {
        std::int64_t time = 0;
        std::size_t bars = 0;
    };

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
    std::vector<Gap> gapList;     ///< all, in time
    std::vector<double> gapMap;   ///< share of present bars in up to kGapMapCells cells of gapMapCellBars bars each, for drawing
    std::size_t gapMapCellBars = 0;

    std::size_t zeroVolume = 0;
    std::size_t flat = 0;         ///< open = high = low = close
    std::size_t inconsistent = 0; ///< open or close outside of low..high, a price not positive, a value not finite
    std::size_t longWicks = 0;
    std::int64_t firstInconsistentTime = 0;
    std::int64_t firstLongWickTime = 0;

    /// Log returns between neighbouring present bars. 1.4826 MAD estimates a normal deviation (Rousseeuw and Croux,
    /// "Alternatives to the Median Absolute Deviation", 1993); where more than half of the returns are equal the MAD is 0 and
    /// 1.2533 mean absolute deviation stands in.
    double robustDeviation = 0.0;
    std::size_t spikes = 0;
    std::int64_t firstSpikeTime = 0;
    double largestReturn = 0.0;   ///< by size, with its sign
    std::int64_t largestReturnTime = 0;

    std::size_t frozenRuns = 0;
    std::size_t frozenBars = 0;
    std::size_t longestFrozen = 0;
    std::int64_t longestFrozenTime = 0;

    std::size_t outlierPrints = 0;
    std::size_t slippedBars = 0;
    std::size_t repeatedBars = 0;
    std::size_t absurdVolume = 0;
    std::size_t longestZeroVolume = 0; ///< bars in a row
    std::int64_t staleSeconds = 0;     ///< since the next bar was due, where a now was given

    double score = 0.0;
    std::vector<Finding> findings; ///< faults of the file first

    Json toJson() const;
    /// A table for a terminal, one fact a line, the gap map and the findings.
    std::string toText() const;
    std::string gapMapText() const;
    /// At most so many, in time.
    std::vector<Gap> longestGaps(std::size_t most) const;
};

/// Whether training on the data needs an explicit override, and why: one sentence for each finding that is an error.
struct Verdict {
    std::vector<std::string> reasons;
    bool blocks() const { return !reasons.empty(); }
};
Verdict blocksTraining(const QualityReport& report);

QualityReport assessQuality(const BarSeries& series, const QualityOptions& options = {});
/// The same with the faults of the files it came from; see inspectSeries.
QualityReport assessQuality(const ImportResult& imported, const QualityOptions& options = {});

} // namespace btcai
