#include <QtTest>

#include <cmath>
#include <limits>

#include "tests/env/EnvTestSupport.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr int kConfigurations = 10'000;

/// What a lane held before a step.
struct Before {
    double cash, quantity, equity, base, peak, fees, traded, costs, funding, flows;

    Before(const TradingEnv& env, std::size_t lane)
        : cash(env.cash(lane)), quantity(env.quantity(lane)), equity(env.equity(lane)), base(env.accounts().base[lane]),
          peak(env.accounts().peak[lane]), fees(env.feesPaid(lane)),
          traded(env.tradedValue(lane)), costs(env.costsPaid(lane)), funding(env.fundingPaid(lane)), flows(env.accounts().flows[lane])
    {
    }
};

/// What the trades of a lane say: the sum of their profits, and the row of the latest without any.
struct Ledger {
    double profit = 0.0;
    std::size_t lossRow = std::numeric_limits<std::size_t>::max();
};

/// Checks a step of a lane that did not end against limits and identities that follow from the contract alone; what is wrong, or nothing.
const char* violation(const TradingEnv& env, std::size_t lane, const Before& before, std::size_t row, bool liquidated, const Ledger& ledger)
{
    const TradingEnvOptions& options = env.options();
    const Market& market = env.market();
    const Accounts& books = env.accounts();
    const double mark = market.mark[row];
    const double cash = env.cash(lane), coins = env.quantity(lane);
    const double flow = books.flows[lane] - before.flows;
    const double funding = env.fundingPaid(lane) - before.funding;
    const double scale = 10.0 * books.bookedScale(lane, mark);
    const auto near = [scale](double a, double b) { return std::abs(a - b) <= 1e-9 * scale; };

    if (!near(env.equity(lane), cash + coins * mark))
        return "equity is not cash plus position at the mark";
    if (!near(env.equity(lane), books.bookedEquity(lane, mark)))
        return "equity is not what gains, fees, funding and flows make it";
    double held = 0.0;
    for (std::size_t i = 0; i < env.openPositions(lane); ++i) {
        const OpenPosition p = env.openPosition(lane, i);
        held += p.quantity;
        if (p.quantity * coins <= 0.0)
            return "a position is empty or on the other side";
        if (p.worstExcursion > p.bestExcursion)
            return "excursions are the wrong way round";
    }
    if (!near(held * mark, coins * mark))
        return "the positions do not sum up";
    if (coins == 0.0 && !near(cash, options.initialCash + ledger.profit - env.fundingPaid(lane) + books.flows[lane]))
        return "a flat account's cash is not what its trades brought";

    if (env.feesPaid(lane) < before.fees || env.tradedValue(lane) < before.traded || env.costsPaid(lane) < before.costs - 1e-9 * scale)
        return "fees, turnover or costs fell";
    if (env.openPositions(lane) > books.maxLots())
        return "more positions than allowed";
    const bool atDecision = options.execution.timing != FillTiming::NextOpen;
    const std::size_t fillRow = atDecision ? row - 1 : row;
    if (!market.present[fillRow] && (!market.present[row] || !liquidated)
        && (coins != before.quantity || !near(cash, before.cash - funding + flow)))
        return "something filled in a missing bar";
    if (!options.allowShort && coins < 0.0)
        return "a short position where none is allowed";
    if (!options.margin.perpetual && cash < -1e-9 * scale)
        return "cash was lent";
    if (!options.margin.perpetual && funding != 0.0)
        return "spot pays funding";
    if (market.present[fillRow] && !liquidated) {
        const double most = options.costs.maxParticipation * market.volume[fillRow];
        const double high = atDecision ? market.mark[fillRow] : market.high[fillRow];
        const double halfSpread = options.costs.spread == SpreadModel::Fixed ? options.costs.halfSpreadBps : 1e4;
        const double worse = (halfSpread + options.costs.impactBps * std::sqrt(options.costs.maxParticipation)) * 1e-4;
        if (std::abs(coins - before.quantity) > most * (1.0 + 1e-9))
            return "more than the volume cap filled";
        // Orders that rest fill at their own price, which a gap may leave above the bar; all others fill around prices of the bar.
        const bool rests = options.execution.entry == OrderType::Limit || options.takeProfit > 0.0;
        if (!rests && env.tradedValue(lane) - before.traded > most * high * (1.0 + worse) * (1.0 + 1e-9) + 1e-9)
            return "more than the volume cap filled";
    }
    // Where a decision fills in the next bar or never, a position that grew was decided at the last close, and the guard must have let it. (What
    // could not fill for want of a bar or of volume is sought again.)
    const bool grew = std::abs(coins) > std::abs(before.quantity) * (1.0 + 1e-9) || coins * before.quantity < 0.0;
    if (options.risk != RiskLimits{} && grew && options.execution.latencyBars == 0 && options.execution.rest == RestPolicy::Cancel
        && options.execution.entry == OrderType::Market && fillRow > 0 && market.present[fillRow - 1] && market.volume[fillRow - 1] > 0.0) {
        if (before.equity <= (1.0 - options.risk.maxTotalLoss) * before.base || before.equity <= (1.0 - options.risk.maxDrawdown) * before.peak)
            return "the guard let an account in that had lost too much";
        if (std::abs(coins) * market.mark[row - 1] > options.risk.maxExposure * before.equity * (1.0 + 1e-9))
            return "the guard let an exposure beyond its limit";
        if (ledger.lossRow < row && row - 1 - ledger.lossRow < options.risk.coolDownBars)
            return "the guard let an account in that was to cool down";
    }
    // A limit order may lie outside of the bar after a gap, and a stop that takes a loss raises the leverage of what is left.
    const bool isPlain = options.execution.entry != OrderType::Limit && options.stopLoss == 0.0;
    if (options.margin.perpetual && isPlain && market.present[fillRow] && std::abs(coins) > std::abs(before.quantity)) {
        // At the fill the position was within the leverage; where in the bar that was is not known, but at its best price it must be.
        const double best = atDecision ? market.mark[fillRow] : coins > 0.0 ? market.high[fillRow] : market.low[fillRow];
        const double before_flow = cash - flow;
        if (std::abs(coins) * best > options.margin.leverage * (before_flow + coins * best) + 1e-9 * scale)
            return "the leverage is exceeded";
    }
    // Where the cap has room for everything, a stop that was reached left nothing; a short position in spot may lack the cash.
    const double room = options.costs.maxParticipation * market.volume[row];
    const double busy = std::abs(coins) + std::abs(before.quantity) + (env.tradedValue(lane) - before.traded) / std::max(market.low[row], 1e-300);
    if (options.stopLoss > 0.0 && market.present[row] && room > 10.0 * busy && (options.margin.perpetual || coins > 0.0))
        for (std::size_t i = 0; i < env.openPositions(lane); ++i) {
            const OpenPosition p = env.openPosition(lane, i);
            if (p.quantity > 0.0 ? market.low[row] <= p.stop : market.high[row] >= p.stop)
                return "a stop was skipped";
        }
    return nullptr;
}

} // namespace

// Any configuration, any actions: the books balance to 1e-9 and no limit is exceeded.
class TestEnvLimits : public QObject {
    Q_OBJECT

private slots:
    void noConfigurationBreaksTheBooksOrALimit()
    {
        std::size_t steps = 0, refused = 0, traded = 0, stopped = 0, profits = 0, liquidations = 0, several = 0;
        for (int i = 0; i < kConfigurations; ++i) {
            Rng rng(21, "test-limits", static_cast<std::uint64_t>(i));
            const std::size_t rows = 40 + rng.below(40);
            const auto market = marketOf(randomRows(rng, rows));
            TradingEnvOptions options = randomFullOptions(rng, rows);
            TradingEnv env(market, options);
            env.reset(static_cast<std::uint64_t>(i));
            env.recordTrades(env.lanes());
            const bool exposures = options.actionMode == ActionMode::Target && rng.below(3) == 0;
            std::vector<std::uint8_t> actions(env.lanes(), 0);
            std::vector<double> aims(env.lanes(), 0.0);
            std::vector<Ledger> ledgers(env.lanes());
            StepResult result;
            for (int step = 0; step < 40; ++step) {
                std::vector<Before> before;
                std::vector<std::size_t> row;
                for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                    before.emplace_back(env, lane);
                    row.push_back(env.row(lane / options.accounts) + 1);
                    actions[lane] = wanderingAction(rng, actions[lane], env.actionCount());
                    if (rng.below(4) == 0)
                        aims[lane] = uniformIn(rng, options.allowShort ? -1.0 : 0.0, 1.0) * options.margin.leverage;
                }
                if (exposures)
                    env.stepExposures(aims, result);
                else
                    env.step(actions, result);
                std::vector<std::uint8_t> liquidated(env.lanes(), 0), lost(env.lanes(), 0);
                for (const ClosedTrade& trade : env.takeTrades()) {
                    ledgers[trade.lane].profit += trade.profit;
                    lost[trade.lane] |= !(trade.profit > 0.0);
                    stopped += trade.reason == ExitReason::Stop;
                    profits += trade.reason == ExitReason::TakeProfit;
                    liquidations += trade.reason == ExitReason::Liquidation;
                    liquidated[trade.lane] |= trade.reason == ExitReason::Liquidation;
                }
                for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                    ++steps;
                    if (result.terminated[lane] || result.truncated[lane]) {
                        ledgers[lane] = {};
                        continue;
                    }
                    traded += env.tradedValue(lane) > before[lane].traded;
                    several += env.openPositions(lane) > 1;
                    const char* const wrong = violation(env, lane, before[lane], row[lane], liquidated[lane], ledgers[lane]);
                    QVERIFY2(!wrong, (std::to_string(i) + ", step " + std::to_string(step) + ": " + (wrong ? wrong : "")).c_str());
                    if (lost[lane])
                        ledgers[lane].lossRow = row[lane];
                }
                const auto seen = env.observation();
                QVERIFY2(std::ranges::all_of(seen, [](float v) { return std::isfinite(v); }), std::to_string(i).c_str());
                QVERIFY2(std::ranges::all_of(result.reward, [](float v) { return std::isfinite(v); }), std::to_string(i).c_str());
            }
            for (const std::uint64_t count : env.refusals())
                refused += count;
        }
        // The draws reach what they are meant to reach.
        QVERIFY(steps > 1'000'000 && traded > steps / 10 && several > 100'000);
        QVERIFY(refused > 50'000);
        QVERIFY(stopped > 10'000 && profits > 5'000 && liquidations > 1'000);
    }
};

QTEST_APPLESS_MAIN(TestEnvLimits)
#include "tst_env_limits.moc"
