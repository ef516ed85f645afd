#include <QtTest>

#include <cmath>

#include "env/account/Funding.h"
#include "env/execution/SpreadEstimator.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr std::uint8_t kHold = 0, kBuy = 1, kSell = 2;

using Rows = std::vector<std::optional<TestBar>>;

bool close(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)}); }

TestBar bar(double open, double closing, double volume = 1e9, double high = 0.0, double low = 0.0) { return {open, closing, volume, high, low}; }

TestBar flat(double price) { return bar(price, price); }

/// One account with 1000 in the action mode "orders": two positions of half the equity each, 5 coins at a close of 100.
TradingEnvOptions orders(const Market& market)
{
    TradingEnvOptions options = oneAccount(market);
    options.exposure = 1.0;
    options.actionMode = ActionMode::Orders;
    options.maxPositions = 2;
    options.costs.makerFeeBps = 0.0;
    return options;
}

TradingEnvOptions perpetual(const Market& market, double leverage)
{
    TradingEnvOptions options = oneAccount(market);
    options.exposure = 1.0;
    options.allowShort = true;
    options.margin = {.perpetual = true, .leverage = leverage, .maintenance = 0.1, .liquidationFeeBps = 0.0, .fundingRate = 0.0};
    return options;
}

/// Two bars more than asked for, so that the episode outlasts the story.
Rows longer(Rows rows)
{
    rows.insert(rows.end(), 2, flat(rows.back()->close));
    return rows;
}

struct Scene {
    std::shared_ptr<const Market> market;
    TradingEnv env;

    Scene(const Rows& rows, TradingEnvOptions (*make)(const Market&), const std::function<void(TradingEnvOptions&)>& change = {})
        : Scene(marketOf(longer(rows)), make, change)
    {
    }
    Scene(std::shared_ptr<const Market> m, TradingEnvOptions (*make)(const Market&), const std::function<void(TradingEnvOptions&)>& change = {})
        : market(std::move(m)), env(market, changed(make(*market), change))
    {
        env.recordTrades(1);
    }
    void act(std::uint8_t action) { stepAll(env, action); }
    void expose(double exposure)
    {
        StepResult result;
        env.stepExposures(std::vector<double>{exposure}, result);
    }
    double cash() const { return env.cash(0); }
    double coins() const { return env.quantity(0); }
    ClosedTrade trade()
    {
        const auto trades = env.takeTrades();
        return trades.size() == 1 ? trades[0] : ClosedTrade{};
    }

    static TradingEnvOptions changed(TradingEnvOptions options, const std::function<void(TradingEnvOptions&)>& change)
    {
        if (change)
            change(options);
        return options;
    }
};

/// Buys at the open of row 1, 5 coins at 100, with the levels asked for; what follows happens in row 1 and 2.
Scene protectedLong(const TestBar& entryBar, const TestBar& nextBar, double stop, double takeProfit)
{
    Scene s({flat(100), entryBar, nextBar}, orders, [=](auto& o) { o.stopLoss = stop, o.takeProfit = takeProfit; });
    s.act(kBuy);
    return s;
}

std::string refusal(const std::function<void(TradingEnvOptions&)>& change)
{
    const auto market = marketOf(Rows(10, flat(100)));
    TradingEnvOptions options = oneAccount(*market);
    change(options);
    const auto failure = failureOf([&] { TradingEnv env(market, options); });
    return failure && failure->kind == ErrorKind::BadInput ? failure->message : "";
}

} // namespace

// The rules of env/execution/README.md that tst_tradingenv does not hold, each with a scenario worked by hand.
class TestFillContract : public QObject {
    Q_OBJECT

private slots:
    // Decided at 100, the order needs one bar more than the next: 5 coins (of the decision) at the open of row 2, not of row 1.
    void rule1LatencyDelaysTheOrderButNotItsSize()
    {
        Scene s({flat(100), bar(110, 120), bar(130, 130)}, orders, [](auto& o) { o.execution.latencyBars = 1; });
        s.act(kBuy);
        QCOMPARE(s.coins(), 0.0);
        s.act(kHold);
        QVERIFY(close(s.coins(), 5.0) && close(s.cash(), 1000.0 - 650.0));

        Scene t({flat(100), bar(110, 120), bar(130, 130), bar(140, 140)}, oneAccount, [](auto& o) { o.execution.latencyBars = 1; });
        t.act(kLong); // half of 1000 at 100: 5 coins, which the later decision to be flat sells one bar after they came
        QCOMPARE(t.coins(), 0.0);
        t.act(kFlat);
        QVERIFY(close(t.coins(), 5.0) && close(t.cash(), 350.0));
        t.act(kFlat);
        QVERIFY(close(t.coins(), 0.0) && close(t.cash(), 350.0 + 700.0));
    }

    void rule2AnOrderWaitsOutMissingBars()
    {
        Scene s({flat(100), kMissing, kMissing, flat(90)}, orders);
        s.act(kBuy);
        s.act(kHold);
        QCOMPARE(s.coins(), 0.0);
        s.act(kHold);
        QVERIFY(close(s.coins(), 5.0) && close(s.cash(), 550.0));

        Scene lapses({flat(100), kMissing, flat(90)}, orders, [](auto& o) { o.execution.rest = RestPolicy::Cancel; });
        lapses.act(kBuy);
        lapses.act(kHold);
        QCOMPARE(lapses.coins(), 0.0);
    }

    // Two positions at most, none of them short: at first one can buy, holding one both, holding two only sell. Whoever may go short can sell at first, and,
    // with two short positions, only buy. With latency there may be room by the time an order arrives, though never for a short position of who has none.
    void whatIsPossibleIsSeen()
    {
        const auto possible = [](const Scene& s) {
            return std::pair(s.env.observation()[TradingEnv::kPossibleAt] == 1.0F, s.env.observation()[TradingEnv::kPossibleAt + 1] == 1.0F);
        };
        const Rows rows(6, flat(100));
        Scene s(rows, orders);
        QVERIFY(possible(s) == std::pair(true, false));
        s.act(kBuy);
        QVERIFY(possible(s) == std::pair(true, true));
        s.act(kBuy);
        QVERIFY(possible(s) == std::pair(false, true));
        s.act(kBuy); // what is said to be impossible does nothing
        QCOMPARE(s.env.openPositions(0), std::size_t{2});
        Scene both(rows, orders, [](TradingEnvOptions& o) { o.allowShort = true, o.margin.perpetual = true; });
        QVERIFY(possible(both) == std::pair(true, true));
        both.act(kSell);
        both.act(kSell);
        QVERIFY(possible(both) == std::pair(true, false));
        Scene late(rows, orders, [](TradingEnvOptions& o) { o.execution.latencyBars = 1; });
        QVERIFY(possible(late) == std::pair(true, false));
        for (int i = 0; i < 3; ++i)
            late.act(kBuy);
        QVERIFY(late.env.openPositions(0) == 2 && possible(late) == std::pair(true, true));
    }

    // A limit 5 % below 100 that lives two bars: rows 1 and 2 stay above, row 3 would fill it.
    void rule3AnOrderEndsWithItsLifetime()
    {
        const Rows rows{flat(100), flat(100), flat(100), bar(94, 94)};
        const auto limit = [](std::size_t bars) {
            return [bars](TradingEnvOptions& o) {
                o.execution.entry = OrderType::Limit, o.execution.entryOffset = 0.05, o.execution.lifetimeBars = bars;
            };
        };
        for (const auto& [bars, coins] : {std::pair<std::size_t, double>{2, 0.0}, {3, 5.0}, {0, 5.0}}) {
            Scene s(rows, orders, limit(bars));
            s.act(kBuy);
            s.act(kHold);
            QCOMPARE(s.env.observation()[12], bars == 2 ? 0.0F : 1.0F); // whether it still works
            s.act(kHold);
            QVERIFY(close(s.coins(), coins));
        }
    }

    // A second buy at a close of 99 replaces the limit at 96 by one at 95.04: row 2, which goes through both, fills at the latter.
    void rule3ANewOrderReplacesTheOneBefore()
    {
        Scene s({flat(100), flat(99), bar(96, 90, 1e9, 96, 90), bar(94, 94)}, orders,
                [](auto& o) { o.execution.entry = OrderType::Limit, o.execution.entryOffset = 0.04; });
        s.act(kBuy); // a limit at 96: row 1 stays above it
        s.act(kBuy); // at 95.04 from now on: row 2 goes through it, down to 90
        QVERIFY(close(s.env.openPosition(0, 0).entryPrice, 95.04));
    }

    // At the close of the decision, 100, though the next open is 110: nobody gets that, and the environment says so.
    void rule4OptimisticTimingFillsAtTheDecision()
    {
        Scene s({flat(100), bar(110, 120)}, oneAccount, [](auto& o) { o.execution.timing = FillTiming::OptimisticDecisionClose; });
        QVERIFY(s.env.hasOptimisticFills());
        s.act(kLong);
        QVERIFY(close(s.coins(), 5.0) && close(s.cash(), 500.0) && close(s.env.equity(0), 1100.0));
        Scene honest({flat(100), bar(110, 120)}, oneAccount);
        QVERIFY(!honest.env.hasOptimisticFills());
    }

    // 60 % of 1000 at 100 are 6 coins; the fee of 1 % leaves 994, of which 20 % are 1.988 coins.
    void rule5AnExposureIsAShareOfEquity()
    {
        Scene s({flat(100), flat(100), flat(100), bar(100, 120), flat(120)}, oneAccount, [](auto& o) { o.costs.takerFeeBps = 100.0; });
        s.expose(0.6);
        QVERIFY(close(s.coins(), 6.0) && close(s.cash(), 394.0));
        s.expose(0.2);
        QVERIFY(close(s.coins(), 1.988));
        s.expose(0.2); // the price rises to 120, and with it the exposure: the same number again trades nothing
        QVERIFY(close(s.coins(), 1.988));
    }

    // With the fee of 1 % taken from the coins, g are bought for 100 g, 0.99 g remain, and must be worth 0.6 x (1000 - g): g = 600 / 99.6. A sale of m down to
    // 20 % pays its fee in quote currency: 100 (h - m) = 0.2 (E - m) with h held and E the equity, so m = (100 h - 0.2 E) / 99.8.
    void rule5AnExposureHoldsAfterAFeeInWhatIsReceived()
    {
        Scene s(Rows(5, flat(100)), oneAccount, [](auto& o) { o.costs.takerFeeBps = 100.0, o.costs.feeCurrency = FeeCurrency::Received; });
        s.expose(0.6);
        const double g = 600.0 / 99.6;
        QVERIFY(close(s.coins(), 0.99 * g) && close(s.cash(), 1000.0 - 100.0 * g));
        QVERIFY(close(s.coins() * 100.0 / s.env.equity(0), 0.6));
        const double m = (99.0 * g - 0.2 * s.env.equity(0)) / 99.8;
        s.expose(0.2);
        QVERIFY(close(s.coins(), 0.99 * g - m));
        QVERIFY(close(s.coins() * 100.0 / s.env.equity(0), 0.2));
    }

    void rule5ExposuresBeyondTheAccountAreRefused()
    {
        Scene s(Rows(4, flat(100)), oneAccount);
        StepResult result;
        for (const double wrong : {-0.1, 1.1, std::nan("")}) {
            const auto failure = failureOf([&] { s.env.stepExposures(std::vector<double>{wrong}, result); });
            QVERIFY(failure && failure->says("exposure"));
        }
    }

    // Two positions at 100 and 110, then no third; sells close the oldest first: at 120 the one of 100, at 130 that of 110.
    void rule6PositionsAreClosedInTheirOrder()
    {
        Scene s({flat(100), flat(100), bar(110, 110), bar(110, 110), bar(120, 120), bar(130, 130), flat(130)}, orders);
        s.act(kBuy);
        s.act(kBuy); // 500 of 1000 at a close of 100: 5 coins, of which the 500 left pay for 500 / 110
        QCOMPARE(s.env.openPositions(0), std::size_t{2});
        QVERIFY(close(s.coins(), 5.0 + 500.0 / 110.0) && std::abs(s.cash()) < 1e-9);
        QCOMPARE(s.env.observation()[10], 1.0F);
        s.act(kBuy);
        QCOMPARE(s.env.openPositions(0), std::size_t{2});
        s.act(kSell);
        const ClosedTrade first = s.trade();
        QVERIFY(close(first.entryPrice, 100.0) && close(first.exitPrice, 120.0) && close(first.profit, 100.0));
        s.act(kSell);
        const ClosedTrade second = s.trade();
        QVERIFY(close(second.entryPrice, 110.0) && close(second.profit, 500.0 / 110.0 * 20.0));
        QCOMPARE(s.coins(), 0.0);
        s.act(kSell); // flat, and short selling is not allowed
        QCOMPARE(s.coins(), 0.0);
    }

    // Short 5 at 100, then half of 1050 at 90; a buy closes the oldest, sold at 100, at 80.
    void rule6SellsOpenShortPositionsAndBuysCloseThem()
    {
        Scene s({flat(100), bar(100, 90), bar(90, 90), bar(80, 80), flat(80)}, orders, [](auto& o) { o.allowShort = true; });
        s.act(kSell);
        QVERIFY(close(s.coins(), -5.0) && close(s.env.equity(0), 1050.0));
        s.act(kSell); // half of 1050 at a close of 90
        QVERIFY(close(s.coins(), -5.0 - 525.0 / 90.0));
        QCOMPARE(s.env.observation()[11], 0.0F); // the worse of the two was sold at 90, the mark; the better at 100
        s.act(kBuy);
        const ClosedTrade trade = s.trade();
        QVERIFY(trade.side == TargetPosition::Short && close(trade.profit, 100.0));
    }

    // A tenth of 20 coins: 2 of 5 fill in row 1, the other 3 in row 2 at 110, of the same position: on average (2 x 100 + 3 x 110) / 5.
    void rule7TheRestIsCarriedIntoTheSamePosition()
    {
        const Rows rows{flat(100), bar(100, 100, 20), bar(110, 110, 100), bar(110, 110)};
        const auto capped = [](TradingEnvOptions& o) { o.costs.maxParticipation = 0.1; };
        Scene s(rows, orders, capped);
        s.act(kBuy);
        QVERIFY(close(s.coins(), 2.0));
        s.act(kHold);
        QVERIFY(close(s.coins(), 5.0));
        QCOMPARE(s.env.openPositions(0), std::size_t{1});
        QVERIFY(close(s.env.openPosition(0, 0).entryPrice, 106.0));

        Scene cancels(rows, orders, [&](auto& o) { capped(o), o.execution.rest = RestPolicy::Cancel; });
        cancels.act(kBuy);
        cancels.act(kHold);
        QVERIFY(close(cancels.coins(), 2.0));
        Scene target(rows, oneAccount, [&](auto& o) { capped(o), o.execution.rest = RestPolicy::Cancel; });
        target.act(kLong);
        target.act(kLong);
        QVERIFY(close(target.coins(), 2.0));
    }

    // The stop at 90 sells 3 of 5 coins (a tenth of 30) at 90, the rest at the next open, 80, though the option says to cancel rests.
    void rule7TheRestOfAStopIsAlwaysCarried()
    {
        Scene s({flat(100), flat(100), bar(100, 95, 30, 100, 85), bar(80, 80)}, orders, [](auto& o) {
            o.stopLoss = 0.1, o.costs.maxParticipation = 0.1, o.execution.rest = RestPolicy::Cancel;
        });
        s.act(kBuy);
        s.act(kHold);
        QVERIFY(close(s.coins(), 2.0) && close(s.cash(), 500.0 + 270.0));
        s.act(kHold);
        QVERIFY(close(s.cash(), 770.0 + 160.0));
        QVERIFY(s.trade().reason == ExitReason::Stop);
    }

    // Of 80 coins 8 may fill, enough for the younger position's stop at 99 though not for both; of 30 coins 3 of the other 5.
    void rule7OrdersOfOneBarShareTheCap()
    {
        Scene s({flat(100), flat(100), flat(110), bar(100, 98, 80, 100, 97.5), bar(96, 96, 30)}, orders, [](auto& o) {
            o.costs.maxParticipation = 0.1, o.stopLoss = 0.1;
        });
        s.act(kBuy); // 5 at 100, stop 90
        s.act(kBuy); // 4.545... at 110, stop 99
        s.act(kHold); // row 3: 8 coins may fill: the younger one's stop at 99 takes all of it
        QVERIFY(close(s.coins(), 5.0));
        s.act(kSell); // row 4: at most 3 of 5
        QVERIFY(close(s.coins(), 2.0));
    }

    // Half of what there is each, but with a fee of 1 % the second purchase finds 495 of cash: 495 / 101 coins, and no more later.
    void rule8CashIsNotLent()
    {
        Scene s(Rows(5, flat(100)), orders, [](auto& o) { o.costs.takerFeeBps = 100.0; });
        s.act(kBuy);
        QVERIFY(close(s.cash(), 1000.0 - 505.0));
        s.act(kBuy); // asks for 0.5 x 995 / 100 = 4.975 coins
        QVERIFY(close(s.coins(), 5.0 + 495.0 / 101.0) && std::abs(s.cash()) < 1e-9);
        s.act(kHold);
        QVERIFY(close(s.coins(), 5.0 + 495.0 / 101.0));
    }

    // Six pairs of bars with log close 1 bp above or below the middle in turn: c - m alternates between +a and -a with a constant middle, so
    // (c(t) - m)(c(t) - m) = a^2, and the half spread is a: 1.5 bps here.
    void rule10TheSpreadIsEstimatedFromClosedBars()
    {
        const double a = 1.5e-4;
        Rows rows;
        for (int i = 0; i < 8; ++i) {
            const double price = 100.0 * std::exp(i % 2 == 0 ? a : -a);
            rows.push_back(TestBar{price, price, 1e9, 100.0 * std::exp(2 * a), 100.0 * std::exp(-2 * a)});
        }
        auto spreads = estimateHalfSpreadBps(Market(seriesOf(rows)), 3, 0.5);
        QCOMPARE(spreads[3], 0.5); // two pairs closed: too few
        for (std::size_t row = 4; row < 8; ++row)
            QVERIFY(std::abs(spreads[row] - 1.5) < 1e-6);
        // A bar decides nothing about its own row or any before it.
        rows[6] = TestBar{200, 100, 1e9, 300, 50};
        const auto changed = estimateHalfSpreadBps(Market(seriesOf(rows)), 3, 0.5);
        for (std::size_t row = 0; row <= 6; ++row)
            QVERIFY(changed[row] == spreads[row]);
        QVERIFY(changed[7] != spreads[7]);
        spreads = estimateHalfSpreadBps(Market(seriesOf(rows)), 3, 2.0);
        QCOMPARE(spreads[5], 2.0); // never below the floor
    }

    void rule10AFillPaysTheEstimatedSpread()
    {
        Rows rows;
        for (int i = 0; i < 6; ++i) {
            const double price = i % 2 == 0 ? 101.0 : 99.0;
            rows.push_back(TestBar{100, price, 1e9, 102, 98});
        }
        const double middle = 0.5 * std::log(102.0 * 98.0);
        const double up = std::log(101.0) - middle, down = std::log(99.0) - middle;
        const double half = std::sqrt((up * up + down * down) / 2.0); // of the pairs that begin in rows 1 and 2, or 0 and 1
        Scene s(rows, oneAccount, [](auto& o) { o.costs.spread = SpreadModel::Estimated, o.costs.spreadWindow = 2; });
        s.act(kFlat);
        s.act(kFlat);
        s.act(kLong); // row 3: half of 1000 at a close of 101
        QVERIFY(close(s.cash(), 1000.0 - 500.0 / 101.0 * 100.0 * (1.0 + half)));
    }

    // Of 10,000 coins: the order for 5 that closes one position takes 1 / 2000 of the volume; the stop of the other in the same bar
    // comes on top: 5 + 5 coins are 1 / 1000. Impact 1000 bps: 0.1 x sqrt(...).
    void rule11ImpactCountsWhatWasTradedBefore()
    {
        Scene s({flat(100), flat(100), flat(100), bar(100, 95, 10000, 100, 85)}, orders, [](auto& o) { o.stopLoss = 0.1; });
        Scene t({flat(100), bar(100, 100, 1e18), bar(100, 100, 1e18), bar(100, 95, 10000, 100, 85)}, orders, [](auto& o) {
            o.stopLoss = 0.1, o.costs.impactBps = 1000.0;
        });
        for (Scene* scene : {&s, &t}) {
            scene->act(kBuy);
            scene->act(kBuy);
            scene->act(kSell);
        }
        QVERIFY(close(s.cash(), 500.0 + 450.0));
        const double first = 500.0 * (1.0 - 0.1 * std::sqrt(5.0 / 10000.0));
        const double second = 450.0 * (1.0 - 0.1 * std::sqrt(10.0 / 10000.0));
        QVERIFY(std::abs(t.cash() - first - second) < 1e-4); // the purchases paid impact too: 0.1 x sqrt(5e-18) of 100
    }

    // A limit at 95 is not filled by a low of 95, but by one of 94.9: at 95, as a maker, though the bar opened at 99.
    void rule12ALimitFillsOnceItIsPassed()
    {
        const auto limit = [](TradingEnvOptions& o) {
            o.execution.entry = OrderType::Limit, o.execution.entryOffset = 0.05, o.costs.makerFeeBps = 20.0, o.costs.takerFeeBps = 100.0,
            o.costs.halfSpreadBps = 50.0;
        };
        Scene s({flat(100), bar(99, 98, 1e9, 99, 95), bar(99, 98, 1e9, 99, 94.9)}, orders, limit);
        s.act(kBuy);
        QCOMPARE(s.coins(), 0.0);
        s.act(kHold);
        QVERIFY(close(s.coins(), 5.0) && close(s.cash(), 1000.0 - 475.0 - 0.002 * 475.0));
        // It rested while the market fell past it overnight: still its own price, not the better open.
        Scene gap({flat(100), flat(99), bar(90, 90)}, orders, limit);
        gap.act(kBuy);
        gap.act(kHold);
        QVERIFY(close(gap.cash(), 1000.0 - 475.0 - 0.002 * 475.0));
        // The open of the bar it arrives in is below it already: a taker at 90 x 1.005.
        Scene taker({flat(100), bar(90, 90)}, orders, limit);
        taker.act(kBuy);
        QVERIFY(close(taker.cash(), 1000.0 - 5 * 90.45 * 1.01));
        // At 94.9 the spread would lead beyond the limit.
        Scene capped({flat(100), bar(94.9, 94.9)}, orders, limit);
        capped.act(kBuy);
        QVERIFY(close(capped.cash(), 1000.0 - 5 * 95.0 * 1.01));
    }

    // A buy stop at 105: a high of 105 triggers it at 105; an open of 107 beyond it is what it gets.
    void rule13AStopOrderTriggersAtATouchAndGaps()
    {
        const auto stop = [](TradingEnvOptions& o) { o.execution.entry = OrderType::Stop, o.execution.entryOffset = 0.05; };
        Scene s({flat(100), bar(101, 104, 1e9, 104.9, 101), bar(104, 104, 1e9, 105, 104)}, orders, stop);
        s.act(kBuy);
        QCOMPARE(s.coins(), 0.0);
        s.act(kHold);
        QVERIFY(close(s.cash(), 1000.0 - 525.0));
        Scene gap({flat(100), bar(107, 107)}, orders, [&](auto& o) { stop(o), o.exposure = 0.5; });
        gap.act(kBuy);
        QVERIFY(close(gap.cash(), 1000.0 - 2.5 * 107.0));
    }

    // Fees of 10 bps; from 1000 traded in 30 days on, 5 bps. Bars of 12 hours: rows 1 and 3 close at midnight. The purchase of 500 on the first day
    // and the sale of 600 pay 10 bps; what follows the midnight at which 1100 stand pays 5.
    void rule14TiersFollowTheVolumeOfThirtyDays()
    {
        Rows rows(70, flat(100));
        rows[2] = bar(120, 100);
        const auto market = std::make_shared<const Market>(seriesOf(rows, 43200));
        Scene s(market, oneAccount, [](auto& o) { o.costs.takerFeeBps = 10.0, o.costs.tiers = parseFeeTiers("1000:5:3, 1e9:1:1"); });
        s.act(kLong);
        QVERIFY(close(s.env.feesPaid(0), 0.5)); // row 1: 500
        s.act(kFlat);
        QVERIFY(close(s.env.feesPaid(0), 1.1)); // row 2: 600
        s.act(kFlat);
        s.act(kLong); // row 4, after the midnight
        const double paid = s.env.feesPaid(0) - 1.1;
        const double bought = s.env.tradedValue(0) - 1100.0;
        QVERIFY(bought > 500.0 && close(paid, 5e-4 * bought));
        // Thirty days later nothing but the last purchase counts, which is below 1000: back to 10 bps.
        for (int row = 5; row < 65; ++row)
            s.act(kLong);
        const double before = s.env.feesPaid(0);
        const double traded = s.env.tradedValue(0);
        s.act(kFlat);
        QVERIFY(close(s.env.feesPaid(0) - before, 1e-3 * (s.env.tradedValue(0) - traded)));
    }

    void rule14TierTextsAreRead()
    {
        QCOMPARE(parseFeeTiers(" ").size(), std::size_t{0});
        const auto tiers = parseFeeTiers("0:9:7, 5e4 : 8 : 6.5");
        QVERIFY(tiers == (std::vector<FeeTier>{{0, 9, 7}, {50000, 8, 6.5}}));
        for (const char* wrong : {"1", "1:2", "1:2:3:4", "1:2:x", "1:2:3,1:2:3", "2:2:3,1:2:3", "1:2000:3", "-1:2:3", "1:-2:3", "nan:1:1", "1:nan:1", ":::"})
            QVERIFY2(failureOf([&] { parseFeeTiers(wrong); })->says("fee tier"), wrong);
    }

    // A fee of 1 %: 500 buy 5 coins less 0.05, and their sale at 200 brings 990 less 9.9. Worth of the fees: 5 and 9.9.
    void rule14FeesCanBeTakenFromWhatIsReceived()
    {
        Scene s({flat(100), flat(100), bar(200, 200)}, orders, [](auto& o) {
            o.costs.takerFeeBps = 100.0, o.costs.feeCurrency = FeeCurrency::Received, o.maxPositions = 1, o.exposure = 0.495;
        });
        s.act(kBuy); // 4.95 coins are wanted: 5 must be bought
        QVERIFY(close(s.coins(), 4.95) && close(s.cash(), 500.0) && close(s.env.feesPaid(0), 5.0));
        s.act(kSell);
        QVERIFY(s.coins() == 0.0 && close(s.cash(), 500.0 + 990.0 - 9.9) && close(s.env.feesPaid(0), 14.9));
    }

    void rule15FundingIsPaidOnWhatWasHeldBefore()
    {
        // Bars of 8 hours from 1970-01-01: each opens at a settlement. 10 coins at 100 (all of 1000); rate 1 %: row 1 charges nothing, since nothing was
        // held; row 2 charges 1 % of 10 x 110, though the position is closed at its open.
        const auto market = std::make_shared<const Market>(seriesOf(longer({flat(100), bar(100, 110), bar(120, 120)}), 28800));
        Scene s(market, oneAccount, [](auto& o) {
            o.exposure = 1.0;
            o.margin = {.perpetual = true, .leverage = 1.0, .maintenance = 0.005, .liquidationFeeBps = 0.0, .fundingRate = 0.01};
        });
        s.act(kLong);
        QVERIFY(close(s.coins(), 10.0) && s.env.fundingPaid(0) == 0.0);
        s.act(kFlat);
        QVERIFY(close(s.env.fundingPaid(0), 11.0) && close(s.cash(), 1200.0 - 11.0));
    }

    // Stop at 95: a low of 95 sells there; an open of 93 sells at 93.
    void rule16AStopSellsAtItsLevelOrTheOpenBeyond()
    {
        Scene s = protectedLong(flat(100), bar(99, 97, 1e9, 99, 95), 0.05, 0.0);
        s.act(kHold);
        QVERIFY(close(s.cash(), 500.0 + 475.0));
        QVERIFY(s.trade().reason == ExitReason::Stop);
        Scene gap = protectedLong(flat(100), bar(93, 97), 0.05, 0.0);
        gap.act(kHold);
        QVERIFY(close(gap.cash(), 500.0 + 465.0));
        Scene safe = protectedLong(flat(100), bar(99, 97, 1e9, 99, 95.01), 0.05, 0.0);
        safe.act(kHold);
        QVERIFY(close(safe.coins(), 5.0));
    }

    void rule16AStopHoldsFromTheEntryBarOn()
    {
        const Scene s = protectedLong(bar(100, 99, 1e9, 101, 94), flat(99), 0.05, 0.0);
        QVERIFY(s.coins() == 0.0 && close(s.cash(), 500.0 + 475.0));
    }

    // Take-profit at 110: not at a high of 110; at 110.1 it sells at 110, a maker, and at 110 still where the market opens at 115.
    void rule16ATakeProfitIsAMakerAtItsLevel()
    {
        Scene touch = protectedLong(flat(100), bar(105, 105, 1e9, 110, 105), 0.0, 0.1);
        touch.act(kHold);
        QVERIFY(close(touch.coins(), 5.0));
        for (const TestBar& bar : {TestBar{105, 105, 1e9, 110.1, 105}, TestBar{115, 115}}) {
            Scene s({flat(100), flat(100), bar}, orders, [](auto& o) { o.takeProfit = 0.1, o.costs.makerFeeBps = 20.0; });
            s.act(kBuy);
            s.act(kHold);
            QVERIFY(close(s.cash(), 500.0 + 550.0 * 0.998));
            QVERIFY(s.trade().reason == ExitReason::TakeProfit);
        }
    }

    // The bar reaches 94 and 111: the stop at 95 came first.
    void rule16TheStopGoesFirstWhereABarIsAmbiguous()
    {
        Scene s = protectedLong(flat(100), bar(100, 105, 1e9, 111, 94), 0.05, 0.1);
        s.act(kHold);
        QVERIFY(close(s.cash(), 500.0 + 475.0));
    }

    // A short position at 100 mirrors it: stop at 105, take-profit at 90.
    void rule16ShortPositionsMirrorLongOnes()
    {
        const auto sold = [](const TestBar& bar) {
            Scene s({flat(100), flat(100), bar}, orders, [](auto& o) { o.allowShort = true, o.stopLoss = 0.05, o.takeProfit = 0.1; });
            s.act(kSell);
            s.act(kHold);
            return s.cash();
        };
        QVERIFY(close(sold(bar(100, 100, 1e9, 105, 89)), 1500.0 - 525.0));  // both: the stop
        QVERIFY(close(sold(bar(108, 108)), 1500.0 - 540.0));                // a gap beyond it
        QVERIFY(close(sold(bar(100, 95, 1e9, 100, 89.9)), 1500.0 - 450.0)); // the profit
        QVERIFY(close(sold(bar(100, 95, 1e9, 104.9, 90)), 1500.0));         // neither
    }

    // A buy limit at 95 fills in a bar that ranges from 89 to 120. Its stop at 5 % below (90.25) is reached after the worst of orders; its take-profit
    // at 104.5 may have been passed before it was opened.
    void rule16APositionOpenedWithinABar()
    {
        const auto limit = [](TradingEnvOptions& o) {
            o.execution.entry = OrderType::Limit, o.execution.entryOffset = 0.05, o.stopLoss = 0.05, o.takeProfit = 0.1;
        };
        Scene s({flat(100), bar(100, 100, 1e9, 120, 89)}, orders, limit);
        s.act(kBuy);
        QVERIFY(s.coins() == 0.0 && close(s.cash(), 1000.0 - 475.0 + 5 * 90.25));
        Scene t({flat(100), bar(100, 100, 1e9, 120, 91)}, orders, limit);
        t.act(kBuy);
        QVERIFY(close(t.coins(), 5.0));
        t.act(kHold);
    }

    // Five minutes from 100 to 111 and then to 94: the take-profit came first. In the other order the stop did. Where the minutes do not show
    // the low of the bar, the bar decides.
    void rule17FinerBarsDecideTheOrder()
    {
        const auto play = [](const std::vector<std::pair<double, double>>& minutes) {
            auto market = std::make_shared<Market>(seriesOf(longer({flat(100), flat(100), TestBar{100, 105, 1e9, 111, 94}})));
            Rows fine(25, flat(100));
            for (std::size_t i = 0; i < minutes.size(); ++i)
                fine[10 + i] = TestBar{100, 100, 1.0, minutes[i].first, minutes[i].second};
            market->useFiner(seriesOf(fine, 60));
            Scene s(market, orders, [](auto& o) { o.stopLoss = 0.05, o.takeProfit = 0.1; });
            s.act(kBuy);
            s.act(kHold);
            return s.cash() - 500.0;
        };
        QVERIFY(close(play({{101, 100}, {111, 100}, {105, 94}}), 550.0));
        QVERIFY(close(play({{101, 100}, {101, 94}, {111, 100}}), 475.0));
        QVERIFY(close(play({{111, 94}}), 475.0));            // both in one minute
        QVERIFY(close(play({{111, 100}, {105, 96}}), 475.0)); // the low of 94 is not among them
    }

    // The limit at 95 fills in the second minute, after the high of 120: no profit is taken. In the other market the third minute passes the
    // take-profit at 104.5.
    void rule17FinerBarsFollowAPositionOpenedWithinABar()
    {
        auto market = std::make_shared<Market>(seriesOf(longer({flat(100), TestBar{100, 100, 1e9, 120, 94}})));
        Rows fine(20, flat(100));
        fine[5] = TestBar{100, 100, 1.0, 120, 99};  // before the entry: counts for nothing
        fine[6] = TestBar{99, 96, 1.0, 99, 94};
        market->useFiner(seriesOf(fine, 60));
        const auto limit = [](TradingEnvOptions& o) {
            o.execution.entry = OrderType::Limit, o.execution.entryOffset = 0.05, o.stopLoss = 0.05, o.takeProfit = 0.1;
        };
        Scene s(market, orders, limit);
        s.act(kBuy);
        QVERIFY(close(s.coins(), 5.0));
        fine[7] = TestBar{99, 104, 1.0, 105, 99};
        auto other = std::make_shared<Market>(*market);
        other->useFiner(seriesOf(fine, 60));
        Scene t(other, orders, limit);
        t.act(kBuy);
        QVERIFY(t.coins() == 0.0 && close(t.cash(), 1000.0 - 475.0 + 5 * 104.5));
    }

    void rule17FinerBarsMustFit()
    {
        Market market(seriesOf(Rows(10, flat(100))));
        QVERIFY(failureOf([&] { market.useFiner(seriesOf(Rows(10, flat(100)), 300)); })->says("divide"));
        QVERIFY(failureOf([&] { market.useFiner(seriesOf(Rows(10, flat(100)), 120)); })->says("divide"));
        const BarSeries later = BarSeries::fromBars("LATE", 60, std::vector<Bar>{{86400, 1, 1, 1, 1, 1}});
        QVERIFY(failureOf([&] { market.useFiner(later); })->says("outside"));
    }

    // Three times 1000 at 100: 30 coins, cash -2000. With a fee of 1 % the most that keeps value / equity at 3 is n with 100 n = 3 (1000 - n): 3000 / 103.
    void rule18LeverageIsTheLimit()
    {
        const auto threefold = [](const Market& m) { return perpetual(m, 3.0); };
        Scene s({flat(100), flat(100)}, threefold);
        s.act(kLong);
        QVERIFY(close(s.coins(), 30.0) && close(s.cash(), -2000.0));
        Scene t({flat(100), flat(100), flat(100)}, threefold, [](auto& o) { o.costs.takerFeeBps = 100.0; });
        t.act(kLong);
        QVERIFY(close(t.coins(), 3000.0 / 103.0));
        QVERIFY(close(t.coins() * 100.0 / t.env.equity(0), 3.0));
        t.act(kShort); // a flip: all of it is sold, and as much short as the leverage allows
        QVERIFY(t.coins() < 0.0 && -t.coins() * 100.0 <= 3.0 * t.env.equity(0) * (1 + 1e-12));
    }

    // Long 30 coins with cash -2000 and a maintenance of 10 %: 30 p - 2000 = 3 p at p = 2000 / 27. A low of 74 leaves it alone; 74.07 is the price.
    void rule20LiquidationHappensWhereMarginRunsOut()
    {
        const auto threefold = [](const Market& m) { return perpetual(m, 3.0); };
        const double price = 2000.0 / 27.0;
        Scene s({flat(100), flat(100), bar(90, 90, 1e9, 90, price + 0.01), bar(90, 90, 1e9, 90, price - 1.0), flat(90), flat(90)}, threefold);
        s.act(kLong);
        s.act(kLong);
        QVERIFY(close(s.coins(), 30.0));
        s.act(kLong);
        QVERIFY(s.coins() == 0.0 && close(s.cash(), -2000.0 + 30.0 * price));
        QVERIFY(s.trade().reason == ExitReason::Liquidation);
        s.act(kLong); // the same target buys nothing again
        QCOMPARE(s.coins(), 0.0);
        // A gap to 60: 30 x 60 - 2000 < 0, the account is ruined and starts anew.
        Scene gap({flat(100), flat(100), bar(60, 60), flat(60)}, threefold);
        gap.act(kLong);
        const StepResult result = stepAll(gap.env, kLong);
        QCOMPARE(int(result.terminated[0]), 1);
        QVERIFY(close(gap.env.endedEpisodeReturns()[0], std::log(1e-12)));
        // Short 10 at 100 with all of 1000: 2000 - 10 p = p at 2000 / 11; the liquidation fee of 100 bps comes on top.
        Scene brief({flat(100), flat(100), bar(150, 150, 1e9, 190, 150)}, [](const Market& m) { return perpetual(m, 1.0); },
                    [](auto& o) { o.margin.liquidationFeeBps = 100.0; });
        brief.act(kShort);
        brief.act(kShort);
        QVERIFY(close(brief.cash(), 2000.0 - 10.1 * 2000.0 / 11.0));
    }

    // Stop at 80, liquidation at 74.07: the price falls through the stop first. A take-profit in the same bar comes too late.
    void rule15StopsGoBeforeLiquidationAndThatBeforeProfits()
    {
        const auto make = [](const Market& m) {
            TradingEnvOptions o = perpetual(m, 3.0);
            o.actionMode = ActionMode::Orders;
            o.maxPositions = 1;
            return o;
        };
        const Rows rows{flat(100), flat(100), bar(100, 100, 1e9, 130, 70)};
        Scene s(rows, make, [](auto& o) { o.stopLoss = 0.2; });
        s.act(kBuy);
        s.act(kHold);
        QVERIFY(close(s.cash(), -2000.0 + 30.0 * 80.0));
        Scene t(rows, make, [](auto& o) { o.takeProfit = 0.2; });
        t.act(kBuy);
        t.act(kHold);
        QVERIFY(close(t.cash(), -2000.0 + 30.0 * 2000.0 / 27.0));
    }

    // Settlements at 0:00 and 8:00, one 3 s late, of 1 and 2 %; before the series and after it the constant of 5 %.
    void rule19FundingFollowsTheSeriesThenTheConstant()
    {
        Market market(seriesOf(Rows(10, flat(100)), 14400)); // rows open at 0:00, 4:00, 8:00, ...
        QVERIFY(fundingRates(market, 0.05) == (std::vector<double>{0.05, 0, 0.05, 0, 0.05, 0, 0.05, 0, 0.05, 0}));
        market.funding = FundingSeries("TEST", {{28800, 0.01}, {57603, 0.02}});
        const auto rates = fundingRates(market, 0.05);
        // 8:00 is row 2; 16:00:03 falls to row 5, which opens at 20:00; 24:00 (row 6) is 7 h 59 min 57 s after it: covered, no rate; then the constant.
        QVERIFY(rates == (std::vector<double>{0.05, 0, 0.01, 0, 0, 0.02, 0, 0, 0.05, 0}));
    }

    // 1000, half of it in 5 coins; at a close of 120 equity is 1100 (+10 %) and 110 are paid in. The next close, 120, returns nothing; then 132: 5 coins
    // gain 60 of 1210. Time-weighted: 1.1 x (1270 / 1210).
    void rule22FlowsAreNoReturn()
    {
        Scene s({flat(100), bar(100, 120), flat(120), bar(120, 132), flat(132)}, oneAccount, [](auto& o) { o.flows.script = {{600, 110.0}}; });
        StepResult result = stepAll(s.env, kLong);
        QVERIFY(close(double(result.reward[0]), double(float(std::log(1.1)))));
        QVERIFY(close(s.cash(), 610.0) && close(s.env.equity(0), 1210.0) && close(s.env.growth(0), 1.1));
        QCOMPARE(s.env.observation()[6], 0.0F);
        result = stepAll(s.env, kLong);
        QCOMPARE(result.reward[0], 0.0F);
        result = stepAll(s.env, kLong);
        QVERIFY(close(double(result.reward[0]), double(float(std::log(1270.0 / 1210.0)))));
        QVERIFY(close(s.env.growth(0), 1.1 * 1270.0 / 1210.0));
        QVERIFY(close(s.env.accounts().flows[0], 110.0));
    }

    // 500 in cash and 500 in coins: of 700 asked for, 500 go. The ruin limit of half now means half of what is left: 249 of 500 are ruin, 251 are not.
    void rule22WithdrawalsTakeFreeCashOnly()
    {
        Scene s({flat(100), flat(100), bar(100, 50.2), bar(50, 49.8), flat(49)}, oneAccount, [](auto& o) {
            o.flows.script = {{600, -700.0}}, o.ruinShare = 0.5;
        });
        stepAll(s.env, kLong);
        QVERIFY(std::abs(s.cash()) < 1e-9 && close(s.env.equity(0), 500.0));
        StepResult result = stepAll(s.env, kLong);
        QCOMPARE(int(result.terminated[0]), 0);
        result = stepAll(s.env, kLong);
        QCOMPARE(int(result.terminated[0]), 1);
        QVERIFY(close(s.env.endedEpisodeReturns()[0], std::log(0.498)));
    }

    // Every two hours of a day's bars of an hour: at the closes of rows 2, 4, ... after the start; never into the step that ends the episode.
    void rule22ScheduledFlowsComeEveryPeriod()
    {
        const auto market = std::make_shared<const Market>(seriesOf(Rows(7, flat(100)), 3600));
        Scene s(market, oneAccount, [](auto& o) { o.flows.everyDays = 2.0 / 24.0, o.flows.amount = 10.0; });
        const std::vector<double> equity{1000, 1010, 1010, 1020, 1020};
        for (const double expected : equity) {
            s.act(kFlat);
            QCOMPARE(s.env.equity(0), expected);
        }
        s.act(kFlat);
        QCOMPARE(s.env.endedEpisodeReturns()[0], 0.0);
    }

    void rule22FlowTextsAreRead()
    {
        QVERIFY(parseFlows("") == std::vector<Flow>{});
        QVERIFY(parseFlows(" 1970-01-01T00:10 500,  1970-01-02 -20.5 ") == (std::vector<Flow>{{600, 500}, {86400, -20.5}}));
        for (const char* wrong : {"500", "1970-01-01", "1970-01-01 x", "1970-01-02 1, 1970-01-01 1", "1970-01-01 nan", ",", "1970-13-01 5"})
            QVERIFY2(failureOf([&] { parseFlows(wrong); }).has_value(), wrong);
    }

    // 5 coins at 100; the entry bar ranged from 98 to 104, the next from 90 to 103 with a close of 95.
    void openPositionsTellTheirExcursions()
    {
        Scene s({flat(100), bar(100, 101, 1e9, 104, 98), bar(101, 95, 1e9, 103, 90)}, orders);
        s.act(kBuy);
        s.act(kHold);
        const OpenPosition p = s.env.openPosition(0, 0);
        QVERIFY(close(p.bestExcursion, 0.04) && close(p.worstExcursion, -0.1) && close(p.unrealised, -0.05));
        QCOMPARE(p.ageBars, std::size_t{1});
    }

    void contradictionsAreRefused()
    {
        QVERIFY(refusal([](auto& o) { o.stopLoss = 0.1; }).find("account.stop_loss") != std::string::npos);
        QVERIFY(refusal([](auto& o) { o.execution.entry = OrderType::Limit; }).find("execution.entry") != std::string::npos);
        QVERIFY(refusal([](auto& o) { o.margin.leverage = 2.0; }).find("margin.leverage") != std::string::npos);
        QVERIFY(refusal([](auto& o) { o.margin = {.perpetual = true, .leverage = 20.0, .maintenance = 0.05}; }).find("margin.maintenance")
                != std::string::npos);
        QVERIFY(refusal([](auto& o) { o.maxPositions = 256; }).find("account.max_positions") != std::string::npos);
        QVERIFY(refusal([](auto& o) {
                    o.actionMode = ActionMode::Orders, o.execution.timing = FillTiming::OptimisticDecisionClose;
                }).find("execution.timing") != std::string::npos);
        QVERIFY(refusal([](auto& o) { o.reward.goalShaping = 1.0; }).find("goal.period") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestFillContract)
#include "tst_fill_contract.moc"
