#include "agent/dataset/RunSplit.h"

#include <algorithm>

#include "base/Error.h"

namespace btcai {

namespace {

std::size_t shareOf(std::size_t rows, double share) { return static_cast<std::size_t>(static_cast<double>(rows) * share); }

/// Moves the start of a range up to the token grid; empty where nothing is left.
RowRange alignToGrid(RowRange range, std::size_t grid)
{
    range.first = std::min((range.first + grid - 1) / grid * grid, range.last);
    return range;
}

RowRange onlyRange(const Split& split, SplitRole role)
{
    const std::vector<RowRange> ranges = split.rows(role);
    return ranges.empty() ? RowRange{} : ranges.front();
}

SplitPlan walkForwardPlan(const RunConfig::Split& config, const SplitRows& rows)
{
    const std::size_t usable = rows.rows - rows.firstUsable;
    const auto folds = static_cast<std::size_t>(config.folds);
    WalkForwardOptions options;
    options.folds = folds;
    options.testRows = shareOf(usable, 1.0 - config.trainShare - config.validationShare) / folds;
    options.validationRows = shareOf(usable, config.validationShare) / folds;
    const std::size_t behind = folds * options.testRows + options.validationRows + 2 * rows.reach.purgeRows();
    if (behind >= usable)
        throw Error(ErrorKind::BadInput, "split.folds = {}: {} usable bars leave no room for the tests and the {} bars kept between the parts",
                    config.folds, usable, rows.reach.purgeRows());
    options.trainRows = usable - behind; // what the first fold has
    options.start = config.scheme == "walk-forward-rolling" ? WalkForwardStart::Rolling : WalkForwardStart::Anchored;
    return walkForward(rows, options);
}

RunSplit splitOnce(const RunConfig::Split& config, const SplitRows& rows)
{
    const TimeSplit split = splitByTime(rows.firstUsable, rows.rows,
                                        {.trainShare = config.trainShare, .validationShare = config.validationShare,
                                         .embargoRows = rows.reach.purgeRows()});
    return {{split.train}, split.validation, split.test, planOf(split, rows.firstUsable, rows.rows)};
}

void takeValidationFromTraining(RunSplit& split, std::size_t rows, std::size_t purge)
{
    const auto longest = std::ranges::max_element(split.training, {}, &RowRange::size);
    if (longest == split.training.end() || longest->size() <= rows + purge)
        throw Error(ErrorKind::BadInput, "split.validation_share: the longest training range is too short for {} bars of validation and the {} "
                    "bars kept before them; use more data or fewer folds", rows, purge);
    split.validation = {longest->last - rows, longest->last};
    longest->last = split.validation.first - purge;
}

} // namespace

RowRange RunSplit::longestTraining() const { return *std::ranges::max_element(training, {}, &RowRange::size); }

RunSplit splitForRun(const RunConfig& config, const SplitRows& rows)
{
    if (rows.firstUsable >= rows.rows)
        throw Error(ErrorKind::BadInput, "the data have {} bars, fewer than the {} that look-back and warm-up take; use more data", rows.rows,
                    rows.firstUsable);
    RunSplit split;
    const auto& asked = config.split;
    if (asked.scheme == "time") {
        split = splitOnce(asked, rows);
    } else {
        const bool kFold = asked.scheme == "purged-k-fold";
        split.plan = kFold ? purgedKFold(rows, {.folds = static_cast<std::size_t>(asked.folds)}) : walkForwardPlan(asked, rows);
        const Split& fold = split.plan.splits.at(static_cast<std::size_t>(asked.fold - 1));
        split.training = fold.rows(SplitRole::Train);
        split.validation = onlyRange(fold, SplitRole::Validation);
        split.test = onlyRange(fold, SplitRole::Test);
        if (kFold)
            takeValidationFromTraining(split, shareOf(rows.rows - rows.firstUsable, asked.validationShare), rows.reach.purgeRows());
    }
    const auto grid = static_cast<std::size_t>(config.model.patchBars);
    for (RowRange* part : {&split.validation, &split.test})
        *part = alignToGrid(*part, grid);
    for (RowRange& range : split.training)
        range = alignToGrid(range, grid);
    std::erase_if(split.training, [](const RowRange& range) { return range.size() == 0; });
    if (split.training.empty() || split.validation.size() == 0 || split.test.size() == 0)
        throw Error(ErrorKind::BadInput, "a part of the data is shorter than one patch of the encoder; use more data");
    return split;
}

} // namespace btcai
