#pragma once

#include "agent/config/RunConfig.h"
#include "env/TradingEnvOptions.h"
#include "env/sizing/PositionSizer.h"

namespace btcai {

/// The terms that accounts trade on by this configuration. Rows, stretches, accounts, episodes and starts are left to whoever builds the
/// environment. Throws Error(BadInput) naming a field that can't be read; checkOptions tells what contradicts.
TradingEnvOptions environmentOptions(const RunConfig& config);

/// Sizes as shares of the full one, account.exposure x margin.leverage.
SizingOptions sizingOptions(const RunConfig& config);

} // namespace btcai
