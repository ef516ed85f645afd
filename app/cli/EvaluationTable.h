#pragma once

#include <string>

#include "agent/protocol/Messages.h"
#include "base/Json.h"

namespace btcai::cli {

/// The table a run ends with, aligned for a terminal. Returns and drawdown in per cent.
std::string evaluationTable(const protocol::Evaluation& evaluation);
Json evaluationJson(const protocol::Evaluation& evaluation);

} // namespace btcai::cli
