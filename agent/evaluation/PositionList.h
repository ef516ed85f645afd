#pragma once

#include <filesystem>
#include <vector>

#include "data/dataset/Split.h"
#include "env/Market.h"

namespace btcai {

/// Target exposures of somebody's own, one for each of the rows from the first listed bar to the last.
struct PositionList {
    RowRange rows;
    std::vector<double> exposures; ///< one a row; a bar that is not listed keeps the exposure before it
};

/// Reads a table `timestamp,position`: the time a bar opens (unix seconds, or as parseUtc takes it), and the exposure (position value over equity,
/// negative is short) that is decided at the close of that bar. Plain or gzip. Throws Error(BadInput) naming file, line and field for anything else: times that do not
/// ascend, are no bar's or lie outside of the market, and exposures outside of [least, most].
PositionList readPositions(const std::filesystem::path& path, const Market& market, double least, double most);

} // namespace btcai
