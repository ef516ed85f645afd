#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/bars/Resample.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

BarSeries minutes() { return loadSeries(fixture("btcusd-1m-2018-12-22_24.csv.gz"), {.instrument = "BTCUSD"}); }

/// Compares prices exactly, volumes to a share of 1e-12.
void compare(const BarSeries& a, const BarSeries& b)
{
    QCOMPARE(a.startTime(), b.startTime());
    QVERIFY(std::ranges::equal(a.mask(), b.mask()));
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!a.present(i))
            continue;
        const Bar x = *a.bar(i);
        const Bar y = *b.bar(i);
        QVERIFY2(x.open == y.open && x.high == y.high && x.low == y.low && x.close == y.close, std::to_string(x.timestamp).c_str());
        QVERIFY2(std::abs(x.volume - y.volume) <= 1e-12 * y.volume, std::to_string(x.timestamp).c_str());
    }
}

} // namespace

class TestResample : public QObject {
    Q_OBJECT

private slots:
    void workedByHand()
    {
        // 00:06 and 00:07 make 00:05; 00:10 to 00:14 are missing; 00:15 stands alone.
        const std::vector<Bar> bars{{360, 10, 12, 9, 11, 0.1}, {420, 11, 15, 10.5, 14, 0.2}, {900, 7, 8, 6, 7.5, 3}};
        const BarSeries five = resample(BarSeries::fromBars("X", 60, bars), 300);
        QCOMPARE(five.startTime(), std::int64_t{300});
        QCOMPARE(five.size(), std::size_t{3});
        QCOMPARE(five.intervalSeconds(), std::int64_t{300});
        QCOMPARE(five.instrument(), std::string("X"));
        const Bar first = *five.bar(0);
        QCOMPARE(first.open, 10.0);
        QCOMPARE(first.high, 15.0);
        QCOMPARE(first.low, 9.0);
        QCOMPARE(first.close, 14.0);
        QCOMPARE(first.volume, 0.1 + 0.2);
        QVERIFY(!five.bar(1));
        QCOMPARE(five.bar(2)->close, 7.5);
    }

    // The bundled 5-minute bars were made of these very minutes, by another program with exact decimal volumes.
    void realMinutesGiveTheBundledBars()
    {
        const BarSeries made = resample(minutes(), 300);
        const BarSeries bundled = loadSeries(bundledData());
        const std::size_t first = bundled.lowerBound(made.startTime());
        compare(made, bundled.slice(first, first + made.size()));
        QCOMPARE(made.size(), std::size_t{3 * 288});
        QCOMPARE(made.presentCount(), made.size() - 1); // the one bar that no minute backs
    }

    void inOneStepOrInTwo()
    {
        const BarSeries source = minutes();
        const BarSeries five = resample(source, 300);
        for (const std::int64_t interval : {900, 1800, 3600, 14400, 86400})
            compare(resample(five, interval), resample(source, interval));
        compare(resample(source, 60), source);
    }

    void daysBeginAtMidnightUtc()
    {
        const BarSeries source = minutes();
        const BarSeries days = resample(source.slice(700, 3000), 86400);
        QCOMPARE(days.size(), std::size_t{3}); // row 700 is 11:40, two midnights come before row 2999
        for (std::size_t i = 0; i < days.size(); ++i)
            QCOMPARE(days.timestamp(i) % 86400, std::int64_t{0});
        QCOMPARE(days.open()[0], source.open()[source.present(700) ? 700 : 701]);
    }

    void coverageIsAskedFor()
    {
        std::vector<Bar> bars;
        for (std::int64_t minute : {0, 1, 2, 5, 6, 7, 8, 9, 10})
            bars.push_back({60 * minute, 1, 1, 1, 1, 1});
        const BarSeries source = BarSeries::fromBars("X", 60, bars);
        const auto present = [&](double share) {
            const BarSeries series = resample(source, 300, {.minimumCoverage = share});
            return std::vector<int>{series.present(0), series.present(1), series.present(2)};
        };
        QCOMPARE(present(0.0), (std::vector<int>{1, 1, 1}));
        QCOMPARE(present(0.2), (std::vector<int>{1, 1, 1}));
        QCOMPARE(present(0.6), (std::vector<int>{1, 1, 0})); // 3 of 5, 5 of 5, 1 of 5
        QCOMPARE(present(0.61), (std::vector<int>{0, 1, 0}));
        QCOMPARE(present(1.0), (std::vector<int>{0, 1, 0}));
    }

    // 1e16 swallows each 1 added to it alone: the plain sum stays at 1e16.
    void smallVolumesAreNotLost()
    {
        std::vector<Bar> bars{{0, 1, 1, 1, 1, 1e16}};
        for (std::int64_t minute = 1; minute <= 4; ++minute)
            bars.push_back({60 * minute, 1, 1, 1, 1, 1.0});
        QVERIFY(resample(BarSeries::fromBars("X", 60, bars), 300).volume()[0] == 1e16 + 4.0);
    }

    void impossibleRequestsAreRefused()
    {
        const BarSeries source = BarSeries::fromBars("X", 300, wanderingBars(10));
        for (const std::int64_t interval : {0, -300, 60, 450, 86400 * 2, 2100, 301}) {
            const auto failure = failureOf([&] { resample(source, interval); });
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput, std::to_string(interval).c_str());
        }
        for (const double coverage : {-0.1, 1.1, std::nan("")})
            QVERIFY(failureOf([&] { resample(source, 600, {.minimumCoverage = coverage}); }));
        QVERIFY(resample(BarSeries("X", 300), 600).empty());
    }
};

QTEST_APPLESS_MAIN(TestResample)
#include "tst_resample.moc"
