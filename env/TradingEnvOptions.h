#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include "data/dataset/Split.h"
#include "env/Action.h"
#include "env/account/Flows.h"
#include "env/account/Margin.h"
#include "env/bucket/Goal.h"
#include "env/execution/CostModel.h"
#include "env/execution/ExecutionOptions.h"
#include "env/reward/RewardOptions.h"
#include "env/risk/RiskGuard.h"

namespace btcai {

/// How stretches of market are dealt to accounts, and the terms these trade on.
struct TradingEnvOptions {
    std::vector<RowRange> rows;   ///< decisions are taken only in these; an episode lies within one of them
    std::size_t stretches = 8;    ///< G
    std::size_t firstStretch = 0; ///< number of the first one in the random streams: these may be a share of a larger environment's
    std::size_t accounts = 16;    ///< M per stretch; lanes = G * M, lane = stretch * M + account
    std::size_t episodeBars = 2048; ///< steps until an episode is cut
    std::size_t startGrid = 1;    ///< stretches start at a row divisible by this (the encoder's patch)
    bool randomStarts = true;     ///< else every episode starts at the first row that it can
    double maxMissingShare = 0.2; ///< of an episode's bars; starts with more are drawn again
    double initialCash = 10'000.0;
    double exposure = 1.0; ///< the share of equity times leverage that an account takes with all its positions
    bool allowShort = false;
    double ruinShare = 0.2;
    CostModel costs;
    RewardOptions reward;

    ActionMode actionMode = ActionMode::Target;
    std::size_t maxPositions = 25; ///< in the mode "orders", at most 255; each takes an equal share of the exposure
    double stopLoss = 0.0;         ///< in the mode "orders", share of the entry price; 0 for none
    double takeProfit = 0.0;       ///< the same
    ExecutionOptions execution;
    MarginOptions margin;
    FlowOptions flows;
    Goal goal;
    RiskLimits risk;            ///< what the guard holds each account to; all off: there is none
    std::size_t riskBars = 500; ///< latest returns that a value at risk is told from
    /// The guard judges the accounts of a stretch below this index: what an agent is compared with needs no guard.
    std::size_t guardedAccounts = std::numeric_limits<std::size_t>::max();
    std::shared_ptr<KillSwitch> killSwitch; ///< shared with whoever may throw it; none needed
    std::size_t threads = 1; ///< that step the stretches; results do not depend on it
};

/// Throws Error(BadInput) naming the fields of options that contradict each other.
void checkOptions(const TradingEnvOptions& options);

} // namespace btcai
