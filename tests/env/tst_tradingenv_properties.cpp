#include <QtTest>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/env/EnvTestSupport.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr int kCases = 2500;

/// What a lane holds, to compare before and after a step.
struct Books {
    double cash, quantity, equity, fees, traded, costs;

    explicit Books(const TradingEnv& env, std::size_t lane)
        : cash(env.cash(lane)), quantity(env.quantity(lane)), equity(env.equity(lane)), fees(env.feesPaid(lane)),
          traded(env.tradedValue(lane)), costs(env.costsPaid(lane))
    {
    }
};

bool near(double a, double b, double scale) { return std::abs(a - b) <= 1e-9 * scale; }

/// Checks one step of one lane against the fill contract; what went wrong, or nothing. It recomputes price, fee and cash from the
/// change of the quantity alone, so it shares nothing with the environment but the rules.
const char* brokenRule(const TradingEnv& env, const Books& before, const Books& after, std::size_t row, std::uint8_t action)
{
    const Market& market = env.market();
    const CostModel& costs = env.options().costs;
    const double scale = std::max({before.cash, before.equity, after.cash, 1.0}) * 10.0;
    const double bought = after.quantity - before.quantity;
    if (!market.present[row] && bought != 0.0)
        return "something filled in a missing bar";
    const double size = std::abs(bought);
    const double open = market.present[row] ? market.open[row] : 0.0;
    const double volume = market.volume[row];
    if (size > costs.maxParticipation * volume * (1.0 + 1e-9))
        return "more than the volume cap filled";
    const double impact = size > 0.0 ? costs.impactBps * std::sqrt(size / volume) : 0.0;
    const double worse = (costs.halfSpreadBps + impact) / 10'000.0;
    const double price = bought > 0.0 ? open * (1.0 + worse) : std::max(0.0, open * (1.0 - worse));
    const double fee = size * price * costs.takerFeeBps / 10'000.0;
    if (!near(after.cash, before.cash - bought * price - fee, scale))
        return "cash did not change by price and fee";
    if (!near(after.fees - before.fees, fee, scale) || !near(after.traded - before.traded, size * price, scale * 10))
        return "fees or turnover are booked wrongly";
    if (!near(after.costs - before.costs, bought * (price - open) + fee, scale * 10))
        return "costs are booked wrongly";
    if (!near(after.equity, after.cash + after.quantity * market.mark[row], scale * 10))
        return "equity is not cash plus the position at the mark";
    if (after.cash < -1e-9 * scale)
        return "cash was lent";
    if (action == kFlat && after.quantity * before.quantity < 0.0)
        return "going flat turned the position over";
    if (action == kFlat && std::abs(after.quantity) > std::abs(before.quantity))
        return "going flat made the position larger";
    if (action == kLong && before.quantity <= 0.0 && bought < 0.0)
        return "aiming long sold";
    if (action == kShort && before.quantity >= 0.0 && bought > 0.0)
        return "aiming short bought";
    return nullptr;
}

bool allFinite(std::span<const float> values)
{
    return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

/// A case that can be rebuilt: market, options and the actions of each step.
struct Case {
    std::shared_ptr<const Market> market;
    TradingEnvOptions options;
    std::vector<std::vector<std::uint8_t>> actions;
};

Case makeCase(Rng& rng)
{
    const std::size_t rows = 40 + rng.below(60);
    Case c{marketOf(randomRows(rng, rows)), randomOptions(rng, rows), {}};
    const std::size_t lanes = c.options.stretches * c.options.accounts;
    std::vector<std::uint8_t> actions(lanes, kFlat);
    for (std::size_t i = 0; i < 60; ++i) {
        for (auto& action : actions)
            action = wanderingAction(rng, action, c.options.allowShort ? 3 : 2);
        c.actions.push_back(actions);
    }
    return c;
}

/// All that a run shows, bit for bit.
struct Trace {
    std::vector<float> observations, rewards;
    std::vector<std::uint8_t> ends;
    std::vector<double> equity, returns;

    void add(const TradingEnv& env, const StepResult& result)
    {
        observations.insert(observations.end(), env.observation().begin(), env.observation().end());
        rewards.insert(rewards.end(), result.reward.begin(), result.reward.end());
        ends.insert(ends.end(), result.terminated.begin(), result.terminated.end());
        ends.insert(ends.end(), result.truncated.begin(), result.truncated.end());
        returns.insert(returns.end(), env.endedEpisodeReturns().begin(), env.endedEpisodeReturns().end());
        for (std::size_t lane = 0; lane < env.lanes(); ++lane)
            equity.push_back(env.equity(lane));
    }
    bool operator==(const Trace&) const = default;
};

Trace play(TradingEnv& env, std::span<const std::vector<std::uint8_t>> steps)
{
    Trace trace;
    StepResult result;
    for (const auto& actions : steps) {
        env.step(actions, result);
        trace.add(env, result);
    }
    return trace;
}

/// Equity of one account after a fixed sequence of actions, the whole episode long.
double equityAfter(const std::shared_ptr<const Market>& market, const TradingEnvOptions& options,
                   std::span<const std::uint8_t> actions)
{
    TradingEnv env(market, options);
    StepResult result;
    for (const std::uint8_t action : actions)
        env.step(std::span(&action, 1), result);
    return env.equity(0);
}

} // namespace

class TestTradingEnvProperties : public QObject {
    Q_OBJECT

private slots:
    // Every step of every lane keeps the fill contract to the cent, whatever market, costs and actions are; and all that the agent
    // sees is finite.
    void theAccountsBalance()
    {
        std::size_t fills = 0, ruins = 0, cuts = 0;
        for (int i = 0; i < kCases; ++i) {
            Rng rng(1, "test-accounts", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            TradingEnv env(c.market, c.options);
            env.reset(static_cast<std::uint64_t>(i));
            StepResult result;
            for (const auto& actions : c.actions) {
                std::vector<Books> before;
                std::vector<std::size_t> rows;
                for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                    before.emplace_back(env, lane);
                    rows.push_back(env.row(lane / c.options.accounts) + 1);
                }
                env.step(actions, result);
                QVERIFY2(allFinite(env.observation()) && allFinite(result.reward) && allFinite(result.finalObservation),
                         std::to_string(i).c_str());
                for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                    ruins += result.terminated[lane];
                    cuts += result.truncated[lane];
                    if (result.terminated[lane] || result.truncated[lane] || env.row(lane / c.options.accounts) != rows[lane])
                        continue; // its books are those of the next episode
                    const Books after(env, lane);
                    fills += after.quantity != before[lane].quantity;
                    if (const char* broken = brokenRule(env, before[lane], after, rows[lane], actions[lane]))
                        QFAIL(QByteArray::number(i) + ": " + broken);
                }
            }
        }
        // The cases do reach what they are about.
        QVERIFY2(fills > 50'000 && ruins > 500 && cuts > 5'000, QByteArray::number(static_cast<int>(ruins)));
    }

    // While an account is flat, what it gained is what its trades brought.
    void profitsOfTradesAddUpToTheCash()
    {
        std::size_t checked = 0;
        for (int i = 0; i < kCases; ++i) {
            Rng rng(2, "test-trades", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            TradingEnv env(c.market, c.options);
            env.recordTrades(env.lanes());
            StepResult result;
            std::vector<double> profit(env.lanes()), fees(env.lanes());
            for (const auto& actions : c.actions) {
                const std::size_t rowBefore = env.row(0);
                env.step(actions, result);
                for (const ClosedTrade& trade : env.takeTrades()) {
                    profit[trade.lane] += trade.profit;
                    fees[trade.lane] += trade.fees;
                    QVERIFY(trade.exitRow > trade.entryRow && trade.quantity > 0.0 && trade.fees >= 0.0);
                    QVERIFY(std::isfinite(trade.entryPrice) && std::isfinite(trade.exitPrice));
                }
                for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                    if (result.terminated[lane] || result.truncated[lane] || env.row(0) != rowBefore + 1) {
                        profit[lane] = fees[lane] = 0.0;
                    } else if (env.quantity(lane) == 0.0) {
                        const double initial = c.options.initialCash;
                        const double scale = std::max(initial, env.tradedValue(lane));
                        QVERIFY2(near(env.cash(lane) - initial, profit[lane], scale), std::to_string(i).c_str());
                        QVERIFY(near(env.feesPaid(lane), fees[lane], scale));
                        checked += env.tradedValue(lane) > 0.0;
                    }
                }
            }
        }
        QVERIFY(checked > 10'000);
    }

    void stayingFlatEarnsNothing()
    {
        for (int i = 0; i < kCases; ++i) {
            Rng rng(3, "test-flat", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            TradingEnv env(c.market, c.options);
            for (int step = 0; step < 60; ++step) {
                const StepResult result = stepAll(env, kFlat);
                QVERIFY(std::ranges::all_of(result.reward, [](float r) { return r == 0.0F; }));
                QVERIFY(std::ranges::all_of(env.endedEpisodeReturns(), [](double r) { return r == 0.0; }));
                QVERIFY(std::ranges::none_of(result.terminated, [](std::uint8_t ended) { return ended != 0; }));
                for (std::size_t lane = 0; lane < env.lanes(); ++lane)
                    QVERIFY(env.equity(lane) == c.options.initialCash && env.costsPaid(lane) == 0.0);
            }
        }
    }

    // Where the price never moves there is nothing to win: whoever is flat again has at most what was there at the start.
    void noRoundTripAtAConstantPriceProfits()
    {
        for (int i = 0; i < kCases; ++i) {
            Rng rng(4, "test-constant", static_cast<std::uint64_t>(i));
            Case c = makeCase(rng);
            auto rows = randomRows(rng, c.market->rows());
            for (auto& row : rows)
                if (row)
                    row->open = row->close = 100.0;
            TradingEnv env(marketOf(rows), c.options);
            StepResult result;
            for (const auto& actions : c.actions) {
                env.step(actions, result);
                for (std::size_t lane = 0; lane < env.lanes(); ++lane)
                    QVERIFY2(env.equity(lane) <= c.options.initialCash * (1.0 + 1e-12), std::to_string(i).c_str());
            }
        }
    }

    // Long or flat, with volume enough and without impact: whatever the actions, a higher fee or spread never leaves more at any
    // close. Each round trip multiplies the cash by 1 + min(exposure / mark, 1 / unit cost) x (proceeds - unit cost), which falls with
    // both. Impact and the volume cap are left out on purpose: they depend on the size of the account, and an account that costs made
    // smaller may get out of a crash at a better price.
    void dearerTradingNeverPays()
    {
        int noticed = 0;
        for (int i = 0; i < kCases; ++i) {
            Rng rng(5, "test-costs", static_cast<std::uint64_t>(i));
            const std::size_t count = 40;
            auto rows = randomRows(rng, count);
            for (auto& row : rows)
                if (row)
                    row->volume = 1e12;
            const auto market = marketOf(rows);
            TradingEnvOptions cheap = oneAccount(*market);
            cheap.exposure = rng.below(2) == 0 ? 1.0 : uniformIn(rng, 0.9, 1.0);
            cheap.costs.takerFeeBps = 30.0 * rng.uniform();
            cheap.costs.halfSpreadBps = 10.0 * rng.uniform();
            TradingEnvOptions dear = cheap;
            (rng.below(2) == 0 ? dear.costs.takerFeeBps : dear.costs.halfSpreadBps) += 100.0 * rng.uniform();
            std::vector<std::uint8_t> actions;
            for (std::size_t step = 0; step + 2 < count; ++step) {
                actions.push_back(wanderingAction(rng, actions.empty() ? kFlat : actions.back(), 2));
                const double withCheap = equityAfter(market, cheap, actions);
                const double withDear = equityAfter(market, dear, actions);
                QVERIFY2(withDear <= withCheap * (1.0 + 1e-9), std::to_string(i).c_str());
                noticed += withDear < withCheap;
            }
        }
        QVERIFY(noticed > 50'000);
    }

    // Another unit of money, another unit of coins: nothing that the agent sees may change. Factors of a power of two keep every bit.
    void unitsDoNotMatter()
    {
        for (int i = 0; i < kCases; ++i) {
            Rng rng(6, "test-units", static_cast<std::uint64_t>(i));
            Rng again(6, "test-units", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            auto rows = randomRows(again, 40 + again.below(60)); // the same draws as makeCase
            const double money = std::ldexp(1.0, static_cast<int>(rng.below(13)) - 6);
            const double coins = std::ldexp(1.0, static_cast<int>(rng.below(13)) - 6);
            for (auto& row : rows)
                if (row)
                    row = TestBar{row->open * money / coins, row->close * money / coins, row->volume * coins};
            TradingEnvOptions scaled = c.options;
            scaled.initialCash *= money;
            TradingEnv env(c.market, c.options);
            TradingEnv other(marketOf(rows), scaled);
            const Trace expected = play(env, c.actions);
            Trace got = play(other, c.actions);
            for (double& equity : got.equity)
                equity /= money;
            QVERIFY2(got == expected, std::to_string(i).c_str());
        }
    }

    void equalSeedsGiveEqualRunsAndOthersDoNot()
    {
        int different = 0;
        for (int i = 0; i < kCases; ++i) {
            Rng rng(7, "test-seeds", static_cast<std::uint64_t>(i));
            Case c = makeCase(rng);
            c.options.randomStarts = true;
            TradingEnv env(c.market, c.options);
            TradingEnv twin(c.market, c.options);
            env.reset(17);
            twin.reset(4);
            play(twin, std::span(c.actions).first(7)); // what was before a reset is forgotten
            twin.reset(17);
            const Trace first = play(env, c.actions);
            QVERIFY(play(twin, c.actions) == first);
            twin.reset(18);
            different += play(twin, c.actions) != first;
        }
        QVERIFY(different > kCases / 2); // where the market has room for other starts
    }

    // A snapshot taken anywhere, restored in another environment that stood elsewhere: the future is the same, bit for bit.
    void aRestoredEnvironmentGoesOnAsIfNothingHappened()
    {
        for (int i = 0; i < kCases; ++i) {
            Rng rng(8, "test-snapshots", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            const std::size_t cut = rng.below(c.actions.size());
            TradingEnv env(c.market, c.options);
            env.reset(static_cast<std::uint64_t>(i));
            env.recordTrades(env.lanes());
            play(env, std::span(c.actions).first(cut));
            env.takeTrades();
            const auto bytes = env.snapshot();
            const Trace expected = play(env, std::span(c.actions).subspan(cut));

            TradingEnv other(c.market, c.options);
            other.reset(99);
            other.recordTrades(other.lanes());
            play(other, std::span(c.actions).first(5));
            other.takeTrades();
            other.restore(bytes);
            QVERIFY(other.snapshot() == bytes);
            QVERIFY2(play(other, std::span(c.actions).subspan(cut)) == expected, std::to_string(i).c_str());
            const auto trades = env.takeTrades(), otherTrades = other.takeTrades();
            QCOMPARE(otherTrades.size(), trades.size());
            for (std::size_t t = 0; t < trades.size(); ++t)
                QVERIFY(trades[t].profit == otherTrades[t].profit && trades[t].fees == otherTrades[t].fees
                        && trades[t].entryPrice == otherTrades[t].entryPrice && trades[t].exitPrice == otherTrades[t].exitPrice
                        && trades[t].entryRow == otherTrades[t].entryRow && trades[t].quantity == otherTrades[t].quantity);
        }
    }

    // Any configuration, stepped by one, two and three threads: the same run, bit for bit, down to the snapshot.
    void threadsDoNotMatter()
    {
        for (int i = 0; i < 100; ++i) {
            Rng rng(11, "test-threads", static_cast<std::uint64_t>(i));
            const std::size_t rows = 60 + rng.below(40);
            const auto market = marketOf(randomRows(rng, rows));
            TradingEnvOptions options = randomFullOptions(rng, rows);
            options.stretches = 1 + rng.below(7);
            std::vector<std::vector<std::uint8_t>> actions(60, std::vector<std::uint8_t>(options.stretches * options.accounts));
            const std::size_t count = options.actionMode == ActionMode::Orders || options.allowShort ? 3 : 2;
            for (auto& step : actions)
                for (auto& action : step)
                    action = static_cast<std::uint8_t>(rng.below(count));
            TradingEnv env(market, options);
            env.recordTrades(env.lanes());
            const Trace expected = play(env, actions);
            const auto snapshot = env.snapshot();
            const auto trades = env.takeTrades();
            for (const std::size_t threads : {2U, 3U}) {
                options.threads = threads;
                TradingEnv other(market, options);
                other.recordTrades(other.lanes());
                QVERIFY2(play(other, actions) == expected && other.snapshot() == snapshot, std::to_string(i).c_str());
                const auto otherTrades = other.takeTrades();
                QVERIFY(std::ranges::equal(otherTrades, trades, {}, &ClosedTrade::profit, &ClosedTrade::profit));
            }
        }
    }

    // Accounts of a stretch do not know of each other: with their actions swapped, their fortunes are swapped.
    void theOrderOfAccountsDoesNotMatter()
    {
        for (int i = 0; i < kCases; ++i) {
            Rng rng(9, "test-order", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            const std::size_t accounts = c.options.accounts;
            const auto mirrored = [accounts](std::size_t lane) {
                return lane / accounts * accounts + (accounts - 1 - lane % accounts);
            };
            TradingEnv env(c.market, c.options);
            TradingEnv mirror(c.market, c.options);
            StepResult result, mirrorResult;
            for (const auto& actions : c.actions) {
                std::vector<std::uint8_t> swapped(actions.size());
                for (std::size_t lane = 0; lane < actions.size(); ++lane)
                    swapped[mirrored(lane)] = actions[lane];
                env.step(actions, result);
                mirror.step(swapped, mirrorResult);
                for (std::size_t lane = 0; lane < actions.size(); ++lane) {
                    QVERIFY(result.reward[lane] == mirrorResult.reward[mirrored(lane)]);
                    QVERIFY(result.terminated[lane] == mirrorResult.terminated[mirrored(lane)]);
                    const auto size = TradingEnv::kObservationSize;
                    QVERIFY(std::ranges::equal(env.observation().subspan(lane * size, size),
                                               mirror.observation().subspan(mirrored(lane) * size, size)));
                }
            }
        }
    }

    // Steps are worked out for several accounts at a time; those that fill no vector of the processor get the same bits.
    void theNumberOfAccountsDoesNotMatter()
    {
        for (int i = 0; i < 200; ++i) {
            Rng rng(12, "test-accounts", static_cast<std::uint64_t>(i));
            const std::size_t rows = 60 + rng.below(40);
            const auto market = marketOf(randomRows(rng, rows));
            TradingEnvOptions options = randomFullOptions(rng, rows);
            options.stretches = 1;
            options.accounts = 8 + rng.below(16);
            TradingEnv many(market, options);
            options.accounts = 1;
            std::vector<TradingEnv> single(many.lanes(), TradingEnv(market, options));
            StepResult result, singleResult;
            std::vector<std::uint8_t> actions(many.lanes());
            for (int step = 0; step < 60; ++step) {
                for (auto& action : actions)
                    action = static_cast<std::uint8_t>(rng.below(many.actionCount()));
                many.step(actions, result);
                for (std::size_t lane = 0; lane < many.lanes(); ++lane) {
                    single[lane].step(std::span(&actions[lane], 1), singleResult);
                    const std::size_t size = many.observationSize();
                    QVERIFY2(std::ranges::equal(many.observation().subspan(lane * size, size), single[lane].observation())
                                 && result.reward[lane] == singleResult.reward[0] && result.terminated[lane] == singleResult.terminated[0]
                                 && many.equity(lane) == single[lane].equity(0),
                             std::to_string(i).c_str());
                }
            }
        }
    }

    // Decisions are taken at rows first ... last - 2 of the part, their fills fall into it too, and episodes start on the grid and are
    // as long as asked for.
    void episodesStayInTheirRows()
    {
        std::set<std::size_t> firstStarts;
        for (int i = 0; i < kCases; ++i) {
            Rng rng(10, "test-rows", static_cast<std::uint64_t>(i));
            const Case c = makeCase(rng);
            TradingEnv env(c.market, c.options);
            env.reset(static_cast<std::uint64_t>(i));
            const TradingEnvOptions& asked = c.options;
            std::vector<std::size_t> start(asked.stretches), steps(asked.stretches, 0);
            for (std::size_t g = 0; g < asked.stretches; ++g)
                start[g] = env.row(g);
            StepResult result;
            for (const auto& actions : c.actions) {
                env.step(actions, result);
                for (std::size_t g = 0; g < asked.stretches; ++g) {
                    QVERIFY(start[g] % asked.startGrid == 0 && start[g] >= asked.rows[0].first);
                    QVERIFY(start[g] + asked.episodeBars < asked.rows[0].last);
                    ++steps[g];
                    const std::size_t lane = g * asked.accounts;
                    const bool ended = result.terminated[lane] || result.truncated[lane];
                    if (steps[g] == asked.episodeBars) {
                        QVERIFY(ended);
                        start[g] = env.row(g);
                        steps[g] = 0;
                    } else {
                        QVERIFY(!result.truncated[lane]);
                        QCOMPARE(env.row(g), start[g] + steps[g]);
                    }
                    if (!asked.randomStarts)
                        QCOMPARE(start[g], (asked.rows[0].first + asked.startGrid - 1) / asked.startGrid * asked.startGrid);
                }
            }
            firstStarts.insert(env.row(0));
        }
        QVERIFY(firstStarts.size() > 20);
    }

    // Every start of the ranges is drawn about as often as any other, and stretches draw on their own.
    void startsAreSpreadOverTheRanges()
    {
        const auto market = marketOf(std::vector<std::optional<TestBar>>(96, TestBar{100, 100}));
        TradingEnvOptions options = oneAccount(*market);
        options.randomStarts = true;
        options.episodeBars = 23;
        options.startGrid = 4;
        options.rows = {{3, 48}, {50, 60}, {60, 96}}; // starts 4, 8, ..., 24, none, and 60, 64, 68, 72: ten of them
        options.stretches = 500;
        TradingEnv env(market, options);
        std::map<std::size_t, int> counts;
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            env.reset(seed);
            for (std::size_t g = 0; g < options.stretches; ++g)
                ++counts[env.row(g)];
        }
        QCOMPARE(counts.size(), std::size_t{10});
        QCOMPARE(counts.begin()->first, std::size_t{4});
        QCOMPARE(counts.rbegin()->first, std::size_t{72});
        QVERIFY(!counts.contains(28) && counts.contains(24) && counts.contains(60));
        for (const auto& [row, count] : counts) // 500 expected, deviation 21
            QVERIFY2(count > 400 && count < 600, std::to_string(count).c_str());
    }

    // The first half of the rows is a hole but for its ends: with a limit of 20 % missing bars, episodes start behind it.
    void mostlyMissingStretchesAreDrawnAgain()
    {
        std::vector<std::optional<TestBar>> rows(400, TestBar{100, 100});
        std::fill(rows.begin() + 1, rows.begin() + 200, std::nullopt);
        const auto market = marketOf(rows);
        TradingEnvOptions options = oneAccount(*market);
        options.randomStarts = true;
        options.episodeBars = 50;
        options.stretches = 200;
        options.maxMissingShare = 0.2;
        TradingEnv env(market, options);
        for (std::size_t g = 0; g < options.stretches; ++g)
            QVERIFY(env.row(g) >= 190); // at most 10 of 50 bars are missing
    }
};

QTEST_APPLESS_MAIN(TestTradingEnvProperties)
#include "tst_tradingenv_properties.moc"
