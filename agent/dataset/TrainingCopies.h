#pragma once

#include <vector>

#include "agent/config/RunConfig.h"
#include "data/bars/BarSeries.h"
#include "data/dataset/Split.h"

namespace btcai {

/// A series with altered copies of its training part behind its end, so that features and environment treat them as any other rows.
struct AugmentedSeries {
    BarSeries series;              ///< rows below the original's size are the original
    std::vector<RowRange> copies;  ///< the rows to learn from
};

/// Appends config.augment.copies copies of each training range, altered as config.augment.kind says, each by a draw of its own
/// (named by the seed and its number). A copy brings the `leadRows` rows before its range along, altered too, for look-back and warm-up. It
/// begins at the same time of the week as its original, whole weeks later, behind rows that are missing, so that calendar
/// features fit.
AugmentedSeries appendTrainingCopies(const RunConfig& config, const BarSeries& series, const std::vector<RowRange>& training,
                                     std::size_t leadRows);

} // namespace btcai
