#include "env/TradingEnvOptions.h"

#include <string>

#include "base/Error.h"

namespace btcai {

namespace {

void require(bool condition, const char* message)
{
    if (!condition)
        throw Error(ErrorKind::BadInput, std::string(message));
}

} // namespace

void checkOptions(const TradingEnvOptions& options)
{
    const bool orders = options.actionMode == ActionMode::Orders;
    require(options.maxPositions >= 1 && options.maxPositions <= 255, "account.max_positions: must be between 1 and 255");
    require(orders || (options.stopLoss == 0.0 && options.takeProfit == 0.0),
            "account.stop_loss and account.take_profit: need account.actions = orders; a target position has no stops");
    require(orders || options.execution.entry == OrderType::Market,
            "execution.entry: limit and stop orders need account.actions = orders; a target is reached by market orders");
    require(!orders || options.execution.timing == FillTiming::NextOpen,
            "execution.timing = optimistic-decision-close: only with account.actions = target, to reproduce other environments");
    require(options.execution.timing == FillTiming::NextOpen || options.execution.latencyBars == 0,
            "execution.latency_bars: must be 0 with execution.timing = optimistic-decision-close");
    require(options.margin.perpetual || options.margin.leverage == 1.0, "margin.leverage: above 1 needs margin.product = perpetual");
    require(options.margin.leverage * options.margin.maintenance < 1.0,
            "margin.leverage and margin.maintenance: a position at full leverage would be liquidated at once");
    require(options.risk.maxExposure > options.exposure * options.margin.leverage / (orders ? static_cast<double>(options.maxPositions) : 1.0),
            "risk.max_exposure: no position could ever be opened, since one alone (account.exposure x margin.leverage, with orders over "
            "account.max_positions) reaches it before its costs");
    require(!options.risk.needsReturns() || options.riskBars >= options.risk.leastReturns,
            "risk.var_bars: must be 100 or more for a value at risk");
    const bool usesProgress = options.goal.inState || options.reward.goalShaping != 0.0;
    require(!usesProgress || (options.goal.period != GoalPeriod::None && options.goal.least > 0.0),
            "goal.in_state and reward.goal_shaping: need a goal.period and a goal.least above 0");
    require(options.reward.goalShaping == 0.0 || options.goal.inState,
            "reward.goal_shaping: needs goal.in_state, since a reward must follow from what is seen");
}

} // namespace btcai
