#include <QtTest>

#include "DataTestSupport.h"
#include "base/Clock.h"
#include "data/importers/LoadSeries.h"
#include "data/quality/QualityReport.h"
#include "data/quality/SeriesChecks.h"

using namespace btcai;
using namespace btcai::test;

namespace {

QualityReport reportOn(const std::string& name)
{
    const std::filesystem::path path = fixture(name);
    return assessQuality(inspectSeries(std::span(&path, 1)));
}

const Finding* find(const QualityReport& report, std::string_view name)
{
    const auto found = std::ranges::find(report.findings, name, &Finding::name);
    return found == report.findings.end() ? nullptr : &*found;
}

QualityReport assess(const std::vector<Bar>& bars, const QualityOptions& options = {})
{
    return assessQuality(BarSeries::fromBars("X", 300, bars), options);
}

} // namespace

class TestQualityFaults : public QObject {
    Q_OBJECT

private slots:
    // The faults that the fixtures' README tells of, by name and count.
    void everyDirtyFile_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("fault");
        QTest::addColumn<int>("count"); // 0: not stated
        QTest::addColumn<QString>("firstTime");
        QTest::addColumn<bool>("blocks");
        const auto row = [](const char* file, const char* fault, int count, const char* time, bool blocks) {
            QTest::addRow("%s: %s", file, fault) << file << fault << count << time << blocks;
        };
        row("bittrex-json-5m-BTC_ETH-conflicting-duplicates.json.gz", "duplicate-conflicting", 128, "", true);
        row("cryptodatadownload-coinbase-1h-out-of-order.csv.gz", "disorder", 5, "", true);
        row("cryptodatadownload-coinbase-1h-out-of-order.csv.gz", "time-zone-slip", 0, "", true);
        row("cryptodatadownload-bitstamp-1h-volume-columns-swapped.csv.gz", "swapped-volume-columns", 0, "", true);
        row("cryptodatadownload-bitstamp-1h-volume-columns-swapped.csv.gz", "volume-step", 1, "", true);
        row("cryptodatadownload-bitstamp-1h-zero-volume-outage.csv.gz", "zero-volume", 4, "2020-04-25T20:00", true);
        row("cryptodatadownload-bitstamp-1h-zero-volume-outage.csv.gz", "swapped-volume-columns", 796, "", true);
        row("bitfinex-1m-ochl-2016-08-eight-day-gap.csv.gz", "long-gap", 1, "2016-08-02T18:03", false);
        row("bitfinex-1m-ochl-2013-04-outliers.csv.gz", "outlier-print", 0, "", true);
        row("coingecko-daily-irregular-times-BTC.csv.gz", "off-grid", 4, "", true);
        row("coingecko-daily-irregular-times-BTC.csv.gz", "zero-volume", 0, "2013-04-28", true);
        row("bitstamp-multi-asset-daily-empty-fields.csv.gz", "empty-field", 0, "", true);
        row("bitstamp-multi-asset-daily-empty-fields.csv.gz", "several-assets", 1, "", true);
    }
    void everyDirtyFile()
    {
        QFETCH(QString, file);
        QFETCH(QString, fault);
        QFETCH(int, count);
        QFETCH(QString, firstTime);
        QFETCH(bool, blocks);
        const QualityReport report = reportOn("dirty/" + file.toStdString());
        const Finding* finding = find(report, fault.toStdString());
        QVERIFY2(finding != nullptr, report.toText().c_str());
        QVERIFY(finding->count > 0 && !finding->text.empty() && !finding->advice.empty());
        if (count > 0)
            QCOMPARE(finding->count, static_cast<std::size_t>(count));
        if (!firstTime.isEmpty())
            QCOMPARE(finding->firstTime, parseUtc(firstTime.toStdString()));
        QCOMPARE(blocksTraining(report).blocks(), blocks);
    }

    // In the file from 2020-10-12 08:00 backwards, to 2020-08-15 14:00: 1387 hours (README of the fixtures).
    void theSwappedStretchIsTold()
    {
        const QualityReport report = reportOn("dirty/cryptodatadownload-bitstamp-1h-volume-columns-swapped.csv.gz");
        const auto hours = (parseUtc("2020-10-12T08:00") - parseUtc("2020-08-15T14:00")) / 3600 + 1;
        QCOMPARE(find(report, "swapped-volume-columns")->count, static_cast<std::size_t>(hours));
        const std::int64_t step = find(report, "volume-step")->firstTime;
        QVERIFY(std::abs(step - parseUtc("2020-10-12T09:00")) <= 50 * 3600);
    }

    void theEightDayGap()
    {
        const QualityReport report = reportOn("dirty/bitfinex-1m-ochl-2016-08-eight-day-gap.csv.gz");
        QCOMPARE(report.missing, std::size_t{12083});
        QCOMPARE(report.gaps, std::size_t{484});
        QCOMPARE(report.longestGap, std::size_t{11390});
        QVERIFY(report.gapMapText().find("    ") != std::string::npos); // eight of twelve days are blank
        QCOMPARE(report.gapMap.front(), report.toJson()["gap_map"]["present_share"][0].get<double>());
    }

    void importRefusesTheDirty_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("says");
        QTest::newRow("duplicates") << "bittrex-json-5m-BTC_ETH-conflicting-duplicates.json.gz" << "128 such";
        QTest::newRow("disorder") << "cryptodatadownload-coinbase-1h-out-of-order.csv.gz" << "5 rows are out of order";
        QTest::newRow("swapped") << "cryptodatadownload-bitstamp-1h-volume-columns-swapped.csv.gz" << "swapped-volume-columns";
        QTest::newRow("off the grid") << "coingecko-daily-irregular-times-BTC.csv.gz" << "4 such in all (off-grid)";
        QTest::newRow("several assets") << "bitstamp-multi-asset-daily-empty-fields.csv.gz" << "BTC, ETH, LTC";
    }
    void importRefusesTheDirty()
    {
        QFETCH(QString, file);
        QFETCH(QString, says);
        const auto failure = failureOf([&] { importSeries(fixture("dirty/" + file.toStdString())); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->says(says.toStdString()), failure->message.c_str());
    }

    void goodFilesAreNotBlocked()
    {
        std::vector<std::filesystem::path> files{bundledData()};
        for (const char* folder : {"", "formats"})
            for (const auto& entry : std::filesystem::directory_iterator(fixture(folder)))
                if (entry.is_regular_file() && !entry.path().filename().string().starts_with("indicators") && entry.path().extension() != ".md"
                    && entry.path().extension() != ".feather" && entry.path().filename() != "bitfinex-rest-1m-empty.json")
                    files.push_back(entry.path());
        QVERIFY(files.size() > 20);
        for (const auto& file : files) {
            const auto report = assessQuality(inspectSeries(std::span(&file, 1)));
            QVERIFY2(!blocksTraining(report).blocks(), (file.string() + "\n" + report.toText()).c_str());
        }
    }

    void timeZoneSlips()
    {
        std::vector<Bar> bars = wanderingBars(500);
        QVERIFY(!find(assess(bars), "time-zone-slip"));
        // Four bars once more, three hours (36 bars) later.
        for (std::size_t i = 100; i < 104; ++i) {
            const std::int64_t time = bars[i + 36].timestamp;
            bars[i + 36] = bars[i];
            bars[i + 36].timestamp = time;
        }
        const QualityReport report = assess(bars);
        const Finding* slip = find(report, "time-zone-slip");
        QVERIFY(slip && slip->severity == Severity::Error);
        QCOMPARE(slip->count, std::size_t{4});
        QCOMPARE(slip->firstTime, bars[136].timestamp);
        QVERIFY(slip->text.find("3 hours") != std::string::npos);
        QCOMPARE(report.slippedBars, std::size_t{4});
    }

    void outlierPrints()
    {
        std::vector<Bar> bars = wanderingBars(100);
        QCOMPARE(assess(bars).outlierPrints, std::size_t{0});
        bars[50].close = bars[49].close * 3.0; // and back: the neighbours agree
        const QualityReport wild = assess(bars);
        QCOMPARE(wild.outlierPrints, std::size_t{1});
        QVERIFY(find(wild, "outlier-print")->severity == Severity::Error && find(wild, "outlier-print")->firstTime == bars[50].timestamp);
        bars[50].close = bars[49].close * 1.3;
        QVERIFY(find(assess(bars), "outlier-print")->severity == Severity::Warning);
        // A market that stays there has moved.
        for (std::size_t i = 50; i < 100; ++i)
            bars[i].close = bars[49].close * 3.0;
        QCOMPARE(assess(bars).outlierPrints, std::size_t{0});
    }

    void volumes()
    {
        std::vector<Bar> bars = wanderingBars(1000);
        QVERIFY(assess(bars).findings.empty());
        bars[500].volume = 1e7;
        QCOMPARE(assess(bars).absurdVolume, std::size_t{1});
        QCOMPARE(find(assess(bars), "absurd-volume")->firstTime, bars[500].timestamp);
        bars[500].volume = 0.0;
        QVERIFY(find(assess(bars), "zero-volume")->severity == Severity::Info);
        bars[501].volume = bars[502].volume = 0.0;
        QVERIFY(find(assess(bars), "zero-volume")->severity == Severity::Warning);
        // From coins to money at half way: by the price, about 1000.
        for (std::size_t i = 500; i < 1000; ++i)
            bars[i].volume = 10.0 * bars[i].close;
        QVERIFY(find(assess(bars), "volume-step")->severity == Severity::Error);
        QVERIFY(std::abs(find(assess(bars), "volume-step")->firstTime - bars[500].timestamp) <= 50 * 300);
        for (Bar& bar : bars)
            bar.volume = 0.0;
        QVERIFY(find(assess(bars), "no-volume") && !find(assess(bars), "zero-volume"));
    }

    void staleTails()
    {
        const std::vector<Bar> bars = wanderingBars(100);
        const std::int64_t due = bars.back().timestamp + 300;
        QVERIFY(!find(assess(bars), "stale-tail"));
        QVERIFY(!find(assess(bars, {.now = due + 900}), "stale-tail"));
        const QualityReport stale = assess(bars, {.now = due + 1200});
        QVERIFY(find(stale, "stale-tail") && find(stale, "stale-tail")->count == 4);
        QCOMPARE(stale.staleSeconds, std::int64_t{1200});
    }

    void theGapMapAndTheListOfGaps()
    {
        std::vector<Bar> bars;
        for (const Bar& bar : wanderingBars(1000, 0))
            if (bar.timestamp / 300 < 500 || bar.timestamp / 300 >= 515)
                bars.push_back(bar);
        const QualityReport report = assess(bars); // 100 cells of 10 bars
        QCOMPARE(report.gapMapCellBars, std::size_t{10});
        QCOMPARE(report.gapMap.size(), std::size_t{100});
        QCOMPARE(report.gapMap[50], 0.0);
        QCOMPARE(report.gapMap[51], 0.5);
        QCOMPARE(report.gapMap[52], 1.0);
        QCOMPARE(report.gapMapText().substr(49, 4), std::string("# -#"));
        QVERIFY(report.longestGaps(10).size() == 1 && report.longestGaps(10)[0].time == 150000 && report.longestGaps(10)[0].bars == 15);
    }

    void errorsCostTenPointsEach()
    {
        std::vector<Bar> bars = wanderingBars(100);
        const double before = assess(bars).score;
        bars[50].close = bars[49].close * 3.0;
        const QualityReport report = assess(bars);
        QCOMPARE(blocksTraining(report).reasons.size(), std::size_t{2}); // the close lies above its high, too
        QVERIFY(report.score <= before - 10.0);
        const Json json = report.toJson();
        QVERIFY(json["blocks_training"].get<bool>());
        QCOMPARE(json["findings"].size(), report.findings.size());
    }

    void anEmptySeriesIsBlocked()
    {
        const QualityReport report = assessQuality(BarSeries("X", 300));
        QVERIFY(find(report, "no-bars") && blocksTraining(report).blocks());
    }
};

QTEST_APPLESS_MAIN(TestQualityFaults)
#include "tst_quality_faults.moc"
