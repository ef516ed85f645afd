#include <QtTest>

#include <cmath>
#include <set>

#include "env/bounds/Baselines.h"
#include "env/bounds/ExposureRun.h"
#include "env/bounds/PerfectForesight.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

std::shared_ptr<const Market> marketOfCloses(const std::vector<double>& closes)
{
    std::vector<std::optional<TestBar>> rows;
    for (std::size_t i = 0; i < closes.size(); ++i)
        rows.push_back(TestBar{i == 0 ? closes[0] : closes[i - 1], closes[i]});
    return marketOf(rows);
}

/// Options whose windows fit into a few dozen bars.
BaselineOptions shortWindows()
{
    BaselineOptions options;
    options.targetVolatility = 4.0;
    options.volatilityHalfLife = 4.0;
    options.fastBars = 3;
    options.slowBars = 8;
    options.zBars = 8;
    options.zEntry = 1.0;
    options.turnover = 12.0;
    return options;
}

using Exposures = std::vector<double>;

} // namespace

class TestBaselines : public QObject {
    Q_OBJECT

private slots:
    void namesReadBack()
    {
        std::set<std::string_view> names;
        for (const Baseline baseline : kBaselines) {
            names.insert(baselineName(baseline));
            QVERIFY(baselineFromName(baselineName(baseline)) == baseline);
        }
        QCOMPARE(names.size(), kBaselines.size());
        QVERIFY(!baselineFromName("moon") && !baselineFromName(""));
        QVERIFY(parseBaselines("all").size() == kBaselines.size());
        QVERIFY((parseBaselines("grid,cash,grid") == std::vector{Baseline::Grid, Baseline::Cash}));
        for (const char* text : {"", "grid,", "Grid"})
            QVERIFY2(failureOf([&] { parseBaselines(text); })->says("mean-reversion"), text);
    }

    void cashAndBuyAndHold()
    {
        const auto market = marketOfCloses({100, 110, 90});
        QCOMPARE(targetExposures(Baseline::Cash, *market, {0, 3}), Exposures(3, 0.0));
        QCOMPARE(targetExposures(Baseline::BuyAndHold, *market, {1, 3}), Exposures(2, 1.0));
    }

    // Averages of 2 and 4 closes. Closes 10 10 10 10 12 12 8 8: at row 3 both are 10 (not above: flat), at 4: 11 > 10.5 long, at 5: 12 > 11 long,
    // at 6: 10 < 10.5 flat or short, at 7: 8 < 10 the same. Before row 3 the slow average is not known.
    void movingAverageCrossByHand()
    {
        const auto market = marketOfCloses({10, 10, 10, 10, 12, 12, 8, 8});
        BaselineOptions options{.fastBars = 2, .slowBars = 4};
        QCOMPARE(targetExposures(Baseline::MovingAverageCross, *market, {0, 8}, options), (Exposures{0, 0, 0, 0, 1, 1, 0, 0}));
        options.allowShort = true;
        QCOMPARE(targetExposures(Baseline::MovingAverageCross, *market, {2, 8}, options), (Exposures{0, -1, 1, 1, -1, -1}));
    }

    // Windows of 4, entry at 0.95 sample deviations. Closes 10 12 10 12: mean 11, deviation sqrt(4 / 3) = 1.155, entry at 1.097: the distance 1 is too
    // little. Next 6: mean 10, squares 4 + 0 + 4 + 16 = 24, deviation 2.828, entry 2.687, distance -4: long. Then 8: mean 9, distance -1: still long. Then
    // 9: mean 8.75, distance 0.25: out; squares of (12, 6, 8, 9) 18.75, deviation 2.5, entry 2.375: not short. Then 20: mean 10.75, squares 118.75,
    // deviation 6.292, entry 5.977, distance 9.25: short, where allowed.
    void meanReversionByHand()
    {
        const auto market = marketOfCloses({10, 12, 10, 12, 6, 8, 9, 20});
        BaselineOptions options{.zBars = 4, .zEntry = 0.95};
        QCOMPARE(targetExposures(Baseline::MeanReversion, *market, {0, 8}, options), (Exposures{0, 0, 0, 0, 1, 1, 0, 0}));
        options.allowShort = true;
        QCOMPARE(targetExposures(Baseline::MeanReversion, *market, {0, 8}, options), (Exposures{0, 0, 0, 0, 1, 1, 0, -1}));
    }

    // Lines 10 % apart in logarithms around 100: 90.48, 100, 110.5, ... Four lines, a quarter each, half at first. 90: below the first line, 3/4. 85 is
    // between 81.87 and 90.48: no new line. 80: the second line, all. 70: below the third (74.08), nothing more to buy. 105: up from line -3 (74.08) over
    // those at 81.87, 90.48 and 100 to line 0: half. 99: between the lines. 125: two lines up, nothing left.
    void gridByHand()
    {
        const auto market = marketOfCloses({100, 90, 85, 80, 70, 105, 99, 125});
        const Exposures exposures = targetExposures(Baseline::Grid, *market, {0, 8}, {.gridSpacing = 0.1, .gridLines = 4});
        QCOMPARE(exposures, (Exposures{0.5, 0.75, 0.75, 1.0, 1.0, 0.5, 0.5, 0.0}));
    }

    // Half-life of one bar: each return counts twice the one before. Returns of log 1.01 in size: the mean of squares is log(1.01)^2 whatever
    // the weights, over a year of 105,120 bars of 5 minutes a volatility of log 1.01 x sqrt(105120) = 3.2262. A target of half of that: exposure 0.5.
    // After it, returns of log 1.04: squares weigh 15.54 times as much at once, 1/2 + 1/2 x 15.54 = 8.27 times in the mean: 0.5 / sqrt(8.27) = 0.174.
    void volatilityTargetByHand()
    {
        std::vector<double> closes{100.0};
        for (int i = 0; i < 30; ++i)
            closes.push_back(i % 2 == 0 ? 101.0 : 100.0);
        closes.push_back(104.0);
        const auto market = marketOfCloses(closes);
        BaselineOptions options{.targetVolatility = 0.5 * std::log(1.01) * std::sqrt(105120.0), .volatilityHalfLife = 1.0, .rebalanceBand = 0.05};
        const Exposures exposures = targetExposures(Baseline::VolatilityTarget, *market, {0, closes.size()}, options);
        QCOMPARE(exposures[0], 0.0); // no return is known
        QVERIFY(std::abs(exposures[1] - 0.5) < 1e-12); // the first weighs half of all that was and will be: enough
        QVERIFY(std::abs(exposures[30] - 0.5) < 1e-12);
        const double ratio = std::log(1.04) / std::log(1.01);
        QVERIFY(std::abs(exposures[31] - 0.5 / std::sqrt(0.5 + 0.5 * ratio * ratio)) < 1e-8);
        // A calm market is held in full, never more.
        options.targetVolatility *= 10.0;
        QCOMPARE(targetExposures(Baseline::VolatilityTarget, *market, {0, closes.size()}, options)[20], 1.0);
        // Changes below the band are not traded.
        options = {.targetVolatility = 0.5 * std::log(1.01) * std::sqrt(105120.0), .volatilityHalfLife = 1.0, .rebalanceBand = 0.4};
        QCOMPARE(targetExposures(Baseline::VolatilityTarget, *market, {0, closes.size()}, options)[31], exposures[30]);
    }

    // A return over a gap of k bars counts as k bars with a k-th of its square each: the same volatility as of a market that made it in k equal steps
    // of 1 / sqrt(k) of its size.
    void volatilityAcrossGaps()
    {
        std::vector<std::optional<TestBar>> rows(1, TestBar{100, 100});
        std::vector<double> closes{100.0};
        double price = 100.0, filled = 100.0;
        for (int i = 0; i < 10; ++i) {
            const double change = i % 2 == 0 ? 0.02 : -0.02;
            price *= std::exp(change);
            rows.insert(rows.end(), 3, kMissing);
            rows.push_back(TestBar{price, price});
            for (int k = 0; k < 4; ++k)
                closes.push_back(filled *= std::exp(k % 2 == 0 ? 0.01 : -0.01));
        }
        const BaselineOptions options{.targetVolatility = 1.0, .volatilityHalfLife = 6.0, .rebalanceBand = 0.0};
        const auto market = marketOf(rows), other = marketOfCloses(closes);
        const double got = targetExposures(Baseline::VolatilityTarget, *market, {0, rows.size()}, options).back();
        const double expected = targetExposures(Baseline::VolatilityTarget, *other, {0, closes.size()}, options).back();
        QVERIFY(expected < 0.9 && std::abs(got - expected) < 1e-12);
    }

    // The number of changes is that of the turnover, each seed changes elsewhere, and what is traded is what was asked for.
    void randomTradesAsMuchAsAskedFor()
    {
        const auto market = marketOfCloses(std::vector<double>(400, 100.0));
        std::set<Exposures> paths;
        double traded = 0.0;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            BaselineOptions options{.turnover = 20.0, .seed = seed};
            const Exposures path = targetExposures(Baseline::Random, *market, {0, 400}, options);
            paths.insert(path);
            int changes = path[0] != 0.0;
            for (std::size_t i = 1; i < path.size(); ++i)
                changes += path[i] != path[i - 1];
            QCOMPARE(changes, 20);
            options.allowShort = true;
            const Exposures both = targetExposures(Baseline::Random, *market, {0, 400}, options);
            QVERIFY(std::ranges::all_of(both, [](double e) { return e == 0.0 || std::abs(e) == 1.0; }));
            const CostModel free{.takerFeeBps = 0, .halfSpreadBps = 0, .impactBps = 0, .maxParticipation = 1};
            traded += runExposures(market, {0, 400}, both, termsOf(1.0, true, free)).traded / 1000.0;
        }
        QCOMPARE(paths.size(), std::size_t{40});
        QVERIFY2(std::abs(traded / 40.0 - 20.0) < 1.0, QByteArray::number(traded / 40.0));
    }

    // Each strategy's exposures up to a row stay bit for bit what they are, whatever the bars after the row become.
    void noneSeesTheFuture()
    {
        for (std::uint64_t i = 0; i < 200; ++i) {
            Rng rng(1, "test-baselines", i);
            auto rows = randomRows(rng, 60);
            const auto market = marketOf(rows);
            const std::size_t cut = 20 + rng.below(30);
            for (std::size_t row = cut + 1; row < rows.size(); ++row)
                rows[row] = rng.below(4) == 0 && row + 1 < rows.size() ? std::optional<TestBar>() : TestBar{uniformIn(rng, 1, 900), uniformIn(rng, 1, 900)};
            const auto other = marketOf(rows);
            BaselineOptions options = shortWindows();
            options.allowShort = i % 2 == 1;
            const std::size_t first = rng.below(15);
            for (const Baseline baseline : kBaselines) {
                const Exposures a = targetExposures(baseline, *market, {first, 60}, options);
                const Exposures b = targetExposures(baseline, *other, {first, 60}, options);
                QVERIFY2(std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(cut + 1 - first), b.begin()), baselineName(baseline).data());
                QVERIFY2(std::ranges::all_of(a, [&](double e) { return e >= (options.allowShort ? -1.0 : 0.0) && e <= 1.0; }), baselineName(baseline).data());
            }
        }
    }

    // The test above can tell: a strategy that reads one bar ahead is found.
    void aStrategyThatPeeksWouldBeFound()
    {
        std::vector<double> closes(60);
        for (std::size_t i = 0; i < closes.size(); ++i)
            closes[i] = 100.0 + static_cast<double>(i);
        const auto market = marketOfCloses(closes);
        closes[31] = 1.0;
        const auto other = marketOfCloses(closes);
        const BaselineOptions options{.fastBars = 1, .slowBars = 2};
        const Exposures a = targetExposures(Baseline::MovingAverageCross, *market, {1, 60}, options); // entry i as if decided at row i
        const Exposures b = targetExposures(Baseline::MovingAverageCross, *other, {1, 60}, options);
        QVERIFY(!std::equal(a.begin(), a.begin() + 31, b.begin()) && std::equal(a.begin(), a.begin() + 30, b.begin()));
    }

    // Lists of -1, 0, 1 are traded as actions, others as exposures. Half of the exposure said in the one way and in the other: the same books.
    void bothWaysOfRunningAgree()
    {
        int trades = 0, ruins = 0;
        for (std::uint64_t i = 0; i < 1500; ++i) {
            Rng rng(3, "test-baselines", i);
            const auto market = marketOf(randomRows(rng, 60));
            TradingEnvOptions account = termsOf(0.5, i % 2 == 1, {});
            account.costs.impactBps = 500.0 * rng.uniform();
            account.costs.maxParticipation = 0.001 + rng.uniform() * 0.999;
            Exposures whole(market->rows(), 0.0);
            for (std::size_t row = 1; row < whole.size(); ++row)
                whole[row] = rng.below(3) != 0 ? whole[row - 1] : static_cast<double>(rng.below(account.allowShort ? 3 : 2)) - (account.allowShort ? 1.0 : 0.0);
            Exposures half = whole;
            for (double& exposure : half)
                exposure *= 0.5;
            const ExposureRun a = runExposures(market, {3, 60}, std::span(whole).subspan(3), account);
            account.exposure = 1.0;
            const ExposureRun b = runExposures(market, {3, 60}, std::span(half).subspan(3), account);
            QCOMPARE(a.equity.size(), std::size_t{56});
            QCOMPARE(b.ruined, a.ruined);
            const auto near = [](double x, double y) { return std::abs(x - y) <= 1e-9 * (1000.0 + std::abs(x)); };
            for (std::size_t k = 0; k < a.equity.size(); ++k)
                QVERIFY2(near(a.equity[k], b.equity[k]), std::to_string(i).c_str());
            ruins += a.ruined;
            if (a.ruined)
                continue;
            QVERIFY(near(a.traded, b.traded) && near(a.costs, b.costs) && near(a.meanExposure, b.meanExposure));
            QCOMPARE(b.profits.size(), a.profits.size());
            for (std::size_t k = 0; k < a.profits.size(); ++k)
                QVERIFY(near(a.profits[k], b.profits[k]));
            trades += static_cast<int>(a.profits.size());
        }
        QVERIFY2(trades > 3000 && ruins > 5, QByteArray::number(ruins));
    }

    // 0.4 of 1000 at the close of 100: 4 coins. They fill at 110: 440, with a fee of 1 % 444.40, cash 555.60. At the close of 120: 555.60 + 480 = 1035.60. Then 0.2
    // of 1035.60 at 120 is 1.726 coins: 2.274 are sold at 100, 227.4 less 2.274, cash 780.726; at the close of 90: 780.726 + 155.34 = 936.066.
    void exposuresInBetweenByHand()
    {
        const auto market = marketOf({TestBar{100, 100}, TestBar{110, 120}, TestBar{100, 90}, TestBar{90, 90}});
        const CostModel costs{.takerFeeBps = 100, .halfSpreadBps = 0, .impactBps = 0, .maxParticipation = 1};
        const ExposureRun run = runExposures(market, {0, 4}, Exposures{0.4, 0.2, 0.2, 0.2}, termsOf(1.0, false, costs));
        QCOMPARE(run.equity.size(), std::size_t{3});
        QVERIFY(std::abs(run.equity[1] - 1.0356) < 1e-12 && std::abs(run.equity[2] - 0.936066) < 1e-12);
        QVERIFY(std::abs(run.costs - 6.674) < 1e-9 && std::abs(run.traded - 667.4) < 1e-9);
        QVERIFY(std::abs(run.meanExposure - (480.0 / 1035.6 + 155.34 / 936.066) / 3.0) < 1e-12);
    }

    void badInputIsNamed()
    {
        const auto market = marketOfCloses({100, 110, 90, 95});
        const auto refused = [&](Baseline baseline, const BaselineOptions& options, const char* word) {
            const auto failure = failureOf([&] { targetExposures(baseline, *market, {0, 4}, options); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(word);
        };
        QVERIFY(refused(Baseline::VolatilityTarget, {.targetVolatility = 0.0}, "targetVolatility"));
        QVERIFY(refused(Baseline::VolatilityTarget, {.volatilityHalfLife = std::nan("")}, "volatilityHalfLife"));
        QVERIFY(refused(Baseline::MovingAverageCross, {.fastBars = 5, .slowBars = 5}, "fastBars"));
        QVERIFY(refused(Baseline::MeanReversion, {.zBars = 1}, "zBars"));
        QVERIFY(refused(Baseline::Grid, {.gridLines = 3}, "gridLines"));
        QVERIFY(refused(Baseline::Random, {.turnover = -1.0}, "turnover"));
        const auto run = [&](const Exposures& exposures, RowRange rows) {
            return failureOf([&] { runExposures(market, rows, exposures, {}); });
        };
        QVERIFY(run({0, 0, 0}, {0, 4})->says("3 exposures for 4 rows"));
        QVERIFY(run({0, 0.5, -0.1, 0}, {0, 4})->says("exposure 2"));
        QVERIFY(run({0, std::nan(""), 0, 0}, {0, 4})->says("exposure 1"));
        QVERIFY(run({0, 0, 0, 0, 0}, {0, 5})->says("three rows"));
    }
};

QTEST_APPLESS_MAIN(TestBaselines)
#include "tst_baselines.moc"
