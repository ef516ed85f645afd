#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/Json.h"

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

enum class SplitRole {
    WarmUp,     ///< before the first usable row
    Train,
    Validation,
    Test,
    Purged,     ///< left out, since its window would touch that of a scored row
    Embargo,    ///< left out besides
    Unused,     ///< outside of this split's windows
};

/// "warm-up", "train", "validation", "test", "purged", "embargo", "unused": stable, as in JSON.
std::string_view splitRoleName(SplitRole role);

struct SplitSegment {
    SplitRole role = SplitRole::Unused;
    RowRange rows;
    bool operator==(const SplitSegment&) const = default;
};

/// One way to cut the rows: segments in order, which cover all rows without a gap or an overlap.
struct Split {
    std::string name; ///< "fold 3 of 5"
    std::vector<SplitSegment> segments;

    /// The ranges of one role, in order.
    std::vector<RowRange> rows(SplitRole role) const;
};

/// Where rows lie in time: row i opens at startTime + i * intervalSeconds, as in a BarSeries.
struct RowClock {
    std::int64_t startTime = 0;
    std::int64_t intervalSeconds = 300;
};

/// The splits of one scheme.
struct SplitPlan {
    std::string scheme; ///< "time", "walk-forward-anchored", "walk-forward-rolling", "purged-k-fold" or "combinatorial-purged"
    std::vector<Split> splits;
    /// Combinatorial only, else empty: paths[p][g] is the split whose test of group g belongs to back-test path p. A path tests
    /// every group once.
    std::vector<std::vector<std::size_t>> paths;

    /// For a picture: {"scheme","splits":[{"name","segments":[{"role","first_row","last_row","from","to"}]}],"paths"}. last_row is the
    /// row behind the last; from and to are ISO 8601 and bound the time the segment covers.
    Json toJson(const RowClock& clock) const;
    /// One line a split, "fold 1 of 2: train 0-400 (2018-01-01 to 2018-01-02), ...", times to the minute where they need it.
    std::string toText(const RowClock& clock) const;
};

/// How far a row reaches: its features look back `lookbackRows` and, until they forget, `warmUpRows` further; a decision taken in it
/// is settled `horizonRows` later. Row r touches the window [r - lookback - warm-up, r + horizon].
struct RowReach {
    std::size_t lookbackRows = 0;
    std::size_t warmUpRows = 0;
    std::size_t horizonRows = 0;

    /// Rows to leave out between a scored row and one that is learnt from, on either side: with so many between them,
    /// their windows share no row.
    std::size_t purgeRows() const { return lookbackRows + warmUpRows + horizonRows; }
};

/// What all schemes below need. Rows [firstUsable, rows) are cut; errors name the shortage and are Error(BadInput).
struct SplitRows {
    std::size_t firstUsable = 0;
    std::size_t rows = 0;
    RowReach reach;
};

/// The split by time as a plan of one split, for the picture.
SplitPlan planOf(const TimeSplit& split, std::size_t firstUsable, std::size_t rows);

enum class WalkForwardStart {
    Anchored, ///< each fold learns from the first usable row on
    Rolling,  ///< each fold learns from the same number of rows
};

struct WalkForwardOptions {
    WalkForwardStart start = WalkForwardStart::Anchored;
    std::size_t folds = 5;
    std::size_t testRows = 0;       ///< of a fold; the tests of all folds are the last folds * testRows rows, each tested once
    std::size_t validationRows = 0; ///< before each test, 0: none
    std::size_t trainRows = 0;      ///< rolling: of each fold; anchored: at least so many in the first fold
};

/// Learn, skip the purge, (validate, skip the purge,) test; then the same one test further on.
SplitPlan walkForward(const SplitRows& rows, const WalkForwardOptions& options);

struct PurgedKFoldOptions {
    std::size_t folds = 5;
    std::size_t embargoRows = 0; ///< left out behind each test on top of the purge
};

/// k-fold cross-validation with purging and embargo: Lopez de Prado, "Advances in Financial Machine Learning" (2018), chapter 7. Fold i
/// is tested on the i-th of k neighbouring parts (sizes differ by one row at most), and learns from all the rest that the
/// purge on both sides and the embargo behind leave. Every usable row is tested once.
SplitPlan purgedKFold(const SplitRows& rows, const PurgedKFoldOptions& options);

struct CombinatorialOptions {
    std::size_t groups = 6;      ///< N
    std::size_t testGroups = 2;  ///< k
    std::size_t embargoRows = 0;
};

/// Combinatorial purged cross-validation (the same, chapter 12): every choice of k of N groups is tested once, which
/// gives binomial(N, k) splits and binomial(N - 1, k - 1) paths, each of which tests every row once. At most 5,000 splits.
SplitPlan combinatorialPurged(const SplitRows& rows, const CombinatorialOptions& options);

} // namespace btcai
