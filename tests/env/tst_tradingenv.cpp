#include <QtTest>

#include <cmath>

#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

bool close(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)}); }

float observed(const TradingEnv& env, std::size_t i) { return env.observation()[i]; }

bool observes(const TradingEnv& env, std::size_t i, double value)
{
    return std::abs(static_cast<double>(observed(env, i)) - value) <= 1e-6 * std::max(1.0, std::abs(value));
}

} // namespace

// The rules of env/execution/README.md, each with a scenario worked by hand.
class TestTradingEnv : public QObject {
    Q_OBJECT

private slots:
    // Decided at the close of 100: half of 1000 is 5 coins. They cost 5 x 110 at the next open; at its close they are worth
    // 5 x 120: equity 1000 - 550 + 600.
    void rule1AnOrderFillsAtTheNextOpen()
    {
        const auto market = marketOf({{{90, 100}}, {{110, 120}}, {{120, 120}}});
        TradingEnv env(market, oneAccount(*market));
        const StepResult result = stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 5.0));
        QVERIFY(close(env.cash(0), 450.0));
        QVERIFY(close(env.equity(0), 1050.0));
        QVERIFY(close(static_cast<double>(result.reward[0]), static_cast<float>(std::log(1.05))));
    }

    void rule1AnOrderLapsesInAMissingBar()
    {
        const auto market = marketOf({{{100, 100}}, kMissing, {{200, 200}}, {{200, 200}}});
        // Taken back at the close of the missing bar: nothing is ever bought.
        TradingEnv env(market, oneAccount(*market));
        stepAll(env, kLong);
        QCOMPARE(env.quantity(0), 0.0);
        stepAll(env, kFlat);
        QCOMPARE(env.quantity(0), 0.0);
        QCOMPARE(env.cash(0), 1000.0);
        // Decided anew at the close of the missing bar: the size is that of the change, 0.5 x 1000 / 100.
        TradingEnv again(market, oneAccount(*market));
        stepAll(again, kLong);
        stepAll(again, kLong);
        QVERIFY(close(again.quantity(0), 5.0));
        QVERIFY(close(again.cash(0), 0.0));
    }

    // 5 coins at 100; though equity and price change, the position stays at 5 while the direction does.
    void rule2TheSizeIsFixedWhenTheDirectionChanges()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 150}}, {{150, 80}}, {{80, 100}}, {{125, 125}}, {{125, 125}}, {{125, 125}}});
        TradingEnv env(market, oneAccount(*market));
        for (int i = 0; i < 3; ++i) {
            stepAll(env, kLong);
            QVERIFY(close(env.quantity(0), 5.0));
        }
        stepAll(env, kFlat); // sold at 125: 500 + 625
        QVERIFY(close(env.cash(0), 1125.0));
        QCOMPARE(env.quantity(0), 0.0);
        stepAll(env, kLong); // half of 1125 at a close of 125
        QVERIFY(close(env.quantity(0), 4.5));
    }

    // 4 of 400 coins is a share of 0.01, its root 0.1: 100 bps of impact become 10; with a half spread of 10 bps a
    // purchase costs 100.2 and a sale at 100 brings 99.8.
    void rule3ThePriceIsWorseByHalfSpreadAndImpact()
    {
        const auto market = marketOf({{{100, 100, 400}}, {{100, 100, 400}}, {{100, 100, 400}}, {{100, 100, 400}}});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 0.4;
        options.costs = {.takerFeeBps = 0.0, .halfSpreadBps = 10.0, .impactBps = 100.0, .maxParticipation = 1.0};
        TradingEnv env(market, options);
        stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 4.0));
        QVERIFY(close(env.cash(0), 1000.0 - 4 * 100.2));
        QVERIFY(close(env.costsPaid(0), 0.8));
        QVERIFY(close(env.tradedValue(0), 400.8));
        stepAll(env, kFlat);
        QVERIFY(close(env.cash(0), 1000.0 - 4 * 100.2 + 4 * 99.8));
        QVERIFY(close(env.costsPaid(0), 1.6));
        QVERIFY(close(env.tradedValue(0), 800.0));
        QCOMPARE(env.feesPaid(0), 0.0);
    }

    // A tenth of 20, of 10 and of 1000 coins: of the 5 wanted 2 fill, then 1, then the remaining 2, at 100, 110 and 120.
    void rule4TheVolumeCapFillsTheRestLater()
    {
        const auto market = marketOf({{{100, 100, 1}}, {{100, 100, 20}}, {{110, 110, 10}}, {{120, 120, 1000}}, {{120, 120, 30}}, {{120, 120, 20}}, {{120, 120, 20}}});
        TradingEnvOptions options = oneAccount(*market);
        options.costs.maxParticipation = 0.1;
        TradingEnv env(market, options);
        stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 2.0) && observes(env, 9, 0.6));
        stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 3.0) && observes(env, 9, 0.4));
        stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 5.0) && observes(env, 9, 0.0));
        QVERIFY(close(env.cash(0), 1000.0 - 200.0 - 110.0 - 240.0));
        // The way out is capped too: 3, then 2 coins.
        stepAll(env, kFlat);
        QVERIFY(close(env.quantity(0), 2.0) && observes(env, 9, 1.0));
        stepAll(env, kFlat);
        QVERIFY(close(env.quantity(0), 0.0) && observes(env, 9, 0.0));
    }

    void rule4NothingFillsInABarWithoutVolume()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 100, 0}}, {{100, 100}}});
        TradingEnv env(market, oneAccount(*market));
        stepAll(env, kLong);
        QCOMPARE(env.quantity(0), 0.0);
        QCOMPARE(env.equity(0), 1000.0);
    }

    // 25 bps of 5 x 100 is 1.25, and of 5 x 120 is 1.5.
    void rule5TheFeeIsAShareOfTheValue()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 120}}, {{120, 120}}, {{120, 120}}});
        TradingEnvOptions options = oneAccount(*market);
        options.costs.takerFeeBps = 25.0;
        TradingEnv env(market, options);
        stepAll(env, kLong);
        QVERIFY(close(env.cash(0), 498.75));
        QVERIFY(close(env.feesPaid(0), 1.25));
        stepAll(env, kFlat);
        QVERIFY(close(env.cash(0), 498.75 + 598.5));
        QVERIFY(close(env.feesPaid(0), 2.75));
        QVERIFY(close(env.costsPaid(0), 2.75));
    }

    // All of 1000 at a close of 100 aims at 10 coins; at an open of 110 with a fee of 1 % one costs 111.1, so 1000 / 111.1 fill
    // and no cash is left. When the price falls back, nothing more is bought.
    void rule6APurchaseIsCutToTheCash()
    {
        const auto market = marketOf({{{100, 100}}, {{110, 110}}, {{50, 50}}, {{50, 50}}});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 1.0;
        options.costs.takerFeeBps = 100.0;
        TradingEnv env(market, options);
        stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 1000.0 / 111.1));
        QVERIFY(std::abs(env.cash(0)) < 1e-9);
        QVERIFY(observes(env, 9, 0.0));
        const double held = env.quantity(0);
        stepAll(env, kLong);
        QCOMPARE(env.quantity(0), held);
    }

    // 0.5 x 1000 / 100 coins sold short at 102: proceeds 510; a close of 90 leaves 1510 - 450.
    void rule6AShortSaleSellsAtMostTheExposure()
    {
        const auto market = marketOf({{{100, 100}}, {{102, 90}}, {{90, 90}}, {{95, 95}}});
        TradingEnvOptions options = oneAccount(*market);
        options.allowShort = true;
        TradingEnv env(market, options);
        QCOMPARE(env.actionCount(), std::size_t{3});
        stepAll(env, kShort);
        QVERIFY(close(env.quantity(0), -5.0));
        QVERIFY(close(env.cash(0), 1510.0));
        QVERIFY(close(env.equity(0), 1060.0));
        stepAll(env, kShort);
        QVERIFY(close(env.quantity(0), -5.0));
    }

    void rule7EquityKeepsTheLastCloseOverMissingBars()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 120}}, kMissing, kMissing, {{80, 80}}});
        TradingEnv env(market, oneAccount(*market));
        stepAll(env, kLong);
        QVERIFY(close(env.equity(0), 1100.0));
        QVERIFY(observes(env, 8, 0.0));
        for (int i = 0; i < 2; ++i) {
            const StepResult result = stepAll(env, kLong);
            QVERIFY(close(env.equity(0), 1100.0));
            QCOMPARE(result.reward[0], 0.0F);
            QVERIFY(observes(env, 8, 1.0));
        }
        const StepResult last = stepAll(env, kLong); // 500 + 5 x 80, and the episode is cut
        QVERIFY(close(static_cast<double>(last.reward[0]), static_cast<float>(std::log(900.0 / 1100.0))));
    }

    // Lane 0 is long with all it has: at a close of 50 it holds half of its cash, which is not below it, at 49 it is ruined. Lane 1
    // stays flat and goes on.
    void rule8RuinEndsTheEpisodeAndTheLaneStartsAnew()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 50}}, {{50, 49}}, {{49, 98}}, {{98, 98}}});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 1.0;
        options.ruinShare = 0.5;
        options.accounts = 2;
        TradingEnv env(market, options);
        StepResult result;
        const std::vector<std::uint8_t> actions{kLong, kFlat};
        env.step(actions, result);
        QVERIFY(close(env.equity(0), 500.0));
        QCOMPARE(result.terminated, (std::vector<std::uint8_t>{0, 0}));
        env.step(actions, result);
        QCOMPARE(result.terminated, (std::vector<std::uint8_t>{1, 0}));
        QCOMPARE(result.truncated, (std::vector<std::uint8_t>{0, 0}));
        QVERIFY(close(static_cast<double>(result.reward[0]), static_cast<float>(std::log(0.98))));
        QCOMPARE(env.endedEpisodeReturns().size(), std::size_t{1});
        QVERIFY(close(env.endedEpisodeReturns()[0], std::log(0.49)));
        QCOMPARE(result.finalObservation[1], 1.0F); // what it held when it ended: long
        QCOMPARE(env.row(0), std::size_t{2});
        QCOMPARE(env.cash(0), 1000.0);
        QCOMPARE(env.quantity(0), 0.0);
        QCOMPARE(env.feesPaid(0) + env.tradedValue(0) + env.costsPaid(0), 0.0);
        QVERIFY(env.target(0) == TargetPosition::Flat);
        QCOMPARE(env.observation()[0], 1.0F);
        env.step(actions, result); // long anew: 1000 / 49 coins at 49, worth twice as much at 98
        QVERIFY(close(env.equity(0), 2000.0));
        QCOMPARE(env.equity(1), 1000.0);
        env.step(actions, result); // the cut ends both
        QCOMPARE(result.truncated, (std::vector<std::uint8_t>{1, 1}));
        QCOMPARE(result.terminated, (std::vector<std::uint8_t>{0, 0}));
        QCOMPARE(env.endedEpisodeReturns().size(), std::size_t{2});
        QVERIFY(close(env.endedEpisodeReturns()[0], std::log(2.0)) && env.endedEpisodeReturns()[1] == 0.0);
        QCOMPARE(env.row(0), std::size_t{0});
    }

    // Ruined in the very bar that cuts the episode: it ended for good, so it was not cut.
    void rule8RuinGoesBeforeTheCut()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 10}}});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 1.0;
        options.ruinShare = 0.5;
        TradingEnv env(market, options);
        const StepResult result = stepAll(env, kLong);
        QCOMPARE(int(result.terminated[0]), 1);
        QCOMPARE(int(result.truncated[0]), 0);
        QCOMPARE(env.row(0), std::size_t{0});
    }

    // A sale into an impact of 100 % brings nothing. With ruinShare 0 (as evaluation has it) the account that has
    // nothing left must still end: nothing has no logarithm.
    void rule8NothingLeftIsRuinEvenWithoutALimit()
    {
        const auto market = marketOf({{{100, 100, 10}}, {{100, 100, 5}}, {{100, 100, 5}}, {{100, 100, 5}}, {{100, 100, 5}}});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 1.0;
        options.costs = {.takerFeeBps = 0.0, .halfSpreadBps = 0.0, .impactBps = 10000.0, .maxParticipation = 1.0};
        TradingEnv env(market, options);
        stepAll(env, kLong); // 5 coins, the whole volume, at 100 x (1 + 1): all of the cash
        QVERIFY(close(env.quantity(0), 5.0) && env.cash(0) == 0.0);
        StepResult result = stepAll(env, kFlat);
        QVERIFY(std::isfinite(result.reward[0]));
        QCOMPARE(int(result.terminated[0]), 1);
        QCOMPARE(env.cash(0), 1000.0);
        result = stepAll(env, kFlat);
        QCOMPARE(result.reward[0], 0.0F);
    }

    // With a fee of 1 %: 5 coins bought at 100 (fee 5), at 120 they are sold (fee 6) and half of 1095 is sold short on top: 4.5625 coins
    // (fee 5.475), bought back at 100 (fee 4.5625).
    void aFlipIsTwoTrades()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 120}}, {{120, 100}}, {{100, 100}}, {{100, 100}}});
        TradingEnvOptions options = oneAccount(*market);
        options.allowShort = true;
        options.costs.takerFeeBps = 100.0;
        TradingEnv env(market, options);
        env.recordTrades(1);
        stepAll(env, kLong);
        QVERIFY(env.takeTrades().empty());
        QVERIFY(close(env.equity(0), 1095.0));
        stepAll(env, kShort);
        QVERIFY(close(env.quantity(0), -4.5625));
        QVERIFY(close(env.cash(0), 495.0 + 1147.5 - 11.475));
        std::vector<ClosedTrade> trades = env.takeTrades();
        QCOMPARE(trades.size(), std::size_t{1});
        const ClosedTrade& first = trades[0];
        QVERIFY(first.side == TargetPosition::Long && first.entryRow == 1 && first.exitRow == 2 && first.lane == 0);
        QVERIFY(close(first.entryPrice, 100.0) && close(first.exitPrice, 120.0) && close(first.quantity, 5.0));
        QVERIFY(close(first.fees, 11.0) && close(first.profit, 89.0));

        stepAll(env, kFlat);
        trades = env.takeTrades();
        QCOMPARE(trades.size(), std::size_t{1});
        const ClosedTrade& second = trades[0];
        QVERIFY(second.side == TargetPosition::Short && second.entryRow == 2 && second.exitRow == 3);
        QVERIFY(close(second.entryPrice, 120.0) && close(second.exitPrice, 100.0) && close(second.quantity, 4.5625));
        QVERIFY(close(second.fees, 10.0375) && close(second.profit, 81.2125));
        QVERIFY(close(env.cash(0), 1000.0 + 89.0 + 81.2125));
        QVERIFY(close(env.feesPaid(0), 21.0375));
    }

    // A way out that the volume cap cuts short, and a change of mind: 10 bought at 100, 4 sold at 200, then (half of 2400 at a close
    // of 100) 6 more bought at 100, and all 12 sold at 100. In: 16 coins at 100. Out: (4 x 200 + 12 x 100) / 16 = 125.
    void tradePricesAreAveragesOverTheFills()
    {
        const auto market = marketOf({{{100, 100, 1e6}}, {{100, 200, 1e6}}, {{200, 100, 40}}, {{100, 100, 1e6}}, {{100, 100, 1e6}}, {{100, 100, 1e6}}});
        TradingEnvOptions options = oneAccount(*market);
        options.initialCash = 2000.0;
        options.costs.maxParticipation = 0.1;
        TradingEnv env(market, options);
        env.recordTrades(1);
        stepAll(env, kLong);
        stepAll(env, kFlat);
        QVERIFY(close(env.quantity(0), 6.0));
        stepAll(env, kLong);
        QVERIFY(close(env.quantity(0), 12.0));
        stepAll(env, kFlat);
        const std::vector<ClosedTrade> trades = env.takeTrades();
        QCOMPARE(trades.size(), std::size_t{1});
        QVERIFY(close(trades[0].profit, 400.0));
        QVERIFY(close(trades[0].quantity, 12.0));
        QVERIFY(close(trades[0].entryPrice, 100.0));
        QVERIFY2(close(trades[0].exitPrice, 125.0), std::to_string(trades[0].exitPrice).c_str());
        QVERIFY(trades[0].entryRow == 1 && trades[0].exitRow == 4);
    }

    void onlyTheLanesAskedForAreRecorded()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 100}}, {{100, 100}}, {{100, 100}}});
        TradingEnvOptions options = oneAccount(*market);
        options.accounts = 3;
        TradingEnv env(market, options);
        env.recordTrades(2);
        stepAll(env, kLong);
        stepAll(env, kFlat);
        const std::vector<ClosedTrade> trades = env.takeTrades();
        QCOMPARE(trades.size(), std::size_t{2});
        QVERIFY(trades[0].lane == 0 && trades[1].lane == 1);
        QVERIFY(env.takeTrades().empty());
    }

    // 4 of 5 coins fill at 100 (the cap); the close of 80 leaves 600 + 320 = 920, 8 % below the peak of 1000.
    void theObservationIsLaidOutAsDocumented()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 80, 4}}, kMissing, {{80, 80, 0}}, {{80, 80}}});
        TradingEnv env(market, oneAccount(*market));
        for (std::size_t i = 0; i < TradingEnv::kObservationSize; ++i)
            QCOMPARE(observed(env, i), i == 0 ? 1.0F : 0.0F);
        stepAll(env, kLong);
        QVERIFY(observes(env, 0, 0.0) && observes(env, 1, 1.0) && observes(env, 2, 0.0));
        QVERIFY(observes(env, 3, 320.0 / 920.0));
        QVERIFY(observes(env, 4, 20.0 * std::log(0.8)));
        QVERIFY(observes(env, 5, std::log(2.0) / 8.0)); // one bar since the decision
        QVERIFY(observes(env, 6, 0.8));
        QVERIFY(observes(env, 7, 5.0 * std::log(0.92)));
        QVERIFY(observes(env, 8, 0.0));
        QVERIFY(observes(env, 9, 0.2));
        stepAll(env, kLong);
        QVERIFY(observes(env, 5, std::log(3.0) / 8.0));
        QVERIFY(observes(env, 8, 1.0));
        stepAll(env, kFlat);
        QVERIFY(observes(env, 0, 1.0) && observes(env, 1, 0.0));
        QVERIFY(observes(env, 5, std::log(2.0) / 8.0));
        QVERIFY(observes(env, 9, 1.0)); // nothing of the way out has filled
    }

    // A short position at a tenth of its entry: the mark over entry is clipped, and the sign is that of the side.
    void theObservationIsClipped()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 10}}, {{10, 100}}, {{100, 100}}});
        TradingEnvOptions options = oneAccount(*market);
        options.allowShort = true;
        TradingEnv env(market, options);
        stepAll(env, kShort);
        QCOMPARE(observed(env, 2), 1.0F);
        QCOMPARE(observed(env, 4), 5.0F);
        QVERIFY(observes(env, 3, -50.0 / 1450.0));
        TradingEnv buyer(market, options);
        stepAll(buyer, kLong);
        QCOMPARE(observed(buyer, 4), -5.0F);
    }

    // 1000, 1050, 945, 1000 with 5 coins: the drawdown grows by 10 % of the peak in the second bar and shrinks in the third.
    void theRewardCountsNewDrawdown()
    {
        const auto market = marketOf({{{100, 100}}, {{100, 110}}, {{110, 89}}, {{89, 100}}, {{100, 79}}, {{79, 79}}});
        TradingEnvOptions options = oneAccount(*market);
        options.reward = {.scale = 100.0, .drawdownPenalty = 2.0};
        TradingEnv env(market, options);
        const auto reward = [&env] { return static_cast<double>(stepAll(env, kLong).reward[0]); };
        QVERIFY(std::abs(reward() - 100.0 * std::log(1.05)) < 1e-5);
        QVERIFY(std::abs(reward() - 100.0 * (std::log(945.0 / 1050.0) - 2.0 * 0.1)) < 1e-4);
        QVERIFY(std::abs(reward() - 100.0 * std::log(1000.0 / 945.0)) < 1e-5);
        // From 1000 to 895: the drawdown goes from 50 / 1050 to 155 / 1050.
        QVERIFY(std::abs(reward() - 100.0 * (std::log(0.895) - 2.0 * 105.0 / 1050.0)) < 1e-4);
    }

    void actionsFollowFromTargets()
    {
        using enum TargetPosition;
        QVERIFY(tradeAction(Flat, Flat) == TradeAction::Hold && tradeAction(Short, Short) == TradeAction::Hold);
        QVERIFY(tradeAction(Flat, Long) == TradeAction::Buy && tradeAction(Short, Flat) == TradeAction::Buy);
        QVERIFY(tradeAction(Long, Flat) == TradeAction::Sell && tradeAction(Flat, Short) == TradeAction::Sell);
        QVERIFY(tradeAction(Short, Long) == TradeAction::Buy && tradeAction(Long, Short) == TradeAction::Sell);
    }

    // 6 rows hold one episode of 5 steps and none of 6.
    void anEpisodeThatDoesNotFitIsRefused()
    {
        const auto market = marketOf(std::vector<std::optional<TestBar>>(6, TestBar{100, 100}));
        TradingEnvOptions options = oneAccount(*market);
        options.episodeBars = 5;
        QVERIFY(!failureOf([&] { TradingEnv(market, options); }));
        options.episodeBars = 6;
        auto failure = failureOf([&] { TradingEnv(market, options); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("account.episode_bars = 6"));
        options.episodeBars = 4;
        options.rows = {{1, 6}};
        QVERIFY(!failureOf([&] { TradingEnv(market, options); }));
        options.startGrid = 4; // the first start would be row 4
        QVERIFY(failureOf([&] { TradingEnv(market, options); }));
        options.startGrid = 1;
        options.rows = {{0, 7}}; // a row that is not there
        QVERIFY(failureOf([&] { TradingEnv(market, options); }));
    }

    void theMarketKeepsTheLastClose()
    {
        const auto market = marketOf({{{100, 101, 3}}, kMissing, {{90, 91, 4}}});
        QCOMPARE(market->rows(), std::size_t{3});
        QCOMPARE(market->mark, (std::vector<double>{101, 101, 91}));
        QCOMPARE(market->volume, (std::vector<double>{3, 0, 4}));
        QCOMPARE(market->present, (std::vector<std::uint8_t>{1, 0, 1}));
        QCOMPARE(market->timestamp(2), std::int64_t{600});
        // Before the first bar nothing is known but its open.
        BarColumns columns{.open = {0, 100}, .high = {0, 102}, .low = {0, 99}, .close = {0, 101}, .volume = {0, 3}, .mask = {0, 1}};
        const Market late(BarSeries::fromColumns("TEST", 300, 0, columns));
        QCOMPARE(late.mark, (std::vector<double>{100, 101}));
        columns.mask = {0, 0};
        const auto failure = failureOf([&] { Market(BarSeries::fromColumns("TEST", 300, 0, columns)); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("no bar"));
    }
};

QTEST_APPLESS_MAIN(TestTradingEnv)
#include "tst_tradingenv.moc"
