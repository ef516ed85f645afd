#pragma once

#include <vector>

#include "data/importers/ImportResult.h"
#include "data/importers/PartReader.h"

namespace btcai {

/// Makes one series of the rows of one or several texts: finds the interval, converts volume, moves stamps that mark the close, and looks
/// for stamps off the grid, times that stand twice, files that disagree and swapped volumes. When strict, what no option
/// decides throws Error(BadInput) with the name of the fault, how many rows have it and the first. When lenient, everything is counted, and for
/// the series the last of several rows stands and rows off the grid are left out. Fills in the report.
BarSeries assembleBars(std::vector<PartRows>& parts, const std::string& instrument, const ImportOptions& options, Strictness strictness,
                       FaultLog& log, ImportReport& report);

/// The same of settlements; stamps are taken to the nearest second, which is said in the report.
FundingSeries assembleFunding(std::vector<PartRows>& parts, const std::string& instrument, const ImportOptions& options, Strictness strictness,
                              FaultLog& log, ImportReport& report);

} // namespace btcai
