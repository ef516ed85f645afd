#include <QtTest>

#include <array>
#include <cmath>

#include "env/bounds/ExposureRun.h"
#include "env/bounds/PerfectForesight.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr CostModel kFree{.takerFeeBps = 0.0, .halfSpreadBps = 0.0, .impactBps = 0.0, .maxParticipation = 1.0};

double growth(const Market& market, const CostModel& costs, bool allowShort)
{
    return std::exp(attainableLogGrowth(market, {0, market.rows()}, costs, allowShort));
}

bool near(double a, double b, double share = 1e-12) { return std::abs(a - b) <= share * std::max(std::abs(a), std::abs(b)); }

/// The best of all sequences of holding, all flat, all in and (where allowed) short for the whole equity, one by one: a check that shares
/// no idea with the dynamic program. Cash and coins of one account are carried through each sequence.
double bestOfAllSequences(const Market& market, const CostModel& costs, bool allowShort, double cash = 1.0, double coins = 0.0,
                          std::size_t row = 1)
{
    if (row == market.rows())
        return cash + coins * market.mark[row - 1];
    double best = bestOfAllSequences(market, costs, allowShort, cash, coins, row + 1); // hold
    if (!market.present[row])
        return best;
    const double fee = costs.takerFeeBps / 10'000.0, spread = costs.halfSpreadBps / 10'000.0;
    const double buy = market.open[row] * (1.0 + spread) * (1.0 + fee);
    const double sell = market.open[row] * (1.0 - spread) * (1.0 - fee);
    const double flat = cash + (coins > 0.0 ? coins * sell : coins * buy);
    if (flat > 0.0) {
        best = std::max(best, bestOfAllSequences(market, costs, allowShort, flat, 0.0, row + 1));
        const double allIn = coins > 0.0 ? coins + cash / buy : flat / buy;
        best = std::max(best, bestOfAllSequences(market, costs, allowShort, 0.0, allIn, row + 1));
    }
    const double equity = cash + coins * market.mark[row - 1];
    if (allowShort && equity > 0.0) {
        const double owed = equity / market.mark[row - 1];
        best = std::max(best, bestOfAllSequences(market, costs, allowShort, cash + (coins + owed) * sell, -owed, row + 1));
    }
    return best;
}

/// What TradingEnv makes of the best of all its action sequences.
double bestOfTheEnvironment(const std::shared_ptr<const Market>& market, const CostModel& costs, bool allowShort)
{
    const std::size_t steps = market->rows() - 2;
    std::vector<double> exposures(market->rows(), 0.0);
    double best = 0.0;
    const std::size_t choices = allowShort ? 3 : 2;
    std::size_t sequences = 1;
    for (std::size_t i = 0; i < steps; ++i)
        sequences *= choices;
    constexpr std::array kTargets{0.0, 1.0, -1.0};
    for (std::size_t sequence = 0; sequence < sequences; ++sequence) {
        for (std::size_t i = 0, rest = sequence; i < steps; ++i, rest /= choices)
            exposures[i] = kTargets[rest % choices];
        const ExposureRun run = runExposures(market, {0, market->rows()}, exposures, termsOf(1.0, allowShort, costs));
        best = std::max(best, run.equity.back());
    }
    return best;
}

CostModel randomCosts(Rng& rng)
{
    CostModel costs = kFree;
    costs.takerFeeBps = rng.below(4) == 0 ? 0.0 : uniformIn(rng, 0.0, 200.0);
    costs.halfSpreadBps = rng.below(4) == 0 ? 0.0 : uniformIn(rng, 0.0, 100.0);
    return costs;
}

std::shared_ptr<const Market> deepMarket(Rng& rng, std::size_t rows)
{
    auto bars = randomRows(rng, rows);
    for (auto& bar : bars)
        if (bar)
            bar->volume = 1e12;
    return marketOf(bars);
}

} // namespace

class TestBounds : public QObject {
    Q_OBJECT

private slots:
    // Closes 100, 110, 100, 120; opens equal the close before. Without costs: in at 100, out at 110, in at 100, worth 120: 1.1 x 1.2
    // = 1.32. With 1 % of half spread: a coin costs 101 and brings 108.9, then costs 101 and is worth 120: 108.9 / 101 x 120 / 101
    // = 1.281050. With a fee of 10 % the detour would bring 99 for what cost 110: best is to buy once, 120 / 110 = 1.090909.
    void longAndFlatByHand()
    {
        const auto market = marketOf({TestBar{100, 100}, TestBar{100, 110}, TestBar{110, 100}, TestBar{100, 120}});
        QVERIFY(near(growth(*market, kFree, false), 1.32));
        CostModel spread = kFree;
        spread.halfSpreadBps = 100.0;
        QVERIFY(near(growth(*market, spread, false), 108.9 / 101.0 * 120.0 / 101.0));
        CostModel fee = kFree;
        fee.takerFeeBps = 1000.0;
        QVERIFY(near(growth(*market, fee, false), 120.0 / 110.0));
    }

    // Closes 100, 80, 60. At 100 one coin is sold for each 100 of equity. At 80 equity is 2 x 100 - 80 = 120 a coin: 0.5 coins more are
    // sold (1.5 in all). At 60: 200 + 40 - 1.5 x 60 = 150. Without shorts, nothing can be won.
    void shortByHand()
    {
        const auto market = marketOf({TestBar{100, 100}, TestBar{100, 80}, TestBar{80, 60}});
        QVERIFY(near(growth(*market, kFree, true), 1.5));
        QCOMPARE(growth(*market, kFree, false), 1.0);
        // With a fee of 5 % the first coin brings 95. Equity at 80 is 195 - 80 = 115, so 115 / 80 = 1.4375 coins may be owed, 0.4375 more
        // at 76 each: 195 + 0.4375 x 76 - 1.4375 x 60 = 142.
        CostModel fee = kFree;
        fee.takerFeeBps = 500.0;
        QVERIFY(near(growth(*market, fee, true), 1.42));
    }

    // Nothing fills in a missing bar: the rise of its time is out of reach for one who was not in before.
    void missingBarsDoNotFill()
    {
        const auto market = marketOf({TestBar{100, 100}, kMissing, TestBar{150, 150}, TestBar{150, 165}});
        QVERIFY(near(growth(*market, kFree, false), 1.1));
    }

    void equalsTheBestOfAllSequences()
    {
        int gains = 0;
        for (std::uint64_t i = 0; i < 400; ++i) {
            Rng rng(1, "test-bound", i);
            const auto market = deepMarket(rng, 8);
            const CostModel costs = randomCosts(rng);
            const double best = bestOfAllSequences(*market, costs, false);
            QVERIFY2(near(growth(*market, costs, false), best, 1e-11), std::to_string(i).c_str());
            gains += best > 1.0;
        }
        QVERIFY(gains > 200);
    }

    // With shorts a resize that buys is charged as a sale, so that the bound may lie above the best by twice the costs of that part, no
    // more and seldom.
    void withShortsItIsABoundAndTight()
    {
        int equal = 0;
        for (std::uint64_t i = 0; i < 200; ++i) {
            Rng rng(2, "test-bound", i);
            const auto market = deepMarket(rng, 7);
            const CostModel costs = randomCosts(rng);
            const double best = bestOfAllSequences(*market, costs, true);
            const double bound = growth(*market, costs, true);
            QVERIFY2(bound >= best * (1.0 - 1e-12), std::to_string(i).c_str());
            equal += near(bound, best, 1e-11);
        }
        QVERIFY2(equal > 190, QByteArray::number(equal));
    }

    // TradingEnv with the same costs: none of its action sequences beats the bound; where opens follow closes without a gap, the best long
    // and flat one reaches it.
    void noActionSequenceOfTheEnvironmentBeatsIt()
    {
        int reached = 0;
        for (std::uint64_t i = 0; i < 60; ++i) {
            Rng rng(3, "test-bound", i);
            const bool allowShort = i % 2 == 1;
            std::vector<std::optional<TestBar>> bars;
            double price = 100.0;
            for (int k = 0; k < 8; ++k) {
                const double open = price * (i % 4 < 2 ? 1.0 : std::exp(0.02 * rng.normal()));
                price = open * std::exp(0.1 * rng.normal());
                bars.push_back(TestBar{open, price, 1e12});
            }
            const auto market = marketOf(bars);
            const CostModel costs = randomCosts(rng);
            // The environment stops one row before the last.
            const double bound = std::exp(attainableLogGrowth(*market, {0, market->rows() - 1}, costs, allowShort));
            const double best = bestOfTheEnvironment(market, costs, allowShort);
            QVERIFY2(best <= bound * (1.0 + 1e-12), std::to_string(i).c_str());
            if (!allowShort && i % 4 < 2) {
                QVERIFY2(near(best, bound, 1e-11), std::to_string(i).c_str());
                ++reached;
            }
        }
        QCOMPARE(reached, 15);
    }

    // Whatever a strategy does, with exposures of any size, impact and volume cap: it does not beat perfect foresight.
    void noStrategyBeatsIt()
    {
        double closest = 0.0;
        for (std::uint64_t i = 0; i < 1500; ++i) {
            Rng rng(4, "test-bound", i);
            const auto market = marketOf(randomRows(rng, 60));
            CostModel costs = randomCosts(rng);
            costs.impactBps = 300.0 * rng.uniform();
            costs.maxParticipation = 0.01 + 0.99 * rng.uniform();
            std::vector<double> exposures(market->rows());
            const bool foresees = rng.below(2) == 0; // a strategy that knows the next close, so that the bound is tried from near
            for (std::size_t row = 0; row < exposures.size(); ++row) {
                const bool rises = row + 1 < market->rows() && market->mark[row + 1] > 1.02 * market->mark[row];
                exposures[row] = foresees ? (rises ? 1.0 : 0.0) : rng.below(3) == 0 || row == 0 ? rng.uniform() : exposures[row - 1];
            }
            const ExposureRun run = runExposures(market, {0, market->rows()}, exposures, termsOf(1.0, false, costs));
            const double bound = attainableLogGrowth(*market, {0, market->rows() - 1}, costs, false);
            QVERIFY2(std::log(run.equity.back()) <= bound + 1e-12, std::to_string(i).c_str());
            closest = std::max(closest, std::log(run.equity.back()) / std::max(bound, 1e-9));
        }
        QVERIFY2(closest > 0.8, QByteArray::number(closest)); // the strategies do come near it
    }

    // 400,000 bars that rise and fall by 1 % in turn: 200,000 rises, 1,990 in logarithms, more than a double holds as a factor.
    void longSeriesDoNotOverflow()
    {
        std::vector<std::optional<TestBar>> bars(400'001);
        for (std::size_t i = 0; i < bars.size(); ++i)
            bars[i] = i % 2 == 0 ? TestBar{101, 100} : TestBar{100, 101};
        const auto market = marketOf(bars);
        QVERIFY(near(attainableLogGrowth(*market, {0, bars.size()}, kFree, false), 200'000 * std::log(1.01), 1e-9));
        // Short in the falls as well: each multiplies equity by 2 - 100 / 101.
        QVERIFY(near(attainableLogGrowth(*market, {0, bars.size()}, kFree, true),
                     200'000 * (std::log(1.01) + std::log(2.0 - 100.0 / 101.0)), 1e-9));
    }

    void rowsThatAreNotThereAreRefused()
    {
        const auto market = marketOf({TestBar{100, 100}, TestBar{100, 110}});
        for (const RowRange rows : {RowRange{0, 3}, RowRange{1, 2}, RowRange{0, 0}}) {
            const auto failure = failureOf([&] { attainableLogGrowth(*market, rows, kFree, false); });
            QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("two rows"));
        }
    }
};

QTEST_APPLESS_MAIN(TestBounds)
#include "tst_bounds.moc"
