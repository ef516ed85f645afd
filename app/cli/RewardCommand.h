#pragma once

#include <string>

namespace btcai::cli {

/// `btcai check --reward`: audits the environment with account, costs and reward of the configuration file, of the defaults where none is
/// named. Prints the report, as JSON where asked. Returns 0, or the exit code of an internal error where a relation is violated.
int runRewardCheck(const std::string& configFile, bool json);

} // namespace btcai::cli
