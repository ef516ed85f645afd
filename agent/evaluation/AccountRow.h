#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/protocol/Messages.h"
#include "env/TradingEnv.h"

namespace btcai {

/// What is kept of one account that traded a part of the data.
struct TradedAccount {
    std::vector<double> equity; ///< relative to 1, one value a row, all positive
    std::vector<double> profits; ///< of its closed trades, quote currency
    double exposureSum = 0.0;   ///< of |position value / equity| over the rows
    double traded = 0.0;        ///< quote currency
    double costs = 0.0;         ///< quote currency
    bool ruined = false;
};

protocol::EvaluationRow accountRow(const std::string& name, const TradedAccount& account, double initialCash, std::int64_t intervalSeconds);

/// The mean over accounts (one at least), with the standard error of the total return where they are several.
protocol::EvaluationRow meanRow(const std::string& name, std::span<const protocol::EvaluationRow> rows);

/// What the risk guard refused, by reason; nothing where it refused nothing.
std::vector<std::pair<std::string, double>> refusedOrders(const TradingEnv& env);

} // namespace btcai
