#include <QtTest>

#include <cmath>
#include <limits>

#include "env/bucket/Bucket.h"
#include "env/metrics/Performance.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr std::int64_t kYear = 365 * 86400;

bool close(double a, double b) { return std::abs(a - b) <= 1e-12 * std::max(1.0, std::abs(b)); }

} // namespace

class TestPerformance : public QObject {
    Q_OBJECT

private slots:
    // 100, 120, 90, 105, a value a year. Log returns: ln 1.2 = 0.182322, ln 0.75 = -0.287682, ln(7/6) = 0.154151; mean ln(1.05) / 3 =
    // 0.0162634. Squares about the mean: 0.027575 + 0.092383 + 0.019013 = 0.138971, / 2, root: 0.263601. Downside: 0.287682 / root 3 =
    // 0.166093. Drawdown: 90 from 120. Annual return: the cube root of 1.05, less 1. Digits from Python.
    void figuresWorkedByHand()
    {
        const std::vector<double> equity{100, 120, 90, 105};
        const Performance p = measurePerformance(equity, kYear);
        QVERIFY(close(p.totalReturn, 0.05));
        QVERIFY(close(p.annualReturn, 0.01639635681485352));
        QVERIFY(close(p.volatility, 0.2636010845955514));
        QVERIFY(close(p.sharpe, 0.061696969424198694));
        QVERIFY(close(p.sortino, 0.0979171700793038));
        QVERIFY(close(p.maxDrawdown, 0.25));
        QVERIFY(close(p.calmar, 0.06558542725941408));
    }

    // The same, a value a day: ratios and volatility grow with the root of 365, the return is raised to 365 / 3.
    void figuresAreAnnualisedOver365Days()
    {
        const std::vector<double> equity{100, 120, 90, 105};
        const Performance p = measurePerformance(equity, 86400);
        QVERIFY(close(p.totalReturn, 0.05));
        QVERIFY(close(p.annualReturn, 377.46993608239023));
        QVERIFY(close(p.volatility, 5.036091649978397));
        QVERIFY(close(p.sharpe, 1.1787189457999034));
        QVERIFY(close(p.sortino, 1.870704907692244));
        QVERIFY(close(p.maxDrawdown, 0.25));
        QVERIFY(close(p.calmar, 1509.879744329561));
    }

    void theUnitOfMoneyDoesNotMatter()
    {
        const std::vector<double> equity{100, 120, 90, 105}, small{1, 1.2, 0.9, 1.05};
        const Performance a = measurePerformance(equity, 300), b = measurePerformance(small, 300);
        QVERIFY(close(a.sharpe, b.sharpe) && close(a.sortino, b.sortino) && close(a.maxDrawdown, b.maxDrawdown));
    }

    void theDrawdownIsFromTheFormerPeak()
    {
        QCOMPARE(measurePerformance(std::vector<double>{8, 4, 16, 12, 20}, kYear).maxDrawdown, 0.5);
        QCOMPARE(measurePerformance(std::vector<double>{4, 8, 6, 16, 10, 12, 4}, kYear).maxDrawdown, 0.75);
        QCOMPARE(measurePerformance(std::vector<double>{1, 2, 3, 4}, kYear).maxDrawdown, 0.0);
    }

    void edgeCasesHaveNoFiguresMadeUp()
    {
        for (const std::vector<double>& equity : {std::vector<double>{}, {5.0}, {5.0, 5.0, 5.0}}) {
            const Performance p = measurePerformance(equity, 300);
            for (const double value : {p.totalReturn, p.annualReturn, p.volatility, p.sharpe, p.sortino, p.maxDrawdown, p.calmar})
                QCOMPARE(value, 0.0);
        }
        // One step has a return but no deviation.
        const Performance p = measurePerformance(std::vector<double>{100, 110}, kYear);
        QVERIFY(close(p.totalReturn, 0.1) && close(p.annualReturn, 0.1));
        QCOMPARE(p.sharpe, 0.0);
        QCOMPARE(p.volatility, 0.0);
    }

    // 10 % a step, each step: the deviation is nothing but rounding, and a ratio to rounding says nothing.
    void steadyGrowthHasNoSharpe()
    {
        std::vector<double> equity{1.0};
        for (int i = 0; i < 20; ++i)
            equity.push_back(equity.back() * 1.1);
        QCOMPARE(measurePerformance(equity, kYear).sharpe, 0.0);
        std::vector<double> shrinking{1.0};
        for (int i = 0; i < 20; ++i)
            shrinking.push_back(shrinking.back() * 0.9);
        const Performance p = measurePerformance(shrinking, kYear);
        QCOMPARE(p.sharpe, 0.0);
        QVERIFY(close(p.sortino, -1.0)); // mean ln 0.9 over a downside of -ln 0.9
        std::vector<double> slow{1.0};
        for (int i = 0; i < 20; ++i)
            slow.push_back(slow.back() * (1.0 + 1e-6));
        QCOMPARE(measurePerformance(slow, 300).sharpe, 0.0);
    }

    void whatIsNotPositiveIsRefused()
    {
        const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
        for (const double bad : {0.0, -1.0, nan, infinity, -infinity})
            for (std::size_t at = 0; at < 3; ++at) {
                std::vector<double> equity{1.0, 2.0, 3.0};
                equity[at] = bad;
                const auto failure = failureOf([&] { measurePerformance(equity, 300); });
                QVERIFY(failure && failure->kind == ErrorKind::Numeric && failure->says("positive and finite"));
            }
    }

    // 30 + 20 won, 10 + 15 lost; a trade that brings nothing is no win.
    void tradesWorkedByHand()
    {
        const TradeStatistics s = measureTrades(std::vector<double>{30, -10, 20, 0, -15});
        QCOMPARE(s.count, std::int64_t{5});
        QVERIFY(close(s.winRate, 0.4));
        QVERIFY(close(s.profitFactor, 2.0));
        const TradeStatistics small = measureTrades(std::vector<double>{0.25, -0.5});
        QVERIFY(close(small.winRate, 0.5) && close(small.profitFactor, 0.5));
    }

    void tradesWithoutLossOrProfit()
    {
        const TradeStatistics none = measureTrades({});
        QVERIFY(none.count == 0 && none.winRate == 0.0 && none.profitFactor == 0.0);
        const TradeStatistics won = measureTrades(std::vector<double>{1, 2});
        QVERIFY(std::isinf(won.profitFactor) && won.profitFactor > 0.0 && won.winRate == 1.0);
        const TradeStatistics lost = measureTrades(std::vector<double>{-1});
        QVERIFY(lost.profitFactor == 0.0 && lost.winRate == 0.0 && lost.count == 1);
        QCOMPARE(measureTrades(std::vector<double>{0.0}).profitFactor, 0.0);
    }

    void bucketsAreTheFourOfTheRequirements()
    {
        QCOMPARE(kBuckets.size(), std::size_t{4});
        const char* const names[] = {"scalping", "short", "medium", "long"};
        std::int64_t lookback = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const BucketSpec& spec = bucketSpec(kBuckets[i]);
            QVERIFY(spec.name == names[i]);
            QVERIFY(bucketFromName(names[i]) == kBuckets[i]);
            QVERIFY(spec.lookbackBars > lookback && spec.lookbackBars % spec.patchBars == 0);
            lookback = spec.lookbackBars;
        }
        QCOMPARE(lookback, std::int64_t{4032}); // two weeks of 5-minute bars
        QVERIFY(!bucketFromName("Scalping") && !bucketFromName("") && !bucketFromName("scalping "));
    }
};

QTEST_APPLESS_MAIN(TestPerformance)
#include "tst_performance.moc"
