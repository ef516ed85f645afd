#include "HistoryTest.h"

using namespace btcai;
using namespace btcai::test;

class TestHistoryStore : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_log = std::make_unique<LogSession>(LogOptions{.consoleLevel = LogLevel::Off});
        // The range holds real gaps, or the tests below would show less than they say.
        QVERIFY(realBars(kFrom, kTo).size() < static_cast<std::size_t>((kTo - kFrom) / kStep));
    }

    void theStoreIsVerifiedAndExtended()
    {
        Bench bench(Exchange::Coinbase);
        const std::vector<Bar> known = realBars(kFrom - 50 * kStep, kMiddle);
        bench.storeBars(known);
        const DownloadReport report = bench.download(kFrom, kTo);
        QVERIFY(sameBars(bench.stored(), realBars(kFrom - 50 * kStep, kTo)));
        QCOMPARE(report.verifiedBars, realBars(kFrom, kMiddle).size());
        QCOMPARE(report.newBars, realBars(kMiddle, kTo).size());
        const auto before = filesOf(bench.data());
        const DownloadReport again = bench.download(kFrom, kTo);
        QCOMPARE(again.newBars, std::size_t{0});
        QVERIFY(filesOf(bench.data()) == before);
    }

    void aBarThatDisagreesIsNamed()
    {
        for (const std::int64_t time : {kFrom + 5 * kStep, kTo - 5 * kStep}) { // on the first page and on the last
            Bench bench(Exchange::Coinbase);
            std::vector<Bar> known = realBars(kFrom, kTo);
            barOf(known, time)->close *= 1.0 + 1e-6;
            bench.storeBars(known);
            const auto before = filesOf(bench.data());
            const auto failure = bench.failure(kFrom, kTo);
            QVERIFY(failure && failure->fault == RemoteFault::StoreDisagrees);
            QVERIFY2(failure->says(formatUtc(time)), failure->message.c_str());
            QVERIFY(filesOf(bench.data()) == before); // what was kept aside is gone too
        }
    }

    void roundedDecimalsAgreeAndTheStoreKeepsItsOwn()
    {
        Bench bench(Exchange::Binance);
        std::vector<Bar> known = realBars(kFrom, kMiddle);
        known[7].volume *= 1.0 + 1e-12;
        bench.storeBars(known);
        bench.download(kFrom, kTo);
        QCOMPARE(bench.stored()[7].volume, known[7].volume);
    }

    void barsThatOnlyTheStoreHasStay()
    {
        Bench bench(Exchange::Binance);
        bench.storeBars(realBars(kFrom, kMiddle));
        bench.server.tamperCandles = [](int, std::vector<Bar>& bars) {
            std::erase_if(bars, [](const Bar& bar) { return bar.timestamp == kFrom + 3 * kStep; });
        };
        const DownloadReport report = bench.download(kFrom, kTo);
        QCOMPARE(report.storeOnlyBars, std::size_t{1});
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kTo)));
    }

    // Another series of the store stays beside the one that comes, which says where it came from.
    void otherSeriesOfTheStoreStay()
    {
        Bench bench(Exchange::Binance);
        BarStore::write(BarSeries::fromBars("ETHUSD", kStep, realBars(kFrom, kMiddle)), bench.store());
        QCOMPARE(bench.download(kFrom, kTo).newBars, realBars(kFrom, kTo).size());
        QVERIFY(sameBars(barsOf(BarStore::read(bench.store(), SeriesId::bars("ETHUSD", kStep))), realBars(kFrom, kMiddle)));
        const auto list = BarStore::list(bench.store());
        QCOMPARE(list.size(), std::size_t{2});
        for (const StoredSeries& stored : list)
            if (stored.id.instrument != "ETHUSD") {
                QVERIFY(sameBars(barsOf(BarStore::read(bench.store(), stored.id)), realBars(kFrom, kTo)));
                QCOMPARE(stored.provenance.size(), std::size_t{1});
                QVERIFY(stored.provenance[0].options["exchange"] == "binance" && stored.provenance[0].files[0].name.starts_with("https://127.0.0.1"));
            }
    }

    void whatIsNoStoreIsRefused()
    {
        Bench bench(Exchange::Binance);
        writeBytes(bench.store(), "no store");
        QVERIFY(bench.failure(kFrom, kTo));
        QVERIFY(filesOf(bench.data()).at("btc.h5") == "no store");
    }

    // Going on

    void aStopBetweenPagesGoesOnAfterThem_data() { eachExchange(); }
    void aStopBetweenPagesGoesOnAfterThem()
    {
        QFETCH(Exchange, exchange);
        const bool hasPages = exchange != Exchange::Kraken; // one reply holds all there is
        const std::int64_t from = hasPages ? parseUtc("2018-05-03") : kFrom;
        const std::int64_t to = hasPages ? parseUtc("2018-05-20") : kTo;
        Bench bench(exchange);
        bench.storeBars(realBars(from - 30 * kStep, from));
        const auto before = filesOf(bench.data());
        const StopToken stop;
        std::size_t pages = 0;
        const auto failure = remoteFailureOf([&] {
            bench.download(from, to, stop, [&](const DownloadProgress&) {
                if (++pages == 2 || !hasPages)
                    stop.requestStop();
            });
        });
        QVERIFY(failure && failure->kind == ErrorKind::Cancelled);
        QVERIFY(filesOf(bench.data()).at("btc.h5") == before.at("btc.h5"));
        QVERIFY(filesOf(bench.data()).size() > before.size()); // pages aside

        const std::size_t asked = bench.requests();
        const DownloadReport report = bench.download(from, to);
        QCOMPARE(report.resumedPages, pages);
        QVERIFY(sameBars(bench.stored(), realBars(from - 30 * kStep, to)));
        QCOMPARE(filesOf(bench.data()).size(), std::size_t{1});
        // Nothing that was there is asked again.
        for (std::size_t i = asked; i < bench.requests() && hasPages; ++i) {
            const HttpRequest& request = bench.server.server.requests[static_cast<qsizetype>(i)];
            const qint64 start = exchange == Exchange::Binance    ? request.number("startTime") / 1000
                                 : exchange == Exchange::Coinbase ? parseUtc(request.value("start").toStdString())
                                                                  : request.number("start");
            QVERIFY(start >= from + static_cast<std::int64_t>(pages * (exchange == Exchange::Coinbase ? 300 : 1000)) * kStep);
        }
        if (!hasPages)
            QCOMPARE(bench.requests(), asked);
    }

    void afterAFaultTheDownloadGoesOn()
    {
        Bench bench(Exchange::Binance);
        const std::int64_t from = parseUtc("2018-05-03");
        const std::int64_t to = parseUtc("2018-05-20");
        bench.options.maxTries = 2;
        bench.server.tamperAnswer = [](int number, HttpAnswer& answer) {
            if (number > 4)
                answer = {.status = 500};
        };
        const auto failure = bench.failure(from, to);
        QVERIFY(failure && failure->fault == RemoteFault::ServerError);
        QVERIFY(!std::filesystem::exists(bench.store()));
        bench.server.tamperAnswer = {};
        QVERIFY(bench.download(from, to).resumedPages >= 1);
        QVERIFY(sameBars(bench.stored(), realBars(from, to)));
    }

    void damagedPagesAreFetchedAgain()
    {
        Bench bench(Exchange::Binance);
        const std::int64_t from = parseUtc("2018-05-03");
        const std::int64_t to = parseUtc("2018-05-20");
        const StopToken stop;
        QVERIFY(remoteFailureOf([&] {
            bench.download(from, to, stop, [&](const DownloadProgress& progress) {
                if (progress.coveredSeconds >= 3000 * kStep)
                    stop.requestStop();
            });
        }));
        int damaged = 0;
        for (const auto& [name, bytes] : filesOf(bench.data()))
            if (name.ends_with(".h5") && ++damaged <= 2) // one cut short, one with a flipped bit
                writeBytes(bench.data() / name, damaged == 1 ? QByteArray::fromStdString(bytes.substr(0, bytes.size() / 2))
                                                             : QByteArray::fromStdString(bytes).replace(700, 1, "!"));
        QVERIFY(damaged >= 3);
        QCOMPARE(bench.download(from, to).resumedPages, std::size_t{1});
        QVERIFY(sameBars(bench.stored(), realBars(from, to)));
    }

    void whatIsAsideBelongsToOneDownload()
    {
        Bench bench(Exchange::Coinbase);
        const StopToken stop;
        QVERIFY(remoteFailureOf([&] { bench.download(kFrom, kTo, stop, [&](const DownloadProgress&) { stop.requestStop(); }); }));
        DownloadRequest request = bench.request(kFrom, kTo);
        request.symbol = "ETH-USD";
        const auto before = filesOf(bench.data());
        const auto failure = remoteFailureOf([&] {
            HistoryDownloader(bench.config, bench.options, {bench.clock, bench.delays}).run(request);
        });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("btc.h5.download"));
        QVERIFY(filesOf(bench.data()) == before);
    }

    void twoDownloadsIntoOneStore()
    {
        Bench bench(Exchange::Coinbase);
        std::optional<RemoteFailure> second;
        bench.download(kFrom, kTo, {}, [&](const DownloadProgress&) {
            if (!second)
                second = bench.failure(kFrom, kTo);
        });
        QVERIFY(second && second->kind == ErrorKind::Io && second->says("another download"));
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kTo)));
    }

private:
    std::unique_ptr<LogSession> m_log;
};

QTEST_GUILESS_MAIN(TestHistoryStore)
#include "tst_history_store.moc"
