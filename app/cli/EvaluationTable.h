#pragma once

#include <span>
#include <string>

#include "agent/protocol/Messages.h"
#include "base/Json.h"

namespace btcai::cli {

/// The table a run ends with, aligned for a terminal. Returns and drawdown in per cent.
std::string evaluationTable(const protocol::Evaluation& evaluation);
Json evaluationJson(const protocol::Evaluation& evaluation);

/// How far the forecasts of each horizon can be believed; empty for none.
std::string calibrationTable(std::span<const protocol::Calibration> calibrations);
Json calibrationJson(std::span<const protocol::Calibration> calibrations);

} // namespace btcai::cli
