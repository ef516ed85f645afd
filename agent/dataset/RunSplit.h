#pragma once

#include <vector>

#include "agent/config/RunConfig.h"
#include "data/dataset/Split.h"

namespace btcai {

/// The parts of the data that one run uses.
struct RunSplit {
    std::vector<RowRange> training; ///< to learn from, in order: several where a fold is tested in their midst
    RowRange validation;            ///< to choose by
    RowRange test;
    SplitPlan plan;                 ///< all folds of the scheme, for the record and the picture

    /// The longest range of the training part.
    RowRange longestTraining() const;
};

/// Cuts rows [rows.firstUsable, rows.rows) as config.split asks. Parts and ranges begin on the encoder's token grid. Where a scheme has no
/// validation part, the end of the longest training range, behind a purge, becomes it. Throws Error(BadInput) naming the shortage.
RunSplit splitForRun(const RunConfig& config, const SplitRows& rows);

} // namespace btcai
