#include "env/audit/RewardAudit.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/SyntheticMarket.h"
#include "env/events/MarketEvents.h"

namespace btcai {

namespace {

using Actions = std::vector<std::uint8_t>;
constexpr std::size_t kFindingsKept = 5;
constexpr std::uint8_t kFlat = 0;

/// Equity to which rounding is measured: books of large positions against small equities lose digits.
constexpr double kTolerance = 1e-9;
/// Rewards are floats.
constexpr double kRewardTolerance = 2e-6;

class TradingEnvUnderAudit final : public AuditedEnvironment {
public:
    explicit TradingEnvUnderAudit(const AuditCase& of) : m_env(of.market, of.options), m_stepsLeft(of.market->rows() - 2) {}

    std::size_t actionCount() const override { return m_env.actionCount(); }
    AuditState start() const override { return books(); }
    AuditState step(std::uint8_t action) override
    {
        m_env.step(std::span(&action, 1), m_result);
        --m_stepsLeft;
        const double flows = m_env.accounts().flows[0];
        AuditState state = books();
        state.flow = flows - m_flows;
        m_flows = flows;
        state.reward = static_cast<double>(m_result.reward[0]);
        state.ended = m_result.terminated[0] || m_stepsLeft == 0;
        if (m_result.terminated[0]) // the lane holds the next account
            state.equity = state.cash = state.quantity = std::numeric_limits<double>::quiet_NaN();
        return state;
    }

private:
    AuditState books() const
    {
        return {.equity = m_env.equity(0),
                .cash = m_env.cash(0),
                .quantity = m_env.quantity(0),
                .fees = m_env.feesPaid(0),
                .funding = m_env.fundingPaid(0),
                .stop = firstStop()};
    }
    double firstStop() const
    {
        double first = std::numeric_limits<double>::quiet_NaN();
        for (std::size_t i = 0; i < m_env.openPositions(0); ++i) {
            const Lot& lot = m_env.accounts().lot(0, i);
            if (m_env.options().stopLoss > 0.0 && !lot.stopped && !(lot.side() * lot.stop <= lot.side() * first))
                first = lot.stop;
        }
        return first;
    }

    TradingEnv m_env;
    double m_flows = 0.0;
    std::size_t m_stepsLeft;
    StepResult m_result;
};

/// The states of a run, the start first; ends early where the account does, or where next to nothing is left: withdrawals may leave so little
/// that the rounding of their sum counts. A ruined account's last state has no equity.
std::vector<AuditState> play(const AuditFactory& factory, const AuditCase& on, const Actions& actions)
{
    const auto environment = factory(on);
    std::vector<AuditState> states{environment->start()};
    for (const std::uint8_t action : actions) {
        states.push_back(environment->step(action));
        if (states.back().ended || states.back().equity < 1e-6 * on.options.initialCash)
            break;
    }
    return states;
}

/// Log growth with flows taken out: the product of (equity after - flow) / equity before.
double netGrowth(const std::vector<AuditState>& states)
{
    double growth = 0.0;
    for (std::size_t i = 1; i < states.size(); ++i)
        growth += std::log((states[i].equity - states[i].flow) / states[i - 1].equity);
    return growth;
}

bool isRuined(const std::vector<AuditState>& states) { return !(states.back().equity > 0.0); }

double totalReward(const std::vector<AuditState>& states)
{
    double sum = 0.0;
    for (const AuditState& state : states)
        sum += state.reward;
    return sum;
}

/// One kind of check over many cases: makes markets and actions, and collects what is found.
class Auditor {
public:
    Auditor(const AuditFactory& factory, const AuditOptions& options) : m_factory(factory), m_options(options) {}

    AuditReport run()
    {
        flatEarnsNothing();
        booksBalance();
        fillsCost();
        rewardIsEquity();
        stopsHold();
        constantPrice();
        dearerCosts();
        noisyCosts();
        units();
        rewardWithoutEquity();
        return std::move(m_report);
    }

private:
    // ---- cases ----

    AuditCase caseOf(BarSeries series, const TradingEnvOptions& environment) const
    {
        AuditCase result{std::move(series), nullptr, environment};
        result.market = std::make_shared<const Market>(result.series);
        TradingEnvOptions& options = result.options;
        options.rows = {{0, result.market->rows()}};
        options.stretches = options.accounts = options.startGrid = 1;
        options.episodeBars = result.market->rows() - 1;
        options.randomStarts = false;
        options.ruinShare = 0.0;
        return result;
    }

    /// Jumps, gaps, holes, and bars with little volume or none.
    BarSeries wildSeries(Rng& rng) const
    {
        SyntheticMarketOptions options{.bars = m_options.rows,
                                       .seed = rng.nextUint64() >> 1,
                                       .startPrice = 100.0,
                                       .volatility = 0.02,
                                       .driftPerBar = 0.0,
                                       .volumeNoise = 2.0,
                                       .baseVolume = std::exp(8.0 * rng.uniform() - 2.0),
                                       .model = ReturnModel::JumpDiffusion};
        options.jump = {.ratePerBar = 0.04, .mean = 0.0, .deviation = 0.6};
        std::vector<MarketEvent> events;
        for (std::uint64_t i = 2 + rng.below(6); i > 0; --i) {
            const std::size_t row = 1 + rng.below(m_options.rows - 4);
            const std::uint64_t kind = rng.below(3);
            if (kind == 0)
                events.push_back({EventKind::ExchangeOutage, row, 1 + rng.below(2), 1.0});
            else if (kind == 1)
                events.push_back({EventKind::Gap, row, 1, 0.2 * rng.normal()});
            else
                events.push_back({EventKind::LiquidityDrought, row, 1 + rng.below(3), rng.below(2) == 0 ? 1.0 : 0.99});
        }
        return applyEvents(makeSyntheticMarket(options).series, {}, events).series;
    }

    AuditCase wildCase(Rng& rng) const { return caseOf(wildSeries(rng), m_options.environment); }

    Actions randomActions(Rng& rng, const TradingEnvOptions& environment) const
    {
        Actions actions(m_options.rows - 2, kFlat);
        for (std::size_t i = 0; i < actions.size(); ++i)
            actions[i] = i > 0 && rng.below(3) != 0 ? actions[i - 1] : static_cast<std::uint8_t>(rng.below(TradingEnv::actionCountOf(environment)));
        return actions;
    }

    // ---- findings ----

    AuditCheck& begin(std::string_view name, std::string_view relation, std::string_view conditions)
    {
        m_report.checks.push_back(
            {.name = name, .relation = relation, .conditions = conditions, .comparisons = 0, .findings = {}, .violations = 0});
        return m_report.checks.back();
    }

    static void note(AuditCheck& check, std::size_t number, const std::string& what, const Actions& actions)
    {
        if (check.findings.size() < kFindingsKept)
            check.findings.push_back(fmt::format("case {}: {}; actions {}", number, what, fmt::join(actions, "")));
        ++check.violations;
    }

    /// Runs `judge(rng, number, check)` for each case.
    template <typename Judge>
    void forEachCase(AuditCheck& check, std::size_t cases, Judge&& judge)
    {
        for (std::size_t number = 0; number < cases; ++number) {
            Rng rng(m_options.seed, fmt::format("audit.{}", check.name), number);
            judge(rng, number);
        }
    }

    /// Runs `judge(case, states, i)` for each step i of a random run on each wild market; it returns what is wrong, an empty text, or
    /// nothing where there is nothing to compare.
    template <typename Judge>
    void forEachStep(AuditCheck& check, Judge&& judge)
    {
        forEachStep(check, m_options.environment, std::forward<Judge>(judge));
    }
    template <typename Judge>
    void forEachStep(AuditCheck& check, const TradingEnvOptions& environment, Judge&& judge)
    {
        forEachCase(check, m_options.cases, [&](Rng& rng, std::size_t number) {
            const AuditCase on = caseOf(wildSeries(rng), environment);
            const Actions actions = randomActions(rng, on.options);
            const auto states = play(m_factory, on, actions);
            for (std::size_t i = 1; i < states.size() && std::isfinite(states[i].equity); ++i) {
                const std::optional<std::string> wrong = judge(on, states, i);
                check.comparisons += wrong.has_value();
                if (wrong && !wrong->empty())
                    return note(check, number, fmt::format("step {}: {}", i, *wrong), actions);
            }
        });
    }

    // ---- checks ----

    /// What rounding may lose in the books of a step. Sums over the episode, as that of flows, are of the size of the initial cash, also where
    /// little is left of it.
    double slack(const AuditState& before, const AuditState& now) const
    {
        return kTolerance * (std::abs(before.cash) + std::abs(now.cash) + std::abs(before.equity) + std::abs(now.equity))
               + 1e-12 * m_options.environment.initialCash;
    }

    void flatEarnsNothing()
    {
        AuditCheck& check = begin("flat-earns-nothing", "an account that stays flat has no reward, no fees and the equity that was paid in",
                                  "any configuration");
        forEachCase(check, m_options.cases, [&](Rng& rng, std::size_t number) {
            const AuditCase on = wildCase(rng);
            const Actions actions(m_options.rows - 2, kFlat);
            const auto states = play(m_factory, on, actions);
            for (std::size_t i = 1; i < states.size(); ++i) {
                ++check.comparisons;
                const AuditState& now = states[i];
                const double gain = now.equity - now.flow - states[i - 1].equity;
                if (!(now.reward == 0.0 && now.fees == 0.0 && std::abs(gain) <= slack(states[i - 1], now)))
                    return note(check, number, fmt::format("step {}: reward {}, fees {}, gain {}", i, now.reward, now.fees, gain), actions);
            }
        });
    }

    void booksBalance()
    {
        AuditCheck& check =
            begin("books-balance", "equity is cash plus the position at the mark", "any configuration without margin interest");
        forEachStep(check, [this](const AuditCase& on, const std::vector<AuditState>& states, std::size_t i) -> std::optional<std::string> {
            const AuditState& now = states[i];
            const double expected = now.cash + now.quantity * on.market->mark[i];
            return std::abs(now.equity - expected) <= slack(states[i - 1], now)
                       ? ""
                       : fmt::format("equity {} for cash and position worth {}", now.equity, expected);
        });
    }

    /// What a fill did to the cash is held against the cost model at the very size that filled, so that it holds with impact and volume cap
    /// too, where costs change sizes.
    void fillsCost()
    {
        AuditCheck& check = begin(
            "fills-cost",
            "a fill leaves no more cash than its size costs at the open with half spread, impact and fee; nothing fills in a missing bar",
            "any costs; entries at the market, no take-profits: an order that rests is filled at a better price than the open");
        TradingEnvOptions environment = m_options.environment;
        environment.execution.entry = OrderType::Market;
        environment.takeProfit = 0.0;
        forEachStep(check, environment, [this](const AuditCase& on, const std::vector<AuditState>& states, std::size_t i) -> std::optional<std::string> {
            const AuditState &before = states[i - 1], &now = states[i];
            const double filled = now.quantity - before.quantity;
            const double cash = before.cash + now.flow - (now.funding - before.funding); // without any fill
            const CostModel& costs = on.options.costs;
            const bool atDecision = on.options.execution.timing != FillTiming::NextOpen;
            const std::size_t row = atDecision ? i - 1 : i;
            if (!on.market->present[row]) {
                if (atDecision && on.options.margin.perpetual)
                    return std::nullopt; // liquidation has a bar of its own
                return filled == 0.0 && std::abs(now.cash - cash) <= slack(before, now) ? "" : "something filled in a missing bar";
            }
            if (atDecision && on.options.margin.perpetual)
                return std::nullopt;
            // Of several fills in a bar each feels the impact of those before it alone: together at least two thirds of one that large.
            const double impact = costs.impactBps * (on.options.actionMode == ActionMode::Orders ? 2.0 / 3.0 : 1.0);
            double fee = costs.takerFeeBps;
            for (const FeeTier& tier : costs.tiers)
                fee = std::min(fee, tier.takerFeeBps);
            const double side = filled > 0.0 ? 1.0 : -1.0;
            const double share = filled == 0.0 ? 0.0 : std::min(1.0, std::abs(filled) / on.market->volume[row]);
            const double worse = (costs.halfSpreadBps + impact * std::sqrt(share)) * 1e-4;
            const double price = (atDecision ? on.market->mark[row] : on.market->open[row]) * std::max(0.0, 1.0 + side * worse);
            const double most = cash - filled * price - std::abs(filled) * price * fee * 1e-4;
            return now.cash <= most + slack(before, now)
                       ? ""
                       : fmt::format("{} coins filled and cash is {}, more than {}", filled, now.cash, most);
        });
    }

    static constexpr std::string_view kUnshaped
        = "without potential-based shaping, which leaves the optimum as it is; bonuses do give reward without equity, and are found. The search for sequences can find but not exclude";

    TradingEnvOptions unshaped() const
    {
        TradingEnvOptions options = m_options.environment;
        options.reward.goalShaping = options.reward.drawdownShaping = 0.0;
        return options;
    }

    void rewardIsEquity()
    {
        AuditCheck& check =
            begin("reward-is-equity",
                  "the reward of a step is at most reward.scale times the log growth of equity, deposits and withdrawals taken out",
                  kUnshaped);
        forEachStep(check, unshaped(), [](const AuditCase& on, const std::vector<AuditState>& states, std::size_t i) -> std::optional<std::string> {
            const AuditState& now = states[i];
            const double growth = std::log((now.equity - now.flow) / states[i - 1].equity);
            // A loss of more than 999 of 1000 in a bar counts as one of 999: the reward has a floor.
            const double most = on.options.reward.scale * std::max(growth, std::log(1e-3));
            return now.reward <= most + kRewardTolerance * (on.options.reward.scale + std::abs(most))
                       ? ""
                       : fmt::format("a reward of {} for a growth of {}", now.reward, growth);
        });
    }

    void stopsHold()
    {
        AuditCheck& check =
            begin("stops-hold", "a position whose stop lies within the bar's range is closed in that bar, the bar of its entry included",
                  "environments with stops; elsewhere nothing is compared");
        forEachStep(check, [](const AuditCase& on, const std::vector<AuditState>& states, std::size_t i) -> std::optional<std::string> {
            const AuditState& now = states[i];
            if (std::isnan(now.stop) || !on.market->present[i])
                return std::nullopt;
            const double low = on.series.low()[i], high = on.series.high()[i];
            // Below a long's stop, above a short's.
            const bool isTouched = now.quantity > 0.0 ? low <= now.stop : high >= now.stop;
            return now.quantity == 0.0 || !isTouched ? ""
                                                     : fmt::format("{} coins are still held, with a stop at {} and a range of {} to {}",
                                                                   now.quantity, now.stop, low, high);
        });
    }

    void constantPrice()
    {
        AuditCheck& check = begin("constant-price", "where the price never moves, no equity is ever above what was paid in", "no funding");
        forEachCase(check, m_options.cases, [&](Rng& rng, std::size_t number) {
            const BarSeries wild = wildSeries(rng);
            BarColumns columns = BarColumns::missing(wild.size());
            for (std::size_t row = 0; row < wild.size(); ++row)
                if (wild.present(row))
                    columns.set(row, {0, 100.0, 100.0, 100.0, 100.0, wild.volume()[row]});
            TradingEnvOptions environment = m_options.environment;
            environment.margin.fundingRate = 0.0;
            const AuditCase on = caseOf(BarSeries::fromColumns("AUDIT", wild.intervalSeconds(), wild.startTime(), std::move(columns)), environment);
            const Actions actions = randomActions(rng, on.options);
            const auto states = play(m_factory, on, actions);
            double paidIn = states[0].equity;
            for (std::size_t i = 1; i < states.size() && std::isfinite(states[i].equity); ++i) {
                ++check.comparisons;
                paidIn += states[i].flow;
                if (states[i].equity > paidIn + slack(states[i - 1], states[i]))
                    return note(check, number, fmt::format("step {}: equity {} of {} paid in", i, states[i].equity, paidIn), actions);
            }
        });
    }

    /// One position, long or flat, of coins, and orders that fill whole at a price that does not depend on their size: then each round trip multiplies the cash by 1 +
    /// min(exposure / mark, 1 / unit cost) x (proceeds - unit cost), which falls with fee and spread, and so does every product of such.
    /// With impact or a volume cap it is no theorem: an account that costs made smaller may leave a crash at a better price.
    TradingEnvOptions sizeFree(const TradingEnvOptions& environment) const
    {
        TradingEnvOptions options = environment;
        options.actionMode = ActionMode::Target;
        options.allowShort = false;
        options.stopLoss = options.takeProfit = 0.0;
        options.costs.impactBps = 0.0;
        options.costs.maxParticipation = 1.0;
        options.costs.tiers.clear();
        options.execution = {.timing = environment.execution.timing};
        options.margin = {};
        options.flows = {};
        return options;
    }

    AuditCase deepCase(Rng& rng, const TradingEnvOptions& environment) const
    {
        const BarSeries wild = wildSeries(rng);
        BarColumns columns = BarColumns::missing(wild.size());
        const double ample = 1e9 * environment.initialCash; // at prices of about 100 and crashes to a hundred-thousandth
        for (std::size_t row = 0; row < wild.size(); ++row)
            if (auto bar = wild.bar(row)) {
                bar->volume = ample;
                columns.set(row, *bar);
            }
        return caseOf(BarSeries::fromColumns("AUDIT", wild.intervalSeconds(), wild.startTime(), std::move(columns)), environment);
    }

    /// Each state of the dearer run against that of the cheaper one.
    void compareCosts(AuditCheck& check, std::size_t number, AuditCase on, const CostModel& dearer, const Actions& actions)
    {
        const auto cheap = play(m_factory, on, actions);
        on.options.costs = dearer;
        const auto dear = play(m_factory, on, actions);
        for (std::size_t i = 1; i < std::min(cheap.size(), dear.size()); ++i) {
            ++check.comparisons;
            if (dear[i].equity > cheap[i].equity * (1.0 + kTolerance))
                return note(check, number,
                            fmt::format("step {}: equity {} at a fee of {} and a half spread of {} bps, {} at the configured {} and {}", i,
                                        dear[i].equity, dearer.takerFeeBps, dearer.halfSpreadBps, cheap[i].equity,
                                        m_options.environment.costs.takerFeeBps, m_options.environment.costs.halfSpreadBps),
                            actions);
        }
    }

    static constexpr std::string_view kSizeFree
        = "long and flat by targets and in coins, without impact, volume cap, fee tiers, latency, stops and payments, which make sizes depend on costs";

    void dearerCosts()
    {
        AuditCheck& check =
            begin("dearer-costs", "a higher fee or spread never raises the equity that a fixed sequence of actions leads to", kSizeFree);
        forEachCase(check, m_options.cases, [&](Rng& rng, std::size_t number) {
            const TradingEnvOptions environment = sizeFree(m_options.environment);
            CostModel dearer = environment.costs;
            (rng.below(2) == 0 ? dearer.takerFeeBps : dearer.halfSpreadBps) += 100.0 * rng.uniform();
            AuditCase on = deepCase(rng, environment);
            const Actions actions = randomActions(rng, environment);
            compareCosts(check, number, std::move(on), dearer, actions);
        });
    }

    /// Noise is one-sided by contract: it only ever adds to a cost.
    void noisyCosts()
    {
        AuditCheck& check = begin("noisy-costs", "costs that are each the configured ones plus one-sided noise never help", kSizeFree);
        forEachCase(check, m_options.cases, [&](Rng& rng, std::size_t number) {
            const TradingEnvOptions environment = sizeFree(m_options.environment);
            AuditCase on = deepCase(rng, environment);
            const Actions actions = randomActions(rng, environment);
            for (int draw = 0; draw < 4; ++draw) {
                CostModel noisy = environment.costs;
                noisy.takerFeeBps += 5.0 * std::abs(rng.normal());
                noisy.halfSpreadBps += 5.0 * std::abs(rng.normal());
                compareCosts(check, number, on, noisy, actions);
            }
        });
    }

    void units()
    {
        AuditCheck& check =
            begin("units",
                  "another unit of money and of coins (prices, cash and volumes by powers of two) leaves every reward as it is, to the bit",
                  "any configuration; amounts of money in it are scaled alike");
        forEachCase(check, m_options.cases, [&](Rng& rng, std::size_t number) {
            const AuditCase on = wildCase(rng);
            const Actions actions = randomActions(rng, on.options);
            const double money = std::ldexp(1.0, static_cast<int>(rng.below(13)) - 6),
                         coins = std::ldexp(1.0, static_cast<int>(rng.below(13)) - 6);
            BarColumns columns = BarColumns::missing(on.series.size());
            for (std::size_t row = 0; row < on.series.size(); ++row)
                if (const auto bar = on.series.bar(row))
                    columns.set(row, {0, bar->open * money / coins, bar->high * money / coins, bar->low * money / coins,
                                      bar->close * money / coins, bar->volume * coins});
            TradingEnvOptions scaled = on.options;
            scaled.initialCash *= money;
            scaled.flows.amount *= money;
            for (auto& flow : scaled.flows.script)
                flow.amount *= money;
            for (FeeTier& tier : scaled.costs.tiers)
                tier.volume *= money;
            const AuditCase other =
                caseOf(BarSeries::fromColumns("AUDIT", on.series.intervalSeconds(), on.series.startTime(), std::move(columns)), scaled);
            const auto states = play(m_factory, on, actions), others = play(m_factory, other, actions);
            for (std::size_t i = 1; i < std::max(states.size(), others.size()); ++i) {
                ++check.comparisons;
                if (states.size() != others.size() || states[i].reward != others[i].reward)
                    return note(check, number, fmt::format("step {}: another reward with money x {} and coins x {}", i, money, coins),
                                actions);
            }
        });
    }

    /// How much more a sequence rewards than its equity deserves: the reward in units of log growth, less the growth where there is one.
    double unearned(const AuditCase& on, const Actions& actions) const
    {
        const auto states = play(m_factory, on, actions);
        if (isRuined(states))
            return -std::numeric_limits<double>::infinity();
        return totalReward(states) / on.options.reward.scale - std::max(0.0, netGrowth(states));
    }

    void rewardWithoutEquity()
    {
        AuditCheck& check =
            begin("reward-without-equity", "no sequence of actions raises the reward beyond flat without equity that rises as much",
                  kUnshaped);
        const double tolerance = kRewardTolerance * static_cast<double>(m_options.rows);
        forEachCase(check, std::max<std::size_t>(1, m_options.cases / 10), [&](Rng& rng, std::size_t number) {
            const AuditCase on = caseOf(wildSeries(rng), unshaped());
            Actions best(m_options.rows - 2, kFlat);
            double most = unearned(on, best);
            // The first half of the tries draws at random, the second half changes stretches of the best.
            for (std::size_t attempt = 0; attempt < m_options.searchSteps; ++attempt) {
                ++check.comparisons;
                Actions next = best;
                if (2 * attempt < m_options.searchSteps) {
                    next = randomActions(rng, on.options);
                } else {
                    const std::size_t first = rng.below(next.size()), length = 1 + rng.below(8);
                    const auto action = static_cast<std::uint8_t>(rng.below(TradingEnv::actionCountOf(on.options)));
                    for (std::size_t i = first; i < std::min(first + length, next.size()); ++i)
                        next[i] = action;
                }
                if (const double gain = unearned(on, next); gain > most) {
                    most = gain;
                    best = next;
                }
            }
            if (most > tolerance) {
                const auto states = play(m_factory, on, best);
                note(check, number, fmt::format("a reward of {} for a log growth of {}", totalReward(states), netGrowth(states)), best);
            }
        });
    }

    const AuditFactory& m_factory;
    const AuditOptions& m_options;
    AuditReport m_report;
};

} // namespace

AuditFactory auditedTradingEnv()
{
    return [](const AuditCase& of) { return std::make_unique<TradingEnvUnderAudit>(of); };
}

bool AuditReport::passed() const
{
    return std::ranges::all_of(checks, [](const AuditCheck& check) { return check.violations == 0; });
}

std::string AuditReport::toText() const
{
    std::string text;
    for (const AuditCheck& check : checks) {
        text += fmt::format("{:<22} {:>8} comparisons  {}\n    {}\n    holds for: {}\n", check.name, check.comparisons,
                            check.violations == 0 ? (check.comparisons == 0 ? "nothing to compare" : "ok")
                                                  : fmt::format("{} VIOLATIONS", check.violations),
                            check.relation, check.conditions);
        for (const std::string& finding : check.findings)
            text += fmt::format("    {}\n", finding);
    }
    return text;
}

Json AuditReport::toJson() const
{
    Json list = Json::array();
    for (const AuditCheck& check : checks)
        list.push_back({{"name", check.name},
                        {"relation", check.relation},
                        {"conditions", check.conditions},
                        {"comparisons", check.comparisons},
                        {"violations", check.violations},
                        {"findings", check.findings}});
    return {{"passed", passed()}, {"checks", list}};
}

AuditReport auditReward(const AuditFactory& factory, const AuditOptions& options)
{
    if (options.rows < 8 || options.cases < 1)
        throw Error(ErrorKind::BadInput, "reward audit: {} cases of {} rows; it needs one case or more of 8 rows or more", options.cases,
                    options.rows);
    AuditOptions unguarded = options;
    unguarded.environment.risk = {};
    unguarded.environment.killSwitch = nullptr;
    return Auditor(factory, unguarded).run();
}

} // namespace btcai
