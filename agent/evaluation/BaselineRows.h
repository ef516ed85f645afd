#pragma once

#include <memory>
#include <span>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/protocol/Messages.h"
#include "data/dataset/Split.h"
#include "env/Market.h"
#include "env/bounds/Baselines.h"

namespace btcai {

/// What baselines make of the rows that an evaluation traded, with the account and the costs of `config`. Random is the mean of 16 draws, with its standard
/// error, that trade `turnover` times the equity: with the agent's own, it pays what the agent paid.
std::vector<protocol::EvaluationRow> baselineRows(const std::shared_ptr<const Market>& market, const RowRange& rows, const RunConfig& config,
                                                  std::span<const Baseline> baselines, double turnover);

/// What perfect foresight would have made of them (env/bounds/PerfectForesight.h), in log equity. A share of it is a share of the log growth.
double attainableGrowth(const Market& market, const RowRange& rows, const RunConfig& config);

} // namespace btcai
