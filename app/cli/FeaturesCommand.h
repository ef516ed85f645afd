#pragma once

#include <string>

#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"

namespace btcai::cli {

/// `btcai check --causality`: changes what comes after many points in time and compares the features up to each. Prints the report, as JSON
/// where asked. Returns 0, or the exit code of an internal error where a feature sees the future.
int runCausalityCheck(const BarSeries& series, const FundingSeries& funding, const std::string& select, bool json);

} // namespace btcai::cli
