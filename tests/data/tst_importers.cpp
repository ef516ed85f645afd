#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/bars/BarStore.h"
#include "data/importers/LineReader.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {
const std::string kHeader = "timestamp,open,high,low,close,volume\n";
}

class TestImporters : public QObject {
    Q_OBJECT

private slots:
    // What stands between the fields decides nothing else.
    void commasSemicolonsAndTabs()
    {
        for (const char delimiter : {',', ';', '\t'}) {
            std::string text = "timestamp,open,high,low,close,volume\n300,10,12,8,11,5\n600,\"11\",13,9,12,6\n";
            std::ranges::replace(text, ',', delimiter);
            const BarSeries series = loadSeries(file("a.csv", text));
            QVERIFY(series.size() == 2 && series.bar(1)->open == 11.0 && series.bar(1)->volume == 6.0);
            QCOMPARE(loadSeries(file("a.csv", text), {.columns = "time=0,open=1,high=2,low=3,close=4"}).size(), std::size_t{2});
        }
        // A comma within quotes is text.
        QCOMPARE(loadSeries(file("a.csv", "timestamp,open,high,low,close,volume,note\n300,10,12,8,11,5,\"a, b\"\n600,11,13,9,12,6,\"\"\n")).size(), std::size_t{2});
    }

    void plainCsv()
    {
        const auto path = file("btcusd-5m.csv", kHeader + "600,1,3,0.5,2,10\n900,2,4,1,3,0\n1800,5,6,4,5.5,1e-3\n");
        const ImportResult result = importSeries(path);
        QCOMPARE(result.series.instrument(), std::string("BTCUSD"));
        QCOMPARE(result.series.intervalSeconds(), std::int64_t{300});
        QCOMPARE(result.series.size(), std::size_t{5});
        QCOMPARE(result.series.bar(0)->low, 0.5);
        QCOMPARE(result.series.bar(4)->volume, 0.001);
        QVERIFY(!result.series.bar(2));
        QVERIFY(result.report.format == SourceFormat::PlainCsv);
        QCOMPARE(result.report.rowsRead, std::size_t{3});
        QCOMPARE(result.report.rowsSkipped, std::size_t{0});
        QCOMPARE(result.report.gaps, std::size_t{1});
        QCOMPARE(result.report.missingBars, std::size_t{2});
        QCOMPARE(result.report.firstTime, std::int64_t{600});
        QCOMPARE(result.report.lastTime, std::int64_t{1800});
        QCOMPARE(result.report.timeUnit, std::string("s"));
        QVERIFY(!result.report.reason.empty());
        QCOMPARE(result.report.toJson()["format"].get<std::string>(), std::string("plain-csv"));
        QCOMPARE(result.report.toJson()["missing_bars"].get<int>(), 2);
    }

    void gzipIsToldByItsBytesNotItsName()
    {
        const std::string text = kHeader + "600,1,3,0.5,2,10\n900,2,4,1,3,0\n";
        const auto plain = file("a.csv", text);
        const auto packed = file.path("b.csv");
        writeGzip(packed, text);
        QVERIFY(readBytes(packed).starts_with("\x1f\x8b"));
        QCOMPARE(loadSeries(packed).contentHash(), loadSeries(plain).contentHash());
    }

    void lineEndsBlankLinesMarksAndQuotes()
    {
        const auto plain = loadSeries(file("a.csv", kHeader + "600,1,3,0.5,2,10\n900,2,4,1,3,0\n"));
        const auto odd = importSeries(
            file("b.csv", "\xef\xbb\xbfTimestamp,Open,High,Low,Close,Volume\r\n\r\n600, 1,3 ,\"0.5\",2,10\r\n\r\n900,2,4,1,3,0"));
        QCOMPARE(odd.series.contentHash(), plain.contentHash());
        QCOMPARE(odd.report.rowsSkipped, std::size_t{2});
    }

    void stampsInMillisecondsAndMicroseconds()
    {
        const std::string seconds = kHeader + "1700000100,1,3,0.5,2,10\n1700000400,2,4,1,3,0\n";
        const std::string ms = kHeader + "1700000100000,1,3,0.5,2,10\n1700000400000,2,4,1,3,0\n";
        const std::string us = kHeader + "1700000100000000,1,3,0.5,2,10\n1700000400000000,2,4,1,3,0\n";
        const std::string hash = loadSeries(file("s.csv", seconds)).contentHash();
        QCOMPARE(loadSeries(file("ms.csv", ms)).contentHash(), hash);
        QCOMPARE(loadSeries(file("us.csv", us)).contentHash(), hash);
        QCOMPARE(importSeries(file("us.csv", us)).report.timeUnit, std::string("us"));
    }

    void theIntervalIsTheCommonestStep()
    {
        const auto path = file("a.csv", kHeader + "0,1,1,1,1,1\n3600,1,1,1,1,1\n3660,1,1,1,1,1\n3720,1,1,1,1,1\n7200,1,1,1,1,1\n");
        QCOMPARE(loadSeries(path).intervalSeconds(), std::int64_t{60});
        QCOMPARE(loadSeries(path).size(), std::size_t{121});
        const auto single = file("b.csv", kHeader + "3600,1,1,1,1,1\n");
        const auto failure = failureOf([&] { loadSeries(single); });
        QVERIFY(failure && failure->says("interval"));
        QCOMPARE(loadSeries(single, {.intervalSeconds = 900}).intervalSeconds(), std::int64_t{900});
        QCOMPARE(loadSeries(single, {.instrument = "ETHBTC", .intervalSeconds = 60}).instrument(), std::string("ETHBTC"));
    }

    // Rows and periods as their sources state them, values as the first and last lines of the files show them.
    void binanceFiles_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("interval");
        QTest::addColumn<qint64>("first");
        QTest::addColumn<qint64>("last");
        QTest::addColumn<double>("firstOpen");
        QTest::addColumn<double>("firstVolume");
        QTest::newRow("ms, no header, 1m") << "binance-spot-1m-ADABTC-2021-11-27-head.csv" << 10 << 60 << qint64{1637971200}
                                           << qint64{1637971740} << 0.00002853 << 36304.2;
        QTest::newRow("ms, no header, 5m") << "binance-spot-5m-BTCUSDT-2023-07-head.csv" << 1000 << 300 << qint64{1688169600}
                                           << qint64{1688469300} << 30471.99 << 146.34036;
        QTest::newRow("openTime header") << "binance-um-15m-ETHUSDT-2020-01-openTime-header.csv" << 2699 << 900 << qint64{1577836800}
                                         << qint64{1580265000} << 129.12 << 5453.601;
        QTest::newRow("open_time header") << "binance-um-1m-AVAXUSDT-2023-02-open_time-header.csv" << 2799 << 60 << qint64{1675209600}
                                          << qint64{1675377480} << 19.807 << 11067.0;
    }
    void binanceFiles()
    {
        QFETCH(QString, name);
        QFETCH(int, rows);
        QFETCH(int, interval);
        QFETCH(qint64, first);
        QFETCH(qint64, last);
        QFETCH(double, firstOpen);
        QFETCH(double, firstVolume);
        const ImportResult result = importSeries(fixture(name.toStdString()));
        QVERIFY(result.report.format == SourceFormat::BinanceKlines);
        QCOMPARE(result.report.rowsRead, static_cast<std::size_t>(rows));
        QCOMPARE(result.series.presentCount(), static_cast<std::size_t>(rows));
        QCOMPARE(result.series.intervalSeconds(), interval);
        QCOMPARE(result.report.firstTime, first);
        QCOMPARE(result.report.lastTime, last);
        QCOMPARE(result.report.gaps, std::size_t{0});
        QCOMPARE(result.report.timeUnit, std::string("ms"));
        QCOMPARE(result.series.bar(0)->open, firstOpen);
        QCOMPARE(result.series.bar(0)->volume, firstVolume);
    }

    // Spot files are in us since 2025-01-01; files joined across that night hold both.
    void binanceMicroseconds()
    {
        const std::string before = "1735689540000,1,3,0.5,2,10,1735689599999,1,1,1,1,0\n";
        const std::string after = "1735689600000000,2,4,1,3,0,1735689659999999,1,1,1,1,0\n1735689660000000,2,4,1,3,0,1735689719999999,1,1,1,1,0\n";
        QCOMPARE(importSeries(file("a.csv", after)).report.timeUnit, std::string("us"));
        const ImportResult joined = importSeries(file("b.csv", before + after));
        QCOMPARE(joined.series.size(), std::size_t{3});
        QCOMPARE(joined.report.missingBars, std::size_t{0});
        QVERIFY(failureOf([&] { importSeries(file("c.csv", after + before)); }));
    }

    void binanceGzip()
    {
        const auto packed = file.path("BTCUSDT-5m-2023-07.csv.gz");
        const auto plain = fixture("binance-spot-5m-BTCUSDT-2023-07-head.csv");
        writeGzip(packed, readBytes(plain));
        const BarSeries series = loadSeries(packed);
        QCOMPARE(series.contentHash(), loadSeries(plain).contentHash());
        QCOMPARE(series.instrument(), std::string("BTCUSDT"));
    }

    // Counted from the file with awk and python's csv module; see resources/data/README.md.
    void bundledData()
    {
        const ImportResult result = importSeries(test::bundledData());
        QCOMPARE(result.series.instrument(), std::string("BTCUSD"));
        QCOMPARE(result.report.rowsRead, std::size_t{209990});
        QCOMPARE(result.series.size(), std::size_t{210240});
        QCOMPARE(result.report.gaps, std::size_t{158});
        QCOMPARE(result.report.missingBars, std::size_t{250});
        QCOMPARE(result.report.firstTime, std::int64_t{1483228800});
        QCOMPARE(result.report.lastTime, std::int64_t{1546300500});
        QCOMPARE(result.series.bar(0)->close, 967.39);
        QCOMPARE(result.series.bar(210239)->volume, 15.51690716);
        QVERIFY(std::filesystem::file_size(test::bundledData()) <= 5'000'000);
    }

    void barStoreFilesOpenToo()
    {
        const BarSeries series = BarSeries::fromBars("BTCUSD", 300, wanderingBars(100));
        const std::filesystem::path path = file.path("bars.csv"); // the name plays no part
        BarStore::write(series, path);
        const ImportResult result = importSeries(path);
        QVERIFY(result.report.format == SourceFormat::BarStore);
        QCOMPARE(result.report.rowsRead, std::size_t{100});
        QCOMPARE(result.series.contentHash(), series.contentHash());
    }

    // Lines longer than a read of the file, and reads that end within a line.
    void linesAcrossBufferEnds()
    {
        std::string text;
        for (int i = 0; i < 3000; ++i)
            text += std::string(static_cast<std::size_t>((i * 37) % 1000), 'x') + std::to_string(i) + "\n";
        LineReader reader(file("long.txt", text));
        std::string_view line;
        int count = 0;
        while (reader.next(line)) {
            QVERIFY(line.ends_with(std::to_string(count)));
            QCOMPARE(line.size(), static_cast<std::size_t>((count * 37) % 1000) + std::to_string(count).size());
            ++count;
            QCOMPARE(reader.lineNumber(), static_cast<std::size_t>(count));
        }
        QCOMPARE(count, 3000);
    }

private:
    ScratchFolder file;
};

QTEST_APPLESS_MAIN(TestImporters)
#include "tst_importers.moc"
