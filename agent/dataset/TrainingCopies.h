#pragma once

#include <vector>

#include "agent/config/RunConfig.h"
#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"
#include "data/dataset/Split.h"

namespace btcai {

/// A series with altered copies of its training part behind its end, so that features and environment treat them as any other rows.
struct AugmentedSeries {
    BarSeries series;              ///< rows below the original's size are the original
    FundingSeries funding;         ///< of the original, then of each copy at its times
    std::vector<RowRange> copies;  ///< the rows to learn from
};

/// Whether the configuration asks for copies: altered ones, or ones with events in them.
bool wantsTrainingCopies(const RunConfig& config);

/// Appends config.augment.copies copies of each training range, altered as config.augment.kind says, each by a draw of its own
/// (named by the seed and its number), then with events in it as config.events says. A copy brings the `leadRows` rows before its range along, altered too, for look-back and warm-up. It
/// begins at the same time of the week as its original, whole weeks later, behind rows that are missing, so that calendar
/// features fit; funding settlements come along. Throws Error(BadInput) for funding spikes asked for by name without funding rates.
AugmentedSeries appendTrainingCopies(const RunConfig& config, const BarSeries& series, const FundingSeries& funding,
                                     const std::vector<RowRange>& training, std::size_t leadRows);

} // namespace btcai
