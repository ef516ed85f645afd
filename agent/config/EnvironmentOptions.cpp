#include "agent/config/EnvironmentOptions.h"

#include <limits>

#include "agent/config/MessageText.h"
#include "base/Error.h"

namespace btcai {

namespace {

template <typename Parse> auto parseField(std::string_view key, const std::string& text, const Parse& parse)
{
    try {
        return parse(text);
    } catch (const Error& error) {
        throw Error(error.kind(), "{} = {}: {}", key, messageText(text), error.what());
    }
}

CostModel costModel(const RunConfig::Costs& costs)
{
    return {.takerFeeBps = costs.takerFeeBps,
            .halfSpreadBps = costs.halfSpreadBps,
            .impactBps = costs.impactBps,
            .maxParticipation = costs.maxParticipation,
            .makerFeeBps = costs.makerFeeBps,
            .feeCurrency = costs.feeCurrency == "received" ? FeeCurrency::Received : FeeCurrency::Quote,
            .tiers = parseField("costs.fee_tiers", costs.feeTiers, parseFeeTiers),
            .spread = costs.spread == "estimated" ? SpreadModel::Estimated : SpreadModel::Fixed,
            .spreadWindow = static_cast<std::size_t>(costs.spreadWindow)};
}

ExecutionOptions executionOptions(const RunConfig::Execution& execution)
{
    return {.timing = execution.timing == "next-open" ? FillTiming::NextOpen : FillTiming::OptimisticDecisionClose,
            .rest = execution.rest == "cancel" ? RestPolicy::Cancel : RestPolicy::Carry,
            .latencyBars = static_cast<std::size_t>(execution.latencyBars),
            .entry = execution.entry == "limit" ? OrderType::Limit : execution.entry == "stop" ? OrderType::Stop : OrderType::Market,
            .entryOffset = execution.entryOffsetBps * 1e-4,
            .lifetimeBars = static_cast<std::size_t>(execution.lifetimeBars)};
}

RiskLimits riskLimits(const RunConfig::Risk& risk)
{
    const auto limit = [](double value) { return value > 0.0 ? value : RiskLimits::kOff; };
    return {.maxExposure = limit(risk.maxExposure),
            .maxDailyLoss = limit(risk.maxDailyLoss),
            .maxTotalLoss = limit(risk.maxTotalLoss),
            .maxDrawdown = limit(risk.maxDrawdown),
            .coolDownBars = static_cast<std::size_t>(risk.coolDownBars),
            .maxCorrelation = risk.maxCorrelation < 1.0 ? risk.maxCorrelation : RiskLimits::kOff,
            .maxHistoricalVar = limit(risk.maxHistoricalVar),
            .maxParametricVar = limit(risk.maxParametricVar),
            .varConfidence = risk.varConfidence};
}

GoalPeriod goalPeriod(std::string_view name)
{
    for (const GoalPeriod period : {GoalPeriod::Month, GoalPeriod::Year, GoalPeriod::Holding})
        if (goalPeriodName(period) == name)
            return period;
    return GoalPeriod::None;
}

} // namespace

TradingEnvOptions environmentOptions(const RunConfig& config)
{
    const RunConfig::Account& account = config.account;
    TradingEnvOptions options;
    options.initialCash = account.initialCash;
    options.exposure = account.exposure;
    options.allowShort = account.allowShort;
    options.ruinShare = account.ruinShare;
    options.actionMode = account.actions == "orders" ? ActionMode::Orders : ActionMode::Target;
    options.maxPositions = static_cast<std::size_t>(account.maxPositions);
    options.stopLoss = account.stopLoss;
    options.takeProfit = account.takeProfit;
    options.costs = costModel(config.costs);
    options.execution = executionOptions(config.execution);
    options.margin = {.perpetual = config.margin.product == "perpetual",
                      .leverage = config.margin.leverage,
                      .maintenance = config.margin.maintenance,
                      .liquidationFeeBps = config.margin.liquidationFeeBps,
                      .fundingRate = config.margin.fundingRateBps * 1e-4};
    options.risk = riskLimits(config.risk);
    // What a value at risk alone needs must not switch the guard on.
    if (!options.risk.needsReturns())
        options.risk.varConfidence = RiskLimits{}.varConfidence;
    options.riskBars = static_cast<std::size_t>(config.risk.varBars);
    options.flows = {.everyDays = config.flows.everyDays, .amount = config.flows.amount,
                     .script = parseField("flows.script", config.flows.script, parseFlows)};
    options.goal = {.period = goalPeriod(config.goal.period), .least = config.goal.least, .most = config.goal.most,
                    .inState = config.goal.inState};
    options.reward = config.reward;
    options.reward.discount = config.ppo.gamma;
    return options;
}

SizingOptions sizingOptions(const RunConfig& config)
{
    const RunConfig::Sizing& sizing = config.sizing;
    const double full = config.account.exposure * config.margin.leverage;
    return {.method = sizing.method == "confidence"          ? SizingMethod::Confidence
                      : sizing.method == "uncertainty"       ? SizingMethod::Uncertainty
                      : sizing.method == "full-distribution" ? SizingMethod::FullDistribution
                                                             : SizingMethod::Fixed,
            .fullExposure = full,
            .maxExposure = full,
            .maxUncertainty = sizing.maxUncertainty > 0.0 ? sizing.maxUncertainty : std::numeric_limits<double>::infinity(),
            .uncertaintyPenalty = sizing.uncertaintyPenalty,
            .kellyFraction = sizing.kellyFraction};
}

} // namespace btcai
