#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/importers/LoadSeries.h"
#include "data/quality/QualityReport.h"

using namespace btcai;
using namespace btcai::test;

namespace {

QualityReport assess(const std::vector<Bar>& bars, const QualityOptions& options = {})
{
    return assessQuality(BarSeries::fromBars("X", 300, bars), options);
}

/// Bars whose close alternates between 100 and a swing more, so that all log returns are of one size.
std::vector<Bar> steadyBars(std::size_t count, double swing = 1.0)
{
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < count; ++i) {
        const double open = i % 2 == 0 ? 100.0 : 100.0 + swing;
        const double close = i % 2 == 0 ? 100.0 + swing : 100.0;
        bars.push_back({300 * static_cast<std::int64_t>(i), open, 101.5, 99.5, close, 1.0});
    }
    return bars;
}

} // namespace

class TestQualityReport : public QObject {
    Q_OBJECT

private slots:
    void aCleanSeriesScoresFull()
    {
        const QualityReport report = assess(steadyBars(200));
        QCOMPARE(report.expected, std::size_t{200});
        QCOMPARE(report.present, std::size_t{200});
        QCOMPARE(report.missing + report.gaps + report.zeroVolume + report.flat + report.inconsistent + report.longWicks + report.spikes
                     + report.frozenRuns,
                 std::size_t{0});
        QCOMPARE(report.score, 100.0);
    }

    void gapsAreCountedByLength()
    {
        // Of 1,000 rows: gaps of 1, 1, 6, 7 and 100 bars.
        std::vector<Bar> bars;
        for (const Bar& bar : steadyBars(1000)) {
            const auto i = bar.timestamp / 300;
            if (i == 10 || i == 20 || (i >= 30 && i < 36) || (i >= 50 && i < 57) || (i >= 500 && i < 600))
                continue;
            bars.push_back(bar);
        }
        const QualityReport report = assess(bars);
        QCOMPARE(report.gaps, std::size_t{5});
        QCOMPARE(report.missing, std::size_t{115});
        QVERIFY((report.gapsByLength == std::array<std::size_t, 6>{2, 1, 1, 0, 1, 0}));
        QCOMPARE(report.longestGap, std::size_t{100});
        QCOMPARE(report.longestGapTime, std::int64_t{150000});
        QVERIFY(std::abs(report.score - (100.0 - 11.5)) < 1e-9);
    }

    void aMissingEndIsAGap()
    {
        std::vector<Bar> bars = steadyBars(10);
        bars.erase(bars.begin() + 5, bars.begin() + 7);
        const QualityReport report = assessQuality(BarSeries::fromBars("X", 300, bars).slice(0, 7));
        QCOMPARE(report.gaps, std::size_t{1});
        QCOMPARE(report.missing, std::size_t{2});
        QCOMPARE(report.longestGapTime, std::int64_t{1500});
    }

    void eachFaultIsCounted()
    {
        std::vector<Bar> bars = steadyBars(1000);
        bars[100].volume = 0.0;
        bars[101].volume = 0.0;
        bars[200].high = 100.2;          // below the close of 101: inconsistent
        bars[300].open = std::nan("");   // cannot come from an importer, can from code
        bars[400].high = 140.0;          // 38.6 % above the body
        bars[401].low = 60.0;            // 40 % below the body
        bars[402].high = 131.0;          // 29.7 %: not long yet
        const QualityReport report = assess(bars);
        QCOMPARE(report.zeroVolume, std::size_t{2});
        QCOMPARE(report.inconsistent, std::size_t{2});
        QCOMPARE(report.longWicks, std::size_t{2});
        QCOMPARE(report.spikes, std::size_t{0});
        // 0.2 % zero volume: 0.04. 0.2 % inconsistent: 2. 2 wicks in 1,000 = 20 in 10,000, capped at 10.
        QVERIFY(std::abs(report.score - (100.0 - 0.04 - 2.0 - 10.0)) < 1e-9);
    }

    void spikesAreMeasuredRobustly()
    {
        std::vector<Bar> bars = steadyBars(1001, 0.1);
        // As many returns of +0.0009995 as of -0.0009995: median 0, MAD 0.0009995.
        QVERIFY(std::abs(assess(bars).robustDeviation - 1.4826 * std::log(1.001)) < 1e-12);
        // One bar shoots up by half and comes back: two returns of 0.4.
        bars[500].close = bars[500].high = 150.0;
        const QualityReport report = assess(bars);
        QCOMPARE(report.spikes, std::size_t{2});
        QCOMPARE(report.largestReturnTime, std::int64_t{150300}); // down from 150 to 100
        QVERIFY(std::abs(report.largestReturn - std::log(100.0 / 150.0)) < 1e-12);
        // The spikes themselves do not widen the measure.
        QVERIFY(std::abs(report.robustDeviation - 1.4826 * std::log(1.001)) < 1e-12);
        // Without the bar after it, the way down lies in a gap, where nobody knows what happened.
        bars.erase(bars.begin() + 501);
        QCOMPARE(assess(bars).spikes, std::size_t{1});
    }

    // More than half of the returns are zero, so the MAD is, and still a jump is a jump.
    void spikesInAQuietMarketAreFound()
    {
        std::vector<Bar> bars;
        for (int i = 0; i < 3000; ++i)
            bars.push_back({300 * i, 100, 101, 99, i % 10 == 0 ? 100.1 : 100.0, 1});
        bars[1500].close = 130;
        const QualityReport report = assess(bars);
        QVERIFY(report.robustDeviation > 0.0);
        QCOMPARE(report.spikes, std::size_t{2});
    }

    void frozenRunsAreFound()
    {
        std::vector<Bar> bars = steadyBars(200);
        const auto freeze = [&](std::size_t first, std::size_t count, double price) {
            for (std::size_t i = first; i < first + count; ++i)
                bars[i] = {bars[i].timestamp, price, price, price, price, 1.0};
        };
        freeze(20, 11, 100.0); // one too short
        freeze(50, 12, 100.0);
        freeze(100, 20, 100.0);
        freeze(120, 5, 101.0); // flat, but at another price: another run, too short
        const QualityReport report = assess(bars);
        QCOMPARE(report.flat, std::size_t{48});
        QCOMPARE(report.frozenRuns, std::size_t{2});
        QCOMPARE(report.frozenBars, std::size_t{32});
        QCOMPARE(report.longestFrozen, std::size_t{20});
        QCOMPARE(report.longestFrozenTime, std::int64_t{30000});
        // 16 % frozen: 8. 24 % flat: 2.4.
        QVERIFY(std::abs(report.score - (100.0 - 8.0 - 2.4)) < 1e-9);
        freeze(190, 10, 100.0);
        QCOMPARE(assess(bars, {.frozenBars = 10}).frozenRuns, std::size_t{4}); // one at the very end
    }

    void anEmptySeriesScoresNothing()
    {
        const QualityReport report = assessQuality(BarSeries("X", 300));
        QCOMPARE(report.score, 0.0);
        QVERIFY(!report.toText().empty());
    }

    // Facts computed from the file by a separate program (python: csv, statistics.median), not by this code.
    void theBundledData()
    {
        const QualityReport report = assessQuality(loadSeries(bundledData()));
        QCOMPARE(report.expected, std::size_t{210240});
        QCOMPARE(report.present, std::size_t{209990});
        QCOMPARE(report.missing, std::size_t{250});
        QCOMPARE(report.gaps, std::size_t{158});
        QVERIFY((report.gapsByLength == std::array<std::size_t, 6>{132, 20, 5, 1, 0, 0}));
        QCOMPARE(report.longestGap, std::size_t{13});
        QCOMPARE(report.longestGapTime, std::int64_t{1528205700});
        QCOMPARE(report.zeroVolume, std::size_t{0});
        QCOMPARE(report.flat, std::size_t{778});
        QCOMPARE(report.inconsistent, std::size_t{0});
        QCOMPARE(report.longWicks, std::size_t{0});
        QVERIFY(std::abs(report.robustDeviation - 0.0015576658880719746) < 1e-15);
        QCOMPARE(report.spikes, std::size_t{23});
        QVERIFY(std::abs(report.largestReturn + 0.17489423517034525) < 1e-12);
        QCOMPARE(report.largestReturnTime, std::int64_t{1489179600});
        QCOMPARE(report.frozenRuns, std::size_t{0});
        // 100 - 0.11891 (missing) - 1.09529 (spikes) - 0.03705 (flat)
        QVERIFY(std::abs(report.score - 98.74875) < 1e-4);
    }

    void jsonAndTextSayTheSame()
    {
        const QualityReport report = assessQuality(loadSeries(bundledData()));
        const Json json = report.toJson();
        QCOMPARE(json["present"].get<std::size_t>(), report.present);
        QCOMPARE(json["gaps_by_length"][0].get<int>(), 132);
        QCOMPARE(json["score"].get<double>(), report.score);
        const std::string text = report.toText();
        for (const char* part : {"BTCUSD, bars of 300 s", "2017-01-01 00:00 .. 2018-12-31 23:55", "209990 of 210240", "250 (0.12 %) in 158 gaps",
                                 "13 bars from 2018-06-05 13:35", "98.7 of 100"})
            QVERIFY2(text.find(part) != std::string::npos, part);
    }
};

QTEST_APPLESS_MAIN(TestQualityReport)
#include "tst_quality_report.moc"
