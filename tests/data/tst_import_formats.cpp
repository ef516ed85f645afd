#include <array>

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "DataTestSupport.h"
#include "base/Clock.h"
#include "base/Hash.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Values = std::array<double, 5>; // open, high, low, close, volume

/// What the fixtures' README states of a file, and its first and last bar in time as its text shows them.
struct Expected {
    const char* file;
    const char* format;
    std::size_t rows;
    std::int64_t interval;
    const char* first;
    const char* last;
    std::size_t gaps;
    std::size_t missing;
    Values firstBar;
    Values lastBar;
};

const std::vector<Expected> kFiles{
    {"formats/binance-spot-5m-BTCUSDT-2023-06-tail.csv.gz", "binance-klines", 1000, 300, "2023-06-27T12:40", "2023-06-30T23:55", 0, 0,
     {30714.33, 30740.74, 30702.47, 30736.02, 242.33329}, {30491.24, 30491.24, 30468.0, 30472.0, 57.14176}},
    {"binance-spot-5m-BTCUSDT-2023-07-head.csv", "binance-klines", 1000, 300, "2023-07-01", "2023-07-04T11:15", 0, 0,
     {30471.99, 30493.96, 30458.12, 30492.72, 146.34036}, {31008.01, 31010.34, 31000.73, 31002.89, 58.63906}},
    {"binance-um-15m-ETHUSDT-2020-01-openTime-header.csv", "binance-klines", 2699, 900, "2020-01-01", "2020-01-29T02:30", 0, 0,
     {129.12, 129.12, 128.65, 128.87, 5453.601}, {176.29, 176.69, 175.88, 176.1, 3282.441}},
    {"binance-um-1m-AVAXUSDT-2023-02-open_time-header.csv", "binance-klines", 2799, 60, "2023-02-01", "2023-02-02T22:38", 0, 0,
     {19.807, 19.831, 19.804, 19.813, 11067}, {21.396, 21.396, 21.371, 21.384, 4211}},
    {"binance-spot-1m-ADABTC-2021-11-27-head.csv", "binance-klines", 10, 60, "2021-11-27", "2021-11-27T00:09", 0, 0,
     {0.00002853, 0.00002854, 0.00002851, 0.00002854, 36304.2}, {0.00002863, 0.00002865, 0.00002863, 0.00002865, 8160.5}},
    {"formats/ohlcv-ms-1m-BTCUSDT-2026-04.csv.gz", "plain-csv", 3000, 60, "2026-04-19T13:56", "2026-04-21T15:55", 0, 0,
     {75901.45, 75928.59, 75901.45, 75921.45, 3.49275}, {75681.24, 75681.24, 75621.59, 75621.59, 0.81812}},
    // Volume in USD: 2300413.7295 by (46385 + 46319 + 46377) / 3, and 6980932.0896 by (46262 + 46150 + 46198) / 3.
    {"formats/ftx-perp-1m-datetime-text-2021-12-31.csv", "ftx-csv", 59, 60, "2021-12-31T23:01", "2021-12-31T23:59", 0, 0,
     {46319, 46385, 46319, 46377, 2300413.7295 / (139081.0 / 3.0)}, {46257, 46262, 46150, 46198, 6980932.0896 / (138610.0 / 3.0)}},
    {"formats/bitstamp-kaggle-1min-8col-2011-12-head.csv.gz", "bitstamp-kaggle", 5799, 60, "2011-12-31T07:52", "2012-01-04T08:30", 0, 0,
     {4.39, 4.39, 4.39, 4.39, 0.45558087}, {4.93, 4.93, 4.93, 4.93, 9.68}},
    {"formats/cryptodatadownload-coinbase-1h-ampm-url-line.csv.gz", "cryptodatadownload", 3113, 3600, "2017-07-01T11:00", "2017-11-08T03:00", 0, 0,
     {2505.56, 2513.38, 2495.12, 2509.17, 114.6}, {7364.31, 7399.11, 7348.9, 7394.99, 256.04}},
    {"formats/cryptodatadownload-coinbase-1h-VolumeFrom.csv.gz", "cryptodatadownload", 3580, 3600, "2018-08-04T19:00", "2018-12-31T22:00", 0, 0,
     {6983.01, 7010, 6958.43, 6998, 475.61}, {3670.64, 3680, 3661.13, 3676.68, 624.6}},
    {"formats/cryptodatadownload-bitstamp-1h-unix.csv.gz", "cryptodatadownload", 1822, 3600, "2020-10-17T02:00", "2020-12-31T23:00", 0, 0,
     {11334.9, 11355.65, 11324.6, 11351.64, 23.79202416}, {29135.25, 29161.46, 28843.74, 28992.79, 500.35347157}},
    {"formats/kraken-ohlcvt-60-XBTUSD-head.csv.gz", "kraken-ohlcvt", 5000, 3600, "2013-10-06T21:00", "2015-02-27T18:00", 1841, 7214,
     {122, 122, 122, 122, 0.1}, {252.99925, 253, 252.99925, 253, 8.86601234}},
    {"formats/kraken-rest-ohlc-1m-XBTUSDT.json.gz", "kraken-reply", 721, 60, "2025-11-10T12:17", "2025-11-11T00:17", 0, 0,
     {106038.2, 106038.2, 106038.2, 106038.2, 0}, {105899.4, 105899.4, 105899.4, 105899.4, 0}},
    {"formats/coinbase-rest-candles-BTC-USD.json", "coinbase-reply", 2, 3600, "2024-04-04", "2024-04-04T01:00", 0, 0,
     {65984.18, 66387.77, 65857.35, 66314.59, 358.74851052}, {66312.4, 66331.99, 66055.14, 66181.6, 355.82896243}},
    {"formats/okx-rest-candles.json", "okx-reply", 2, 60, "2025-05-12T23:53", "2025-05-12T23:54", 0, 0,
     {102806, 102820.5, 102783.1, 102806.1, 71.6404}, {102806.1, 102820.4, 102806.1, 102820.4, 10.4037}},
    {"formats/deribit-rest-chart-data.json", "deribit-reply", 5, 60, "2025-12-23T09:51", "2025-12-23T09:55", 0, 0,
     {87451, 87456.5, 87451, 87456.5, 2.94375216}, {87456, 87456.5, 87456, 87456, 0.1018798}},
    {"formats/bitfinex-rest-1m-2018-06-01/18-06-01_00-00-00.json", "bitfinex-reply", 118, 60, "2018-06-01", "2018-06-01T01:59", 2, 2,
     {7485.9, 7485.9, 7481.9, 7484.6, 39.91006208}, {0, 0, 0, 0, 0}},
    // All twelve replies of the day, of which each of the README's rows tells two hours.
    {"formats/bitfinex-rest-1m-2018-06-01", "bitfinex-reply", 1436, 60, "2018-06-01", "2018-06-01T23:59", 4, 4,
     {7485.9, 7485.9, 7481.9, 7484.6, 39.91006208}, {7521, 7521, 7521, 7521, 0.204}},
    {"formats/bitfinex-merged-1m-ochl-2016-head.csv.gz", "bitfinex-csv", 5000, 60, "2016-01-01", "2016-01-06T05:15", 1375, 2516,
     {429.17, 429.17, 429.17, 429.17, 1.6817}, {428.49, 428.49, 428.47, 428.49, 1.05840282}},
    {"formats/bittrex-json-5m-BTC_ETH-head.json.gz", "bittrex-reply", 2100, 300, "2017-10-31T02:00", "2017-11-07T08:55", 0, 0,
     {0.05000001, 0.05012499, 0.05, 0.05012498, 68.87525577}, {0.041767, 0.04188, 0.04176502, 0.04188, 90.5137754}},
    // 86,400 seconds from 00:00:04 to 23:59:58, of which the last two are behind: 86395 rows.
    {"formats/lean-coinbase-second-btcusd-20161007_trade.zip", "lean-trade", 4063, 1, "2016-10-07T00:00:04", "2016-10-07T23:59:58", 3799, 82332,
     {611.78, 611.87, 611.78, 611.87, 0.60046}, {618.04, 618.04, 617.98, 617.98, 0.2}},
    // Quotes: midpoints. (4642.42 + 4649.95) / 2, (4626.04 + 4626.05) / 2.
    {"formats/lean-coinbase-minute-btcusd-20170903_quote.zip", "lean-quote", 1438, 60, "2017-09-03", "2017-09-03T23:58", 1, 1,
     {4646.185, 4646.185, 4646.185, 4646.185, 0}, {4626.045, 4626.045, 4626.045, 4626.045, 0}},
    {"formats/lean-coinbase-minute-btcusd-20170903_trade.zip", "lean-trade", 1440, 60, "2017-09-03", "2017-09-03T23:59", 0, 0,
     {4642.39, 4652.71, 4642.39, 4652.69, 6.63487803}, {4626.05, 4626.05, 4626.05, 4626.05, 2.87430249}},
    {"formats/lean-coinbase-minute-btcusd-20171217_trade.zip", "lean-trade", 1440, 60, "2017-12-17", "2017-12-17T23:59", 0, 0,
     {19650.02, 19650.02, 19505, 19516.96, 61.34020731}, {19378.88, 19378.99, 19378.87, 19378.99, 12.78018758}},
    {"formats/lean-coinbase-minute-btcusd-20180404_quote.zip", "lean-quote", 1437, 60, "2018-04-04", "2018-04-04T23:58", 1, 2,
     {7424.905, 7424.905, 7424.905, 7424.905, 0}, {6791.675, 6791.675, 6791.675, 6791.675, 0}},
    {"formats/lean-coinbase-minute-btcusd-20180404_trade.zip", "lean-trade", 1007, 60, "2018-04-04", "2018-04-04T16:47", 1, 1,
     {7424.91, 7424.91, 7422, 7422, 7.14319709}, {6894.01, 6894.01, 6894.01, 6894.01, 0.0373333}},
    {"funding/btcusdt-perp-8h-mark.csv.gz", "plain-csv", 2151, 28800, "2023-12-01", "2025-11-16T16:00", 0, 0,
     {37716.8, 38343.4, 37604.5, 38242.08488652, 0}, {0, 0, 0, 0, 0}},
    {"funding/freqtrade-json-BTC_USDT_USDT-5m-futures.json.gz", "freqtrade-json", 11123, 300, "2025-09-19", "2025-10-27T14:50", 0, 0,
     {117017.1, 117100, 117010.8, 117043.4, 360.735}, {114809.1, 114843, 114642.4, 114679.3, 299.937}},
    {"funding/freqtrade-json-BTC_USDT_USDT-8h-mark.json", "freqtrade-json", 115, 28800, "2025-09-19", "2025-10-27", 0, 0,
     {117017.51732609, 117407.67731884, 116570, 116850.03902174, 0}, {0, 0, 0, 0, 0}},
};

void compareBar(const Bar& bar, const Values& values)
{
    const Values got{bar.open, bar.high, bar.low, bar.close, bar.volume};
    for (std::size_t i = 0; i < got.size(); ++i)
        QCOMPARE(got[i], values[i]); // bit for bit but for QCOMPARE's last digits
}

ImportResult imported(const std::string& name, const ImportOptions& options = {})
{
    const std::filesystem::path path = fixture(name);
    return importSeries(std::span(&path, 1), options);
}

} // namespace

class TestImportFormats : public QObject {
    Q_OBJECT

private slots:
    void everyFile_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < kFiles.size(); ++i)
            QTest::newRow(kFiles[i].file) << static_cast<int>(i);
    }
    void everyFile()
    {
        QFETCH(int, index);
        const Expected& expected = kFiles[static_cast<std::size_t>(index)];
        const auto [series, report] = imported(expected.file);
        QCOMPARE(std::string(sourceFormatName(report.format)), std::string(expected.format));
        QVERIFY(!report.reason.empty());
        QCOMPARE(report.rowsRead, expected.rows);
        QCOMPARE(series.presentCount(), expected.rows);
        QCOMPARE(report.intervalSeconds, expected.interval);
        QCOMPARE(report.firstTime, parseUtc(expected.first));
        QCOMPARE(report.lastTime, parseUtc(expected.last));
        QCOMPARE(report.gaps, expected.gaps);
        QCOMPARE(report.missingBars, expected.missing);
        compareBar(*series.bar(0), expected.firstBar);
        if (expected.lastBar[0] > 0.0)
            compareBar(*series.bar(series.size() - 1), expected.lastBar);
        QVERIFY(report.faults.empty());
        QCOMPARE(report.sources.front().sha256.size(), std::size_t{64});
    }

    void newestFirstIsTurnedAndSaid()
    {
        QCOMPARE(imported("formats/coinbase-rest-candles-BTC-USD.json").report.sources[0].order, std::string("newest-first"));
        QCOMPARE(imported("formats/okx-rest-candles.json").report.sources[0].order, std::string("newest-first"));
        QCOMPARE(imported("formats/deribit-rest-chart-data.json").report.sources[0].order, std::string("oldest-first"));
    }

    void theSourceIsNamedByItsHash()
    {
        const auto report = imported("formats/okx-rest-candles.json").report;
        QCOMPARE(report.sources[0].sha256, sha256Hex(readBytes(fixture("formats/okx-rest-candles.json"))));
        QCOMPARE(report.toJson()["sources"][0]["sha256"].get<std::string>(), report.sources[0].sha256);
    }

    void anEmptyReplyIsNamed()
    {
        const auto failure = failureOf([&] { imported("formats/bitfinex-rest-1m-empty.json"); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("holds 0 bars") && failure->says("empty JSON list"));
        // Beside others it is nothing.
        const std::vector<std::filesystem::path> both{fixture("formats/bitfinex-rest-1m-empty.json"),
                                                      fixture("formats/bitfinex-rest-1m-2018-06-01/18-06-01_00-00-00.json")};
        const auto result = importSeries(both);
        QCOMPARE(result.series.presentCount(), std::size_t{118});
        QCOMPARE(result.report.sources.size(), std::size_t{2});
    }

    void featherIsSentToItsConverter()
    {
        const auto failure = failureOf([&] { imported("formats/freqtrade-feather-BTC_USDT-5m.feather"); });
        QVERIFY(failure && failure->says("feather") && failure->says("tools/feather-to-csv.py"));
    }

    // Without a library of Arrow's: the rows and the period are those of the fixtures' README.
    void theFeatherConverter()
    {
        QTemporaryDir folder;
        const auto convert = [&](const QString& from) {
            QProcess python;
            python.start("python3", {QString(BTCAI_FIXTURES) + "/../../tools/feather-to-csv.py", from, folder.filePath("btcusdt.csv")});
            return python.waitForFinished() ? python.exitCode() : -1;
        };
        const auto feather = fixture("formats/freqtrade-feather-BTC_USDT-5m.feather");
        QCOMPARE(convert(QString::fromStdString(feather.string())), 0);
        const auto [series, report] = importSeries(std::filesystem::path(folder.filePath("btcusdt.csv").toStdString()));
        QCOMPARE(series.presentCount(), std::size_t{8727});
        QCOMPARE(report.timeUnit, std::string("ns"));
        QCOMPARE(report.firstTime, parseUtc("2025-09-06"));
        QCOMPARE(report.lastTime, parseUtc("2025-10-06T07:10"));
        QCOMPARE(report.missingBars, std::size_t{0});
        const std::string bytes = readBytes(feather);
        for (const std::size_t size : {std::size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
            const QString cut = folder.filePath("cut.feather");
            writeText(cut.toStdString(), bytes.substr(0, size));
            QCOMPARE(convert(cut), 2);
        }
    }

    void theFormatIsToldByTheContent()
    {
        const auto sniffed = sniffFormat(fixture("formats/kraken-ohlcvt-60-XBTUSD-head.csv.gz"));
        QVERIFY(sniffed.format == SourceFormat::KrakenOhlcvt);
        QVERIFY(sniffed.reason.find("7 columns") != std::string::npos);
    }

    // Made into bars by a separate program (python: dict by floor of the time).
    void trades_data()
    {
        QTest::addColumn<QString>("files");
        QTest::addColumn<int>("interval");
        QTest::addColumn<int>("trades");
        QTest::addColumn<int>("bars");
        QTest::addColumn<qint64>("busiest"); // the bar of the most volume
        QTest::addColumn<QVector<double>>("values");
        QTest::newRow("Kraken REST") << "trades/kraken-rest-trades-XBTUSDT.json.gz" << 300 << 1000 << 82 << qint64{1762815600}
                                     << QVector<double>{106060.0, 106060.0, 105993.6, 106037.4, 56.616243159999975};
        QTest::newRow("Kraken CSV, two files") << "trades/kraken-trades-csv-BCHEUR-q2.csv trades/kraken-trades-csv-BCHEUR.csv" << 3600 << 634 << 44
                                               << qint64{1672678800} << QVector<double>{93.72, 93.77, 93.62, 93.63, 244.80533647999977};
        QTest::newRow("ccxt") << "trades/ccxt-trades-ETHUSDT-1000.csv.gz" << 60 << 1000 << 4 << qint64{1675329720}
                              << QVector<double>{1667.27, 1667.28, 1666.21, 1666.73, 2249.228999999998};
        QTest::newRow("freqtrade") << "trades/freqtrade-trades-XRP_ETH.json.gz" << 300 << 12477 << 706 << qint64{1570770900}
                                   << QVector<double>{0.00141457, 0.00143901, 0.00141406, 0.00143069, 141472.0};
        // Ten trades of one second, contracts of 1 USD: coins are the sum of amount / price.
        QTest::newRow("tardis") << "trades/tardis-bitmex-trades-XBTUSD.csv" << 60 << 10 << 1 << qint64{1583020800} << QVector<double>{};
    }
    void trades()
    {
        QFETCH(QString, files);
        QFETCH(int, interval);
        QFETCH(int, trades);
        QFETCH(int, bars);
        QFETCH(qint64, busiest);
        QFETCH(QVector<double>, values);
        std::vector<std::filesystem::path> paths;
        for (const QString& name : files.split(' '))
            paths.push_back(fixture(name.toStdString()));
        const auto unstated = failureOf([&] { importSeries(paths); });
        QVERIFY(unstated && unstated->says("--interval"));
        const auto [series, report] = importSeries(paths, {.intervalSeconds = interval});
        QCOMPARE(report.rowsRead, static_cast<std::size_t>(trades));
        QCOMPARE(series.presentCount(), static_cast<std::size_t>(bars));
        const auto bar = series.bar(series.lowerBound(busiest));
        QVERIFY(bar && bar->timestamp == busiest);
        if (!values.isEmpty())
            compareBar(*bar, {values[0], values[1], values[2], values[3], values[4]});
    }

    void contractsOfADollarBecomeCoins()
    {
        const auto series = imported("trades/tardis-bitmex-trades-XBTUSD.csv", {.intervalSeconds = 60}).series;
        double coins = 0.0;
        std::istringstream lines(readBytes(fixture("trades/tardis-bitmex-trades-XBTUSD.csv")));
        std::string line;
        std::getline(lines, line);
        while (std::getline(lines, line)) {
            const auto fields = QString::fromStdString(line).trimmed().split(',');
            coins += fields[7].toDouble() / fields[6].toDouble();
        }
        QVERIFY(coins > 0.0 && std::abs(series.bar(0)->volume / coins - 1.0) < 1e-12);
    }

    void funding()
    {
        std::filesystem::path path = fixture("funding/btcusdt-perp-8h-funding.csv.gz");
        const auto [series, report] = importFunding(std::span(&path, 1));
        QCOMPARE(series.size(), std::size_t{2151});
        QCOMPARE(series.rates()[0].timestamp, parseUtc("2023-12-01"));
        QCOMPARE(series.rates()[3].rate, 9.95e-05);
        QCOMPARE(series.rates()[2150].timestamp, parseUtc("2025-11-16T16:00"));
        for (const FundingRate& rate : series.rates())
            QVERIFY(rate.timestamp % 28800 == 0);
        QVERIFY(!report.notes.empty() && report.notes[0].starts_with("577 stamps") && report.notes[0].find("16 ms") != std::string::npos);

        path = fixture("funding/freqtrade-json-BTC_USDT_USDT-8h-funding_rate.json");
        const auto freqtrade = importFunding(std::span(&path, 1));
        QCOMPARE(freqtrade.series.size(), std::size_t{115});
        QCOMPARE(freqtrade.series.rates()[0].rate, -0.00000231);
        QCOMPARE(freqtrade.series.rates()[1].timestamp, parseUtc("2025-09-19T08:00"));
        QCOMPARE(freqtrade.report.lastTime, parseUtc("2025-10-27"));

        path = fixture("funding/lean-binance-coinm-BTCUSD-funding.csv");
        const auto lean = importFunding(std::span(&path, 1));
        QCOMPARE(lean.series.size(), std::size_t{12});
        QCOMPARE(lean.series.rates()[0].rate, 0.0002003);
        QCOMPARE(lean.report.firstTime, parseUtc("2020-12-29"));
        QCOMPARE(lean.series.rates()[11].rate, -0.00002983);
        QCOMPARE(lean.report.lastTime, parseUtc("2022-12-13T16:00"));
        QVERIFY(contentOf(std::span(&path, 1)) == Content::Funding);

        auto failure = failureOf([&] { importSeries(path); });
        QVERIFY(failure && failure->says("holds funding rates, not bars"));
        path = fixture("formats/okx-rest-candles.json");
        failure = failureOf([&] { importFunding(std::span(&path, 1)); });
        QVERIFY(failure && failure->says("holds bars, not funding rates"));
    }
};

QTEST_APPLESS_MAIN(TestImportFormats)
#include "tst_import_formats.moc"
