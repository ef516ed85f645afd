#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "base/Clock.h"
#include "base/Error.h"
#include "data/dataset/Split.h"

namespace btcai {

namespace {

constexpr std::size_t kMostSplits = 5000;

/// Ranges of a role; where two claim a row, the one painted last has it.
class Canvas {
public:
    explicit Canvas(std::size_t rows) : m_rows(rows) {}

    void paint(SplitRole role, std::size_t first, std::size_t last)
    {
        last = std::min(last, m_rows);
        if (first < last)
            m_strokes.push_back({role, {first, last}});
    }

    Split split(std::string name) const
    {
        std::vector<std::size_t> edges{0, m_rows};
        for (const SplitSegment& stroke : m_strokes)
            edges.insert(edges.end(), {stroke.rows.first, stroke.rows.last});
        std::ranges::sort(edges);
        Split split{.name = std::move(name), .segments = {}};
        for (std::size_t i = 1; i < edges.size(); ++i)
            if (edges[i - 1] < edges[i])
                add(split.segments, roleOf(edges[i - 1]), {edges[i - 1], edges[i]});
        return split;
    }

private:
    SplitRole roleOf(std::size_t row) const
    {
        const auto found = std::find_if(m_strokes.rbegin(), m_strokes.rend(),
                                        [row](const SplitSegment& s) { return s.rows.first <= row && row < s.rows.last; });
        return found == m_strokes.rend() ? SplitRole::Unused : found->role;
    }

    static void add(std::vector<SplitSegment>& segments, SplitRole role, RowRange rows)
    {
        if (!segments.empty() && segments.back().role == role)
            segments.back().rows.last = rows.last;
        else
            segments.push_back({role, rows});
    }

    std::size_t m_rows;
    std::vector<SplitSegment> m_strokes;
};

std::size_t minus(std::size_t a, std::size_t b) { return a > b ? a - b : 0; }

void checkRows(const SplitRows& rows)
{
    if (rows.firstUsable >= rows.rows)
        throw Error(ErrorKind::BadInput, "none of {} rows is usable: the warm-up takes {}", rows.rows, rows.firstUsable);
}

/// Part i of n neighbouring parts of the usable rows.
RowRange partOf(const SplitRows& rows, std::size_t i, std::size_t n)
{
    const std::size_t usable = rows.rows - rows.firstUsable;
    return {rows.firstUsable + usable * i / n, rows.firstUsable + usable * (i + 1) / n};
}

/// Learns from all that the tests, their purge and embargo leave.
Split aroundTests(const SplitRows& rows, const std::vector<RowRange>& tests, std::size_t embargo, std::string name)
{
    const std::size_t purge = rows.reach.purgeRows();
    Canvas canvas(rows.rows);
    canvas.paint(SplitRole::Train, rows.firstUsable, rows.rows);
    for (const RowRange& test : tests)
        canvas.paint(SplitRole::Embargo, test.last + purge, test.last + purge + embargo);
    for (const RowRange& test : tests)
        canvas.paint(SplitRole::Purged, minus(test.first, purge), test.last + purge);
    for (const RowRange& test : tests)
        canvas.paint(SplitRole::Test, test.first, test.last);
    canvas.paint(SplitRole::WarmUp, 0, rows.firstUsable);
    Split split = canvas.split(std::move(name));
    if (split.rows(SplitRole::Train).empty())
        throw Error(ErrorKind::BadInput,
                    "{}: the purge of {} rows and the embargo of {} leave nothing to learn from; use more bars, fewer parts or a shorter look-back",
                    split.name, purge, embargo);
    return split;
}

void checkParts(const SplitRows& rows, const char* what, std::size_t parts)
{
    checkRows(rows);
    if (parts < 2 || parts > rows.rows - rows.firstUsable)
        throw Error(ErrorKind::BadInput, "{} is {}; it must be at least 2 and at most the {} usable rows", what, parts,
                    rows.rows - rows.firstUsable);
}

/// binomial(n, k), or kMostSplits + 1 when it is larger than that.
std::size_t binomial(std::size_t n, std::size_t k)
{
    std::size_t value = 1;
    for (std::size_t i = 1; i <= k; ++i) {
        value = value * (n - k + i) / i; // exact at every step: a product of i neighbours is divisible by i!
        if (value > kMostSplits)
            return kMostSplits + 1;
    }
    return value;
}

/// Calls `use` with each choice of k of n numbers, in lexicographic order.
void forEachChoice(std::size_t n, std::size_t k, const std::function<void(const std::vector<std::size_t>&)>& use)
{
    std::vector<std::size_t> chosen(k);
    for (std::size_t i = 0; i < k; ++i)
        chosen[i] = i;
    for (;;) {
        use(chosen);
        std::size_t i = k;
        while (i > 0 && chosen[i - 1] == n - k + i - 1)
            --i;
        if (i == 0)
            return;
        ++chosen[i - 1];
        for (std::size_t next = i; next < k; ++next)
            chosen[next] = chosen[next - 1] + 1;
    }
}

std::string nameOf(const std::vector<std::size_t>& groups)
{
    std::string name = groups.size() == 1 ? "test of group" : "test of groups";
    for (const std::size_t group : groups)
        name += fmt::format(" {}", group + 1);
    return name;
}

/// The first row that a fold learns from.
std::size_t trainStart(const SplitRows& rows, const WalkForwardOptions& options, std::size_t trainEnd, const std::string& name)
{
    const std::size_t least = std::max<std::size_t>(options.trainRows, 1);
    if (trainEnd < rows.firstUsable + least)
        throw Error(ErrorKind::BadInput,
                    "walk-forward, {}: {} rows to learn from are left of the {} wanted; use more bars, fewer or shorter tests or a shorter look-back",
                    name, minus(trainEnd, rows.firstUsable), least);
    return options.start == WalkForwardStart::Anchored ? rows.firstUsable : trainEnd - options.trainRows;
}

Split walkForwardFold(const SplitRows& rows, const WalkForwardOptions& options, std::size_t fold)
{
    const std::size_t purge = rows.reach.purgeRows();
    const std::size_t testFirst = rows.rows - (options.folds - fold) * options.testRows;
    const std::size_t beforeTest = minus(testFirst, purge);
    const std::size_t validationFirst = minus(beforeTest, options.validationRows);
    const std::size_t trainEnd = options.validationRows > 0 ? minus(validationFirst, purge) : beforeTest;
    const std::string name = fmt::format("fold {} of {}", fold + 1, options.folds);
    const std::size_t trainFirst = trainStart(rows, options, trainEnd, name);

    Canvas canvas(rows.rows);
    canvas.paint(SplitRole::Purged, trainEnd, testFirst);
    if (options.validationRows > 0)
        canvas.paint(SplitRole::Validation, validationFirst, beforeTest);
    canvas.paint(SplitRole::Train, trainFirst, trainEnd);
    canvas.paint(SplitRole::Test, testFirst, testFirst + options.testRows);
    canvas.paint(SplitRole::WarmUp, 0, rows.firstUsable);
    return canvas.split(name);
}

/// To the minute; the day alone where that says all.
std::string shortTime(std::int64_t time)
{
    const std::string text = formatUtc(time);
    return time % 86400 == 0 ? text.substr(0, 10) : text.substr(0, 10) + ' ' + text.substr(11, 5);
}

std::int64_t timeOf(const RowClock& clock, std::size_t row) { return clock.startTime + static_cast<std::int64_t>(row) * clock.intervalSeconds; }

} // namespace

std::string_view splitRoleName(SplitRole role)
{
    switch (role) {
    case SplitRole::WarmUp: return "warm-up";
    case SplitRole::Train: return "train";
    case SplitRole::Validation: return "validation";
    case SplitRole::Test: return "test";
    case SplitRole::Purged: return "purged";
    case SplitRole::Embargo: return "embargo";
    case SplitRole::Unused: break;
    }
    return "unused";
}

std::vector<RowRange> Split::rows(SplitRole role) const
{
    std::vector<RowRange> ranges;
    for (const SplitSegment& segment : segments)
        if (segment.role == role)
            ranges.push_back(segment.rows);
    return ranges;
}

Json SplitPlan::toJson(const RowClock& clock) const
{
    Json list = Json::array();
    for (const Split& split : splits) {
        Json segments = Json::array();
        for (const auto& [role, rows] : split.segments)
            segments.push_back({{"role", splitRoleName(role)},
                                {"first_row", rows.first},
                                {"last_row", rows.last},
                                {"from", formatUtc(timeOf(clock, rows.first))},
                                {"to", formatUtc(timeOf(clock, rows.last))}});
        list.push_back({{"name", split.name}, {"segments", segments}});
    }
    return {{"scheme", scheme}, {"splits", list}, {"paths", paths}};
}

std::string SplitPlan::toText(const RowClock& clock) const
{
    std::string text;
    for (const Split& split : splits) {
        text += split.name + ':';
        for (const auto& [role, rows] : split.segments)
            text += fmt::format("{} {} {}-{} ({} to {})", &role == &split.segments.front().role ? "" : ",", splitRoleName(role), rows.first,
                                rows.last, shortTime(timeOf(clock, rows.first)), shortTime(timeOf(clock, rows.last)));
        text += '\n';
    }
    return text;
}

SplitPlan planOf(const TimeSplit& split, std::size_t firstUsable, std::size_t rows)
{
    Canvas canvas(rows);
    canvas.paint(SplitRole::Embargo, split.train.last, split.test.first);
    canvas.paint(SplitRole::Train, split.train.first, split.train.last);
    canvas.paint(SplitRole::Validation, split.validation.first, split.validation.last);
    canvas.paint(SplitRole::Test, split.test.first, split.test.last);
    canvas.paint(SplitRole::WarmUp, 0, firstUsable);
    return {.scheme = "time", .splits = {canvas.split("by time")}, .paths = {}};
}

SplitPlan walkForward(const SplitRows& rows, const WalkForwardOptions& options)
{
    checkRows(rows);
    const std::size_t usable = rows.rows - rows.firstUsable;
    if (options.folds == 0 || options.folds > kMostSplits)
        throw Error(ErrorKind::BadInput, "walk-forward: {} folds are not possible; use 1 to {}", options.folds, kMostSplits);
    if (options.testRows == 0 || options.testRows > usable / options.folds)
        throw Error(ErrorKind::BadInput, "walk-forward: {} tests of {} rows do not fit {} usable rows", options.folds, options.testRows, usable);
    const bool isRolling = options.start == WalkForwardStart::Rolling;
    if (isRolling && options.trainRows == 0)
        throw Error(ErrorKind::BadInput, "walk-forward: a rolling start needs the number of rows to learn from");
    SplitPlan plan{.scheme = isRolling ? "walk-forward-rolling" : "walk-forward-anchored", .splits = {}, .paths = {}};
    for (std::size_t fold = 0; fold < options.folds; ++fold)
        plan.splits.push_back(walkForwardFold(rows, options, fold));
    return plan;
}

SplitPlan purgedKFold(const SplitRows& rows, const PurgedKFoldOptions& options)
{
    checkParts(rows, "the number of folds", options.folds);
    if (options.folds > kMostSplits)
        throw Error(ErrorKind::BadInput, "{} folds are too many; use at most {}", options.folds, kMostSplits);
    SplitPlan plan{.scheme = "purged-k-fold", .splits = {}, .paths = {}};
    for (std::size_t fold = 0; fold < options.folds; ++fold)
        plan.splits.push_back(aroundTests(rows, {partOf(rows, fold, options.folds)}, options.embargoRows,
                                          fmt::format("fold {} of {}", fold + 1, options.folds)));
    return plan;
}

SplitPlan combinatorialPurged(const SplitRows& rows, const CombinatorialOptions& options)
{
    checkParts(rows, "the number of groups", options.groups);
    if (options.testGroups == 0 || options.testGroups >= options.groups)
        throw Error(ErrorKind::BadInput, "{} of {} groups cannot be tested: at least one and not all", options.testGroups, options.groups);
    if (binomial(options.groups, options.testGroups) > kMostSplits)
        throw Error(ErrorKind::BadInput, "{} of {} groups make more than {} splits; use fewer", options.testGroups, options.groups, kMostSplits);

    SplitPlan plan{.scheme = "combinatorial-purged", .splits = {}, .paths = {}};
    plan.paths.assign(binomial(options.groups - 1, options.testGroups - 1), std::vector<std::size_t>(options.groups));
    std::vector<std::size_t> timesTested(options.groups, 0);
    forEachChoice(options.groups, options.testGroups, [&](const std::vector<std::size_t>& chosen) {
        std::vector<RowRange> tests;
        for (const std::size_t group : chosen) {
            tests.push_back(partOf(rows, group, options.groups));
            plan.paths[timesTested[group]++][group] = plan.splits.size(); // its j-th test goes to path j
        }
        plan.splits.push_back(aroundTests(rows, tests, options.embargoRows, nameOf(chosen)));
    });
    return plan;
}

} // namespace btcai
