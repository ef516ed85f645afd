#include <QtTest>

#include "DataTestSupport.h"
#include "data/bars/BarStore.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

const std::string kHeader = "timestamp,open,high,low,close,volume\n";

std::string row(std::int64_t time, double close, double volume = 5.0)
{
    return fmt::format("{},10,20,5,{},{}\n", time, close, volume);
}

} // namespace

class TestImportDecisions : public QObject {
    Q_OBJECT

private slots:
    void equalDuplicatesAreCounted()
    {
        const auto [series, report] = importSeries(file("a.csv", kHeader + row(300, 11) + row(600, 12) + row(600, 12) + row(900, 13)));
        QCOMPARE(series.presentCount(), std::size_t{3});
        QCOMPARE(report.rowsRead, std::size_t{4});
        QCOMPARE(report.faults.size(), std::size_t{1});
        QVERIFY(report.faults[0].kind == FaultKind::DuplicateEqual && report.faults[0].count == 1 && report.faults[0].row == 4);
        QVERIFY(report.notes.back().find("duplicate-equal") != std::string::npos);
    }

    void conflictingDuplicates()
    {
        const auto path = file("a.csv", kHeader + row(300, 11) + row(600, 12) + row(600, 13) + row(900, 14) + row(900, 15));
        const auto failure = failureOf([&] { importSeries(path); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        for (const char* part : {"a.csv: line 4: ", "1970-01-01T00:10:00Z", "close 13", "close 12", "line 3", "2 such", "duplicate-conflicting", "--on-conflict"})
            QVERIFY2(failure->says(part), failure->message.c_str());
        const auto closeOf = [&](OnConflict rule, std::int64_t time) {
            const auto series = importSeries(path, {.onConflict = rule}).series;
            const auto bar = series.lowerBound(time) < series.size() ? series.bar(series.lowerBound(time)) : std::nullopt;
            return bar ? bar->close : 0.0;
        };
        QCOMPARE(closeOf(OnConflict::KeepFirst, 600), 12.0);
        QCOMPARE(closeOf(OnConflict::KeepLast, 600), 13.0);
        QCOMPARE(closeOf(OnConflict::KeepLast, 900), 15.0);
        const auto dropped = importSeries(path, {.intervalSeconds = 300, .onConflict = OnConflict::Drop});
        QCOMPARE(dropped.series.presentCount(), std::size_t{1});
        QCOMPARE(dropped.report.conflicts.size(), std::size_t{2});
        QCOMPARE(dropped.report.conflicts[0].time, std::int64_t{600});
        QCOMPARE(dropped.report.options["on-conflict"].get<std::string>(), std::string("drop"));
    }

    // In a file that runs backwards the first row of a time is still the one that stands first.
    void firstAndLastGoByTheFile()
    {
        const auto path = file("a.csv", kHeader + row(1200, 14) + row(900, 13) + row(600, 12) + row(600, 99) + row(300, 11));
        QCOMPARE(importSeries(path, {.onConflict = OnConflict::KeepFirst}).series.bar(1)->close, 12.0);
        QCOMPARE(importSeries(path, {.onConflict = OnConflict::KeepLast}).series.bar(1)->close, 99.0);
    }

    void disorder()
    {
        const auto path = file("a.csv", kHeader + row(300, 11) + row(900, 13) + row(600, 12) + row(1200, 14));
        const auto failure = failureOf([&] { importSeries(path); });
        QVERIFY(failure && failure->says("a.csv: line 4: ") && failure->says("1 rows are out of order") && failure->says("--on-disorder"));
        const auto [series, report] = importSeries(path, {.onDisorder = OnDisorder::Sort});
        QCOMPARE(series.size(), std::size_t{4});
        QCOMPARE(series.bar(1)->close, 12.0);
        QVERIFY(report.faults[0].kind == FaultKind::Disorder && report.faults[0].row == 4);
        QVERIFY(report.notes.back().find("disorder") != std::string::npos);
    }

    void offGrid()
    {
        const auto path = file("a.csv", kHeader + row(300, 11) + row(600, 12) + row(907, 13) + row(1200, 14) + row(1500, 15));
        const auto failure = failureOf([&] { importSeries(path); });
        QVERIFY(failure && failure->says("a.csv: line 4: ") && failure->says("1970-01-01T00:15:07Z") && failure->says("--off-grid"));
        QCOMPARE(importSeries(path, {.onOffGrid = OnOffGrid::Drop}).series.presentCount(), std::size_t{4});
        const auto floored = importSeries(path, {.onOffGrid = OnOffGrid::Floor}).series;
        QCOMPARE(floored.presentCount(), std::size_t{5});
        QCOMPARE(floored.bar(2)->close, 13.0);
    }

    // 60 bars a minute apart, then 55 that are five minutes apart; in one file or in two, and whichever are more.
    void mixedIntervals()
    {
        std::string minutes, fives;
        for (int i = 0; i < 60; ++i)
            minutes += row(6000 + 60 * i, 10 + i % 7);
        for (int i = 0; i < 55; ++i)
            fives += row(9600 + 300 * i, 20 + i % 7);
        const auto apart = file("m5.csv", kHeader + fives), both = file("both.csv", kHeader + minutes + fives);
        auto failure = failureOf([&] { importSeries(both); });
        QVERIFY2(failure && failure->says("both.csv: line 62: ") && failure->says("from 1970-01-01T02:40:00Z on rows are 300 s apart") && failure->says("60 s long")
                     && failure->says("55 such in all (mixed-intervals)") && failure->says("--resample"),
                 failure ? failure->message.c_str() : "");
        const std::vector<std::filesystem::path> two{file("m1.csv", kHeader + minutes), apart};
        failure = failureOf([&] { importSeries(two); });
        QVERIFY2(failure && failure->says("m5.csv: line 2: ") && failure->says("mixed-intervals"), failure ? failure->message.c_str() : "");
        QCOMPARE(importSeries(both, {.intervalSeconds = 60}).series.presentCount(), std::size_t{115});
        // 40 gaps of one length are gaps.
        const auto gaps = file("gaps.csv", kHeader + minutes + fives.substr(0, fives.size() / 55 * 40));
        QVERIFY(!failureOf([&] { importSeries(gaps); }));
    }

    void swappedVolumes()
    {
        const std::string header = "unix,date,symbol,open,high,low,close,volume,Volume USD\n";
        const auto line = [](std::int64_t t, const char* volumes) { return fmt::format("{},x,BTC/USD,100,110,90,100,{}\n", t, volumes); };
        const auto path = file("a.csv", header + line(3600, "5,500") + line(7200, "600,6") + line(10800, "7,700"));
        const auto failure = failureOf([&] { importSeries(path); });
        QVERIFY(failure && failure->says("a.csv: line 3: ") && failure->says("swapped-volume-columns") && failure->says("--swapped-volume"));
        QCOMPARE(importSeries(path, {.onSwappedVolume = OnSwappedVolume::Keep}).series.bar(1)->volume, 600.0);
        const auto swapped = importSeries(path, {.onSwappedVolume = OnSwappedVolume::Swap}).series;
        QCOMPARE(swapped.bar(0)->volume, 5.0);
        QCOMPARE(swapped.bar(1)->volume, 6.0);
    }

    void repeatsAndRowsWithoutTrade()
    {
        const std::string header = "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n";
        const auto path = file("a.csv", header + "1325317920,4,4,4,4,2,8,4\n1325317980,4,4,4,4,2,8,4\n1325318040,NaN,NaN,NaN,NaN,NaN,NaN,NaN\n"
                                                 "1325318100,4,5,4,5,1,4.5,4.5\n");
        const auto [series, report] = importSeries(path);
        QCOMPARE(series.size(), std::size_t{4});
        QVERIFY(series.present(1) && !series.present(2) && series.present(3));
        QCOMPARE(report.sources[0].rowsWithoutTrade, std::size_t{1});
        QVERIFY(report.notes[0].starts_with("1 rows repeat"));
        QVERIFY(!importSeries(path, {.onRepeats = OnRepeats::Drop}).series.present(1));
        // Elsewhere a row without prices is a fault, unless told otherwise.
        const auto plain = file("b.csv", kHeader + row(300, 11) + "600,,,,,\n" + row(900, 13));
        const auto failure = failureOf([&] { importSeries(plain); });
        QVERIFY(failure && failure->says("b.csv: line 3: open is empty"));
        QCOMPARE(importSeries(plain, {.intervalSeconds = 300, .onEmpty = OnEmpty::Drop}).report.missingBars, std::size_t{1});
    }

    void stampsThatMarkTheClose()
    {
        const std::string bars = kHeader + row(600, 11) + row(900, 12);
        const auto open = importSeries(file("a.csv", bars)).series;
        const auto close = importSeries(file("a.csv", bars), {.stampsMarkClose = true}).series;
        QCOMPARE(open.startTime(), std::int64_t{600});
        QCOMPARE(close.startTime(), std::int64_t{300});
        // The last millisecond of a bar, under a header that says so.
        const auto millis = file("b.csv", "close_time,open,high,low,close,volume\n1700000099999,10,20,5,11,1\n1700000399999,10,20,5,12,1\n");
        QCOMPARE(importSeries(millis).series.startTime(), std::int64_t{1699999800});
    }

    void filesMerge()
    {
        const auto early = file("early.csv", kHeader + row(300, 11) + row(600, 12) + row(900, 13));
        const auto late = file("late.csv", kHeader + row(900, 13) + row(1200, 14));
        const std::vector<std::filesystem::path> inputs{late, early}; // in any order
        const auto [series, report] = importSeries(inputs);
        QCOMPARE(series.presentCount(), std::size_t{4});
        QCOMPARE(series.startTime(), std::int64_t{300});
        QCOMPARE(report.rowsRead, std::size_t{5});
        QVERIFY(report.faults.size() == 1 && report.faults[0].kind == FaultKind::OverlapEqual);
        QCOMPARE(report.sources.size(), std::size_t{2});
        // Into a stored series too.
        const std::filesystem::path stored = file.path("bars.h5");
        BarStore::write(series, stored);
        const std::vector<std::filesystem::path> more{stored, file("more.csv", kHeader + row(1200, 14) + row(1500, 15) + row(1800, 16))};
        QCOMPARE(importSeries(more).series.presentCount(), std::size_t{6});
    }

    // FILE#INSTRUMENT/SECONDS names one series of a store that holds several, for bars and for funding.
    void aStoredSeriesIsNamed()
    {
        const std::string store = file.path("several.h5").string();
        BarStore::append(BarSeries::fromBars("BTC", 300, std::vector<Bar>{{300, 10, 20, 5, 11, 5}}), store, {});
        BarStore::append(BarSeries::fromBars("ETH", 300, std::vector<Bar>{{300, 10, 20, 5, 12, 5}}), store, {});
        BarStore::append(BarSeries::fromBars("ETH", 600, std::vector<Bar>{{600, 10, 20, 5, 13, 5}}), store, {});
        BarStore::append(FundingSeries("ETH", {{28800, 0.001}}), store, {});

        QCOMPARE(loadSeries(store + "#BTC").bar(0)->close, 11.0);
        QCOMPARE(loadSeries(store + "#ETH/600").bar(0)->close, 13.0);
        QCOMPARE(loadSeries(store, {.instrument = "ETH", .intervalSeconds = 300}).bar(0)->close, 12.0);
        const auto fundingOf = [](const std::string& name) { return importFunding(std::vector<std::filesystem::path>{name}).series; };
        QCOMPARE(fundingOf(store).rates()[0].rate, 0.001); // the only one
        QCOMPARE(fundingOf(store + "#ETH").rates()[0].rate, 0.001);

        for (const char* which : {"", "#ETH", "#DOGE", "#BTC/600"}) {
            const auto failure = failureOf([&] { loadSeries(store + which); });
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says("holds BTC 300 s, ETH 300 s, ETH 600 s, ETH funding"), which);
        }
        QVERIFY(failureOf([&] { fundingOf(store + "#BTC"); })->says("ETH funding"));
        for (const char* which : {"#", "#/300", "#ETH/", "#ETH/5m", "#ETH/-300"})
            QVERIFY2(failureOf([&] { loadSeries(store + which); })->says("after # must stand INSTRUMENT or INSTRUMENT/SECONDS"), which);
        // A file whose own name has the mark is that file.
        QCOMPARE(loadSeries(file("odd#BTC", kHeader + row(300, 14) + row(600, 15))).bar(0)->close, 14.0);
    }

    void filesThatDisagree()
    {
        const auto one = file("one.csv", kHeader + row(300, 11) + row(600, 12) + row(900, 13));
        const auto two = file("two.csv", kHeader + row(600, 12) + row(900, 99) + row(1200, 14));
        const std::vector<std::filesystem::path> inputs{one, two};
        const auto failure = failureOf([&] { importSeries(inputs); });
        QVERIFY(failure);
        for (const char* part : {"two.csv: line 3: ", "1970-01-01T00:15:00Z", "close 99", "close 13", "one.csv: line 4", "overlap-conflicting"})
            QVERIFY2(failure->says(part), failure->message.c_str());
        QCOMPARE(importSeries(inputs, {.onConflict = OnConflict::KeepFirst}).series.bar(2)->close, 13.0);
        QCOMPARE(importSeries(inputs, {.onConflict = OnConflict::KeepLast}).series.bar(2)->close, 99.0);
        const auto dropped = importSeries(inputs, {.onConflict = OnConflict::Drop});
        QVERIFY(!dropped.series.present(2));
        QVERIFY(dropped.report.conflicts.size() == 1 && dropped.report.conflicts[0].time == 900);
        QVERIFY(dropped.report.conflicts[0].second.find("two.csv: line 3") != std::string::npos);
    }

    void whatDoesNotGoTogether()
    {
        const auto bars = file("bars.csv", kHeader + row(1700000100, 11) + row(1700000400, 12));
        const auto trades = file("trades.csv", "1700000000,100,1\n1700000001,101,2\n");
        const auto failure = failureOf([&] { importSeries(std::vector<std::filesystem::path>{bars, trades}, {.intervalSeconds = 300}); });
        QVERIFY(failure && failure->says("trades.csv: holds trades where") && failure->says("bars.csv"));
        const auto again = file("again.csv", "1700000000,100,1\n1700000005,101,2\n");
        const auto overlap = failureOf([&] { importSeries(std::vector<std::filesystem::path>{trades, again}, {.intervalSeconds = 60}); });
        QVERIFY(overlap && overlap->says("again.csv: its trades begin at"));
    }

    void mappedColumns()
    {
        const auto ochl = file("a.txt", "1700000100,1,2,3,0.5,7\n1700000400,2,2,3,1,8\n");
        const auto series = importSeries(ochl, {.columns = "time=0,open=1,close=2,high=3,low=4,volume=5", .timeUnit = TimeUnit::Seconds}).series;
        QCOMPARE(series.bar(0)->close, 2.0);
        QCOMPARE(series.bar(0)->high, 3.0);
        QCOMPARE(series.bar(0)->low, 0.5);
        QCOMPARE(series.bar(1)->volume, 8.0);
        // By names, below a line that is none.
        const auto named = file("b.csv", "exported today\nDay,Erster,Hoch,Tief,Letzter\n2020-01-01,1,3,1,2\n2020-01-02,2,4,2,3\n");
        const auto daily = importSeries(named, {.columns = "time=day,open=Erster,high=hoch,low=TIEF,close=Letzter"});
        QCOMPARE(daily.report.intervalSeconds, std::int64_t{86400});
        QCOMPARE(daily.series.bar(1)->high, 4.0);
        // JSON lists by place.
        const auto json = file("c.json", "[[9,1700000100,1,3,0.5,2],[9,1700000400,2,3,1,2]]");
        QCOMPARE(importSeries(json, {.columns = "time=1,open=2,high=3,low=4,close=5"}).series.bar(0)->low, 0.5);
    }

    void badMappingsAreNamed_data()
    {
        QTest::addColumn<QString>("columns");
        QTest::addColumn<QString>("says");
        QTest::newRow("unknown field") << "time=0,opn=1" << "\"opn\" is no known field";
        QTest::newRow("no equals sign") << "time" << "no known field";
        QTest::newRow("twice") << "time=0,time=1" << "time is given twice";
        QTest::newRow("incomplete") << "time=0,open=1" << "bars need time, open, high, low and close";
        QTest::newRow("beyond the table") << "time=0,open=1,high=2,low=3,close=9" << "there is no column 9";
        QTest::newRow("name not there") << "time=0,open=1,high=2,low=3,close=last" << "\"last\"";
        QTest::newRow("far beyond") << "time=0,open=1,high=2,low=3,close=99999" << "beyond the 128 columns";
    }
    void badMappingsAreNamed()
    {
        QFETCH(QString, columns);
        QFETCH(QString, says);
        const auto path = file("a.csv", kHeader + row(300, 11) + row(600, 12));
        const auto failure = failureOf([&] { importSeries(path, {.columns = columns.toStdString()}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->says(says.toStdString()), failure->message.c_str());
    }

    // Flat rows fit every order of columns.
    void ambiguousTablesAreRefused()
    {
        for (const char* text : {"1700000100,1,1,1,1,7\n1700000400,2,2,2,2,8\n", "[[1700000100,1,1,1,1,7],[1700000400,2,2,2,2,8]]"}) {
            const auto path = file("a.csv", text);
            const auto failure = failureOf([&] { importSeries(path); });
            QVERIFY2(failure && failure->says("more than one order") && failure->says("--columns"), text);
            QCOMPARE(importSeries(path, {.columns = "time=0,open=1,high=2,low=3,close=4,volume=5"}).series.size(), std::size_t{2});
        }
    }

    void headerlessOrdersAreTold()
    {
        QVERIFY(importSeries(file("a.csv", "1700000100,1,3,0.5,2,7\n1700000400,2,3,1,2,8\n")).report.format == SourceFormat::HeaderlessCsv);
        QVERIFY(importSeries(file("a.csv", "1700000100,1,2,3,0.5,7\n1700000400,2,2,3,1,8\n")).report.format == SourceFormat::BitfinexCsv);
        QVERIFY(importSeries(file("a.json", "[[1700000400,0.5,3,1,2,7],[1700000100,1,3,2,2,8]]")).report.format == SourceFormat::CoinbaseReply);
    }

    void oneOfSeveralAssets()
    {
        const auto path = file("a.csv", ",BTC:open,BTC:high,BTC:low,BTC:close,BTC:volume,ETH:open,ETH:high,ETH:low,ETH:close,ETH:volume\n"
                                        "2018-01-01,1,3,1,2,5,,,,,\n2018-01-02,2,4,2,3,6,7,9,6,8,10\n2018-01-03,2,4,2,3,6,8,9,6,8,11\n");
        auto failure = failureOf([&] { importSeries(path); });
        QVERIFY(failure && failure->says("BTC, ETH") && failure->says("--asset"));
        QCOMPARE(importSeries(path, {.asset = "btc"}).series.size(), std::size_t{3});
        failure = failureOf([&] { importSeries(path, {.asset = "ETH"}); });
        QVERIFY(failure && failure->says("a.csv: line 2: open is empty"));
        const auto eth = importSeries(path, {.asset = "ETH", .onEmpty = OnEmpty::Drop}).series;
        QCOMPARE(eth.size(), std::size_t{2});
        QCOMPARE(eth.bar(0)->volume, 10.0);
        failure = failureOf([&] { importSeries(path, {.asset = "XRP"}); });
        QVERIFY(failure && failure->says("XRP"));
    }

    void badElementsOfRepliesAreNamed()
    {
        const auto path = file("reply.json", R"({"candles":[{"start":"1712192400","low":"1","high":"3","open":"2","close":"2","volume":"1"},
            {"start":"1712188800","low":"1","high":"oops","open":"2","close":"2","volume":"1"}]})");
        const auto failure = failureOf([&] { importSeries(path); });
        QVERIFY2(failure && failure->says("reply.json: element 2: high is \"oops\", not a number"), failure ? failure->message.c_str() : "");
    }

    void zipsOfSeveralAndBrokenZips()
    {
        const std::string zip = readBytes(fixture("formats/lean-coinbase-minute-btcusd-20170903_trade.zip"));
        const auto broken = file("20170903_trade.zip", zip.substr(0, zip.size() / 2));
        const auto failure = failureOf([&] { importSeries(broken); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("20170903_trade.zip"));
    }

    // The day of Lean's bars comes from the name; without one nothing can be told.
    void leanNeedsItsName()
    {
        const std::string bars = "0,10,20,5,11,1\n60000,10,20,5,12,1\n";
        QCOMPARE(importSeries(file("20180404_btcusd_minute_trade.csv", bars)).series.startTime(), std::int64_t{1522800000});
        const auto failure = failureOf([&] { importSeries(file("bars.csv", bars)); });
        QVERIFY(failure && failure->says("is not a data set"));
    }

private:
    ScratchFolder file;
};

QTEST_APPLESS_MAIN(TestImportDecisions)
#include "tst_import_decisions.moc"
