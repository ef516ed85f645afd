#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/Rng.h"
#include "env/TradingEnv.h"

namespace btcai::test {

/// What the environment reads of a bar.
struct TestBar {
    double open = 0.0;
    double close = 0.0;
    double volume = 1e9; ///< so much that neither cap nor impact is felt
    double high = 0.0;   ///< 0: the higher of open and close
    double low = 0.0;    ///< 0: the lower
};

inline constexpr std::nullopt_t kMissing = std::nullopt;

/// A series from 1970 on; the first and the last row must be present.
inline BarSeries seriesOf(const std::vector<std::optional<TestBar>>& rows, std::int64_t intervalSeconds = 300)
{
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (const auto& bar = rows[i])
            bars.push_back({static_cast<std::int64_t>(i) * intervalSeconds, bar->open,
                            bar->high > 0.0 ? bar->high : std::max(bar->open, bar->close),
                            bar->low > 0.0 ? bar->low : std::min(bar->open, bar->close), bar->close, bar->volume});
    return BarSeries::fromBars("TEST", intervalSeconds, bars);
}

/// A market of 5-minute bars; the first and the last row must be present.
inline std::shared_ptr<const Market> marketOf(const std::vector<std::optional<TestBar>>& rows)
{
    return std::make_shared<const Market>(seriesOf(rows));
}

/// One account, one stretch, from the first row to the last, without any cost; tests switch on what they are about.
inline TradingEnvOptions oneAccount(const Market& market)
{
    TradingEnvOptions options;
    options.rows = {{0, market.rows()}};
    options.stretches = options.accounts = 1;
    options.episodeBars = market.rows() - 1;
    options.randomStarts = false;
    options.initialCash = 1000.0;
    options.exposure = 0.5;
    options.ruinShare = 0.0;
    options.costs = {.takerFeeBps = 0.0, .halfSpreadBps = 0.0, .impactBps = 0.0, .maxParticipation = 1.0};
    options.reward = {.scale = 1.0, .drawdownPenalty = 0.0};
    return options;
}

/// Terms for runExposures: 1000 of cash.
inline TradingEnvOptions termsOf(double exposure, bool allowShort, const CostModel& costs)
{
    TradingEnvOptions terms;
    terms.initialCash = 1000.0;
    terms.exposure = exposure;
    terms.allowShort = allowShort;
    terms.costs = costs;
    return terms;
}

inline constexpr std::uint8_t kFlat = 0, kLong = 1, kShort = 2;

/// Steps an environment whose lanes all take the same action.
inline StepResult stepAll(VectorEnvironment& env, std::uint8_t action)
{
    StepResult result;
    env.step(std::vector<std::uint8_t>(env.lanes(), action), result);
    return result;
}

// ---- random cases ----

inline double uniformIn(Rng& rng, double low, double high) { return low + (high - low) * rng.uniform(); }

/// A market whose price jumps, stands and leaves holes.
inline std::vector<std::optional<TestBar>> randomRows(Rng& rng, std::size_t count, double missingShare = 0.15)
{
    std::vector<std::optional<TestBar>> rows(count);
    double price = 100.0;
    for (std::size_t i = 0; i < count; ++i) {
        const bool missing = i > 0 && i + 1 < count && rng.uniform() < missingShare;
        const double open = price * std::exp(0.01 * rng.normal());
        price = open * std::exp(rng.below(25) == 0 ? uniformIn(rng, -1.5, 1.5) : 0.02 * rng.normal());
        if (!missing)
            rows[i] = TestBar{open, price, rng.below(20) == 0 ? 0.0 : std::exp(uniformIn(rng, -3.0, 8.0))};
    }
    return rows;
}

/// Any configuration that RunConfig would let pass, the extremes among them.
inline TradingEnvOptions randomOptions(Rng& rng, std::size_t rows)
{
    const auto pick = [&rng](double usual, double extreme) { return rng.below(8) == 0 ? extreme : usual * rng.uniform(); };
    TradingEnvOptions options;
    options.stretches = 1 + rng.below(3);
    options.accounts = 1 + rng.below(4);
    options.startGrid = 1 + rng.below(5);
    options.rows = {{rng.below(8), rows}};
    options.episodeBars = 8 + rng.below(rows - 8 - 16);
    options.randomStarts = rng.below(4) != 0;
    options.initialCash = 1000.0;
    options.exposure = rng.below(2) == 0 ? 1.0 : uniformIn(rng, 0.01, 1.0);
    options.allowShort = rng.below(2) == 0;
    options.ruinShare = rng.below(3) == 0 ? 0.0 : 0.9 * rng.uniform();
    options.costs = {.takerFeeBps = pick(50.0, 1000.0), .halfSpreadBps = pick(20.0, 1000.0),
                     .impactBps = pick(200.0, 10000.0), .maxParticipation = pick(0.5, 1.0) + 1e-6};
    options.costs.maxParticipation = std::min(options.costs.maxParticipation, 1.0);
    options.reward = {.scale = 100.0, .drawdownPenalty = rng.below(2) == 0 ? 0.0 : 3.0};
    return options;
}

/// Any configuration of the whole environment: orders or targets, spot or perpetual, flows, tiers, goals and reward terms.
inline TradingEnvOptions randomFullOptions(Rng& rng, std::size_t rows)
{
    TradingEnvOptions o = randomOptions(rng, rows);
    const auto often = [&rng] { return rng.below(2) == 0; };
    const auto seldom = [&rng] { return rng.below(4) == 0; };
    if (often()) {
        o.actionMode = ActionMode::Orders;
        o.maxPositions = 1 + rng.below(25);
        o.stopLoss = often() ? uniformIn(rng, 0.001, 0.2) : 0.0;
        o.takeProfit = often() ? uniformIn(rng, 0.001, 0.2) : 0.0;
        o.execution.entry = static_cast<OrderType>(rng.below(3));
        o.execution.entryOffset = uniformIn(rng, 0.0, 0.03);
        o.execution.lifetimeBars = rng.below(6);
    } else if (seldom()) {
        o.execution.timing = FillTiming::OptimisticDecisionClose;
    }
    if (o.execution.timing == FillTiming::NextOpen)
        o.execution.latencyBars = seldom() ? rng.below(4) : 0;
    o.execution.rest = often() ? RestPolicy::Carry : RestPolicy::Cancel;
    if (often())
        o.margin = {.perpetual = true, .leverage = uniformIn(rng, 1.0, 10.0), .maintenance = uniformIn(rng, 0.001, 0.09),
                    .liquidationFeeBps = uniformIn(rng, 0.0, 100.0), .fundingRate = uniformIn(rng, -0.01, 0.01)};
    o.costs.makerFeeBps = uniformIn(rng, 0.0, o.costs.takerFeeBps);
    o.costs.feeCurrency = often() ? FeeCurrency::Quote : FeeCurrency::Received;
    o.costs.spread = seldom() ? SpreadModel::Estimated : SpreadModel::Fixed;
    o.costs.spreadWindow = 1 + rng.below(10);
    if (seldom())
        o.costs.tiers = {{uniformIn(rng, 0.0, 5000.0), 8.0, 6.0}, {6000.0, 5.0, 3.0}};
    if (seldom())
        o.flows = {.everyDays = uniformIn(rng, 0.003, 0.05), .amount = uniformIn(rng, -300.0, 300.0),
                   .script = {{static_cast<std::int64_t>(rng.below(9000)), uniformIn(rng, -900.0, 900.0)}}};
    if (often()) {
        o.goal = {.period = static_cast<GoalPeriod>(1 + rng.below(3)), .least = uniformIn(rng, 0.01, 1.0), .most = 2.0, .inState = true};
        o.reward.goalShaping = uniformIn(rng, 0.0, 1.0);
    }
    o.reward.winBonus = seldom() ? 0.01 : 0.0;
    o.reward.bonusMultiplier = seldom() ? 2.0 : 0.0;
    o.reward.drawdownShaping = seldom() ? 0.5 : 0.0;
    return o;
}

/// An action that tends to stay, so that positions are held for a while.
inline std::uint8_t wanderingAction(Rng& rng, std::uint8_t before, std::size_t actionCount)
{
    return rng.below(3) != 0 ? before : static_cast<std::uint8_t>(rng.below(actionCount));
}

} // namespace btcai::test
