#include "HistoryTest.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Tamper = std::function<void(HttpAnswer&)>;

/// What a bad network or server does to an answer, and the name it must get when it never stops.
struct NetworkFault {
    const char* name;
    RemoteFault fault;
    Tamper tamper;
};

const std::vector<NetworkFault>& networkFaults()
{
    static const std::vector<NetworkFault> all = {
        {"429", RemoteFault::RateLimited,
         [](HttpAnswer& a) {
             a = {.status = 429, .headers = {"Retry-After: 17"}, .body = R"({"code":-1003,"msg":"Too many requests."})"};
         }},
        {"418", RemoteFault::Banned, [](HttpAnswer& a) { a = {.status = 418, .headers = {"Retry-After: 120"}, .body = "{}"}; }},
        {"500", RemoteFault::ServerError, [](HttpAnswer& a) { a = {.status = 500, .body = ""}; }},
        {"503 with a page", RemoteFault::ServerError,
         [](HttpAnswer& a) { a = {.status = 503, .contentType = "text/html", .body = "<html>down</html>"}; }},
        {"504", RemoteFault::ServerError, [](HttpAnswer& a) { a = {.status = 504, .body = "{}"}; }},
        {"cut body", RemoteFault::CutBody, [](HttpAnswer& a) { a.cutAfter = a.body.size() / 2; }},
        {"cut body without a length", RemoteFault::BadReply,
         [](HttpAnswer& a) {
             a.withoutLength = true;
             a.cutAfter = a.body.size() / 2;
         }},
        {"dead socket", RemoteFault::Connection, [](HttpAnswer& a) { a.hangUp = true; }},
        {"no answer", RemoteFault::Timeout, [](HttpAnswer& a) { a.silent = true; }},
        {"HTML with status 200", RemoteFault::WrongContentType,
         [](HttpAnswer& a) { a = {.contentType = "text/html; charset=utf-8", .body = "<html><body>Maintenance</body></html>"}; }},
        {"not JSON", RemoteFault::BadReply, [](HttpAnswer& a) { a.body = "[[1,2,"; }},
        {"other JSON", RemoteFault::BadReply, [](HttpAnswer& a) { a.body = R"({"error":[],"result":{"hello":"world"}})"; }},
        {"empty body", RemoteFault::BadReply, [](HttpAnswer& a) { a.body = ""; }},
    };
    return all;
}

void eachExchangeAndNetworkFault()
{
    QTest::addColumn<Exchange>("exchange");
    QTest::addColumn<int>("index");
    for (const Exchange exchange : kAll)
        for (std::size_t i = 0; i < networkFaults().size(); ++i)
            QTest::addRow("%s: %s", exchangeName(exchange).data(), networkFaults()[i].name) << exchange << static_cast<int>(i);
}

} // namespace

class TestHistoryDownloader : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_log = std::make_unique<LogSession>(LogOptions{.consoleLevel = LogLevel::Off});
        // The range holds real gaps, or the tests below would show less than they say.
        QVERIFY(realBars(kFrom, kTo).size() < static_cast<std::size_t>((kTo - kFrom) / kStep));
    }

    // Exactly the right bars

    void exactlyTheBars_data() { eachExchange(); }
    void exactlyTheBars()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange);
        const DownloadReport report = bench.download(kFrom, kTo);
        const std::vector<Bar> expected = realBars(kFrom, kTo);
        QVERIFY(sameBars(bench.stored(), expected));
        QCOMPARE(report.bars, expected.size());
        QCOMPARE(report.newBars, expected.size());
        QCOMPARE(report.missingBars, static_cast<std::size_t>((kTo - kFrom) / kStep) - expected.size());
        QCOMPARE(report.counts.retries, std::size_t{0});
        QCOMPARE(BarStore::read(bench.store()).instrument(), std::string("BTCUSD"));
        QCOMPARE(filesOf(bench.data()).size(), std::size_t{1}); // nothing is left beside the store
    }

    void manyPages()
    {
        const std::int64_t from = parseUtc("2018-05-03T00:05");
        const std::int64_t to = parseUtc("2018-05-20T17:35");
        for (const Exchange exchange : {Exchange::Binance, Exchange::Coinbase, Exchange::Bitstamp}) {
            Bench bench(exchange);
            std::size_t calls = 0;
            DownloadProgress last;
            bench.download(from, to, {}, [&](const DownloadProgress& progress) {
                QVERIFY(progress.coveredSeconds > last.coveredSeconds && progress.bars >= last.bars);
                last = progress;
                ++calls;
            });
            QVERIFY(sameBars(bench.stored(), realBars(from, to)));
            const std::size_t perPage = exchange == Exchange::Coinbase ? 300 : 1000;
            QCOMPARE(calls, ((to - from) / kStep + perPage - 1) / perPage);
            QCOMPARE(last.coveredSeconds, to - from);
            QCOMPARE(last.remainingSeconds, 0.0);
        }
    }

    void theEndsOfTheRangeGoToTheGrid()
    {
        Bench bench(Exchange::Binance);
        bench.download(kFrom - 1, kFrom + 3 * kStep + 299);
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kFrom + 3 * kStep)));
    }

    void theUnfinishedCandleIsDropped_data() { eachExchange(); }
    void theUnfinishedCandleIsDropped()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange, kTo + 120); // the candle of kTo runs
        const DownloadReport report = bench.download(kTo - 5 * kStep, kTo + 100 * kStep);
        QVERIFY(sameBars(bench.stored(), realBars(kTo - 5 * kStep, kTo)));
        QCOMPARE(report.to, kTo);
        // One second after its end it still settles.
        bench.clock->setUtcSeconds(static_cast<double>(kTo + kStep + 1));
        QCOMPARE(bench.download(kTo - 5 * kStep, kTo + 100 * kStep).to, kTo);
        bench.clock->setUtcSeconds(static_cast<double>(kTo + kStep + 4));
        QCOMPARE(bench.download(kTo - 5 * kStep, kTo + 100 * kStep).to, kTo + kStep);
        QVERIFY(sameBars(bench.stored(), realBars(kTo - 5 * kStep, kTo + kStep)));
    }

    // The network and the server

    void aFaultThatPasses_data() { eachExchangeAndNetworkFault(); }
    void aFaultThatPasses()
    {
        QFETCH(Exchange, exchange);
        QFETCH(int, index);
        const NetworkFault& fault = networkFaults()[static_cast<std::size_t>(index)];
        Bench bench(exchange);
        bench.options.http.timeoutMs = fault.fault == RemoteFault::Timeout ? 300 : 10'000;
        int faulty = 0;
        bench.server.tamperAnswer = [&](int number, HttpAnswer& answer) {
            if (number == 1 || number == 2 || number == 4) {
                ++faulty;
                fault.tamper(answer);
            }
        };
        const DownloadReport report = bench.download(kFrom, kTo);
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kTo)));
        QVERIFY(faulty >= 2);
        // Qt itself asks again where a connection is dead before the answer.
        QVERIFY(report.counts.retries >= 1 || fault.fault == RemoteFault::Connection);
        if (fault.fault == RemoteFault::RateLimited)
            QVERIFY(std::ranges::count(bench.delays->waits, 17.0) >= 2);
        if (fault.fault == RemoteFault::Banned)
            QVERIFY(std::ranges::count(bench.delays->waits, 120.0) >= 2);
    }

    void aFaultThatLasts_data() { eachExchangeAndNetworkFault(); }
    void aFaultThatLasts()
    {
        QFETCH(Exchange, exchange);
        QFETCH(int, index);
        const NetworkFault& fault = networkFaults()[static_cast<std::size_t>(index)];
        Bench bench(exchange);
        bench.storeBars(realBars(kFrom - 20 * kStep, kFrom + 20 * kStep));
        bench.options.http.timeoutMs = fault.fault == RemoteFault::Timeout ? 150 : 10'000;
        bench.options.maxTries = 3;
        bench.server.tamperAnswer = [&](int, HttpAnswer& answer) { fault.tamper(answer); };
        const auto before = filesOf(bench.data());
        const auto failure = bench.failure(kFrom, kTo);
        QVERIFY(failure && failure->fault);
        QVERIFY2(*failure->fault == fault.fault, failure->message.c_str());
        QVERIFY2(failure->says("given up after 3 tries") && failure->says(exchangeName(exchange)), failure->message.c_str());
        QVERIFY(filesOf(bench.data()) == before);
    }

    void backOffGrowsWithJitterAndABound()
    {
        Bench bench(Exchange::Binance);
        bench.options.maxTries = 10;
        bench.server.tamperAnswer = [](int, HttpAnswer& answer) { answer = {.status = 500}; };
        QVERIFY(bench.failure(kFrom, kTo));
        std::vector<double> waits;
        std::ranges::copy_if(bench.delays->waits, std::back_inserter(waits), [](double wait) { return wait >= 0.4; });
        QCOMPARE(waits.size(), std::size_t{9});
        for (std::size_t i = 0; i < waits.size(); ++i) {
            const double full = std::min(60.0, std::exp2(static_cast<double>(i)));
            QVERIFY(waits[i] >= full / 2.0 && waits[i] <= full);
        }
        QVERIFY(waits[7] != waits[8]); // both from [30, 60]
    }

    void aWaitThatIsTooLongEndsTheDownload()
    {
        Bench bench(Exchange::Binance);
        bench.server.tamperAnswer = [](int, HttpAnswer& answer) {
            answer = {.status = 418, .headers = {"Retry-After: 86400"}, .body = "{}"};
        };
        const auto failure = bench.failure(kFrom, kTo);
        QVERIFY(failure && failure->fault == RemoteFault::Banned && failure->says("86400"));
        QCOMPARE(bench.requests(), std::size_t{1});
        QVERIFY(filesOf(bench.data()).empty());
    }

    void requestsKeepTheirDistance()
    {
        Bench bench(Exchange::Coinbase);
        const double started = bench.clock->steadySeconds();
        const DownloadReport report = bench.download(kFrom, kTo);
        QVERIFY(report.counts.requests >= 3);
        QVERIFY(bench.clock->steadySeconds() - started >= 0.1 * static_cast<double>(report.counts.requests - 1) - 1e-9);
    }

    void aWeightNearItsLimitWaitsForTheNextMinute()
    {
        Bench bench(Exchange::Binance, parseUtc("2018-06-07T12:00:40"));
        bench.server.tamperAnswer = [](int number, HttpAnswer& answer) {
            answer.headers.prepend(number == 1 ? "X-MBX-USED-WEIGHT-1M: 5000" : "X-MBX-USED-WEIGHT-1M: 3");
            answer.headers.removeAll("X-MBX-USED-WEIGHT-1M: 2");
        };
        bench.download(parseUtc("2018-05-03"), parseUtc("2018-05-10"));
        std::vector<double> waits;
        std::ranges::copy_if(bench.delays->waits, std::back_inserter(waits), [](double wait) { return wait > 1.0; });
        QCOMPARE(waits.size(), std::size_t{1});
        QVERIFY(std::abs(waits[0] - 20.0) < 0.5);
    }

    void anEndlessBodyIsStopped()
    {
        Bench bench(Exchange::Binance);
        bench.options.http.maxBodyBytes = 1 << 20;
        bench.server.tamperAnswer = [](int, HttpAnswer& answer) { answer.endless = true; };
        const auto failure = bench.failure(kFrom, kTo);
        QVERIFY(failure && failure->fault == RemoteFault::BodyTooLarge);
        QVERIFY(filesOf(bench.data()).empty());
    }

    void redirectsAreRefused()
    {
        Bench other(Exchange::Binance);
        for (const int status : {301, 302, 307, 308}) {
            Bench bench(Exchange::Binance);
            bench.server.tamperAnswer = [&](int, HttpAnswer& answer) {
                answer = {.status = status, .headers = {QByteArray::fromStdString("Location: " + other.config.restUrl + "/api/v3/klines")}};
            };
            const auto failure = bench.failure(kFrom, kTo);
            QVERIFY(failure && failure->fault == RemoteFault::Redirect);
            QVERIFY(filesOf(bench.data()).empty());
        }
        QCOMPARE(other.requests(), std::size_t{0});
    }

    void onlyTrustedCertificatesPass_data()
    {
        QTest::addColumn<QByteArray>("certificate");
        QTest::addColumn<QByteArray>("key");
        QTest::addColumn<bool>("isInCaFile");
        const auto row = [](const char* name, const IdentityOptions& options, bool isInCaFile) {
            const TlsIdentity made = makeIdentity(options);
            QTest::newRow(name) << made.certificatePem << made.keyPem << isInCaFile;
        };
        row("of an authority that is not ours", {}, false);
        row("for another host", {.names = "DNS:api.binance.com"}, true);
        row("expired", {.validFrom = -7200, .validTo = -3600}, true);
        row("not valid yet", {.validFrom = 3600, .validTo = 7200}, true);
    }
    void onlyTrustedCertificatesPass()
    {
        QFETCH(QByteArray, certificate);
        QFETCH(QByteArray, key);
        QFETCH(bool, isInCaFile);
        Bench bench(Exchange::Binance);
        ExchangeServer impostor(Exchange::Binance, {certificate, key}, bench.clock);
        bench.config.restUrl = impostor.server.url();
        if (isInCaFile)
            writeBytes(bench.config.caFile, certificate);
        const auto failure = bench.failure(kFrom, kTo);
        QVERIFY(failure);
        QVERIFY2(failure->fault == RemoteFault::Tls, failure->message.c_str());
        QCOMPARE(impostor.server.requests.size(), qsizetype{0}); // not a word before we know who it is
        QVERIFY(filesOf(bench.data()).empty());
    }

    void anAddressWithoutTlsIsRefused()
    {
        Bench bench(Exchange::Binance);
        for (const char* url : {"http://127.0.0.1:1", "127.0.0.1", "", "ftp://127.0.0.1", "https://"}) {
            bench.config.restUrl = url;
            const auto failure = bench.failure(kFrom, kTo);
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says("https://"), url);
        }
        bench.config.restUrl = bench.server.server.url();
        writeBytes(bench.config.caFile, "no certificate");
        const auto failure = bench.failure(kFrom, kTo);
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("ca.pem"));
    }

    void nobodyListens()
    {
        Bench bench(Exchange::Kraken);
        {
            const LoopbackServer gone(identity());
            bench.config.restUrl = gone.url();
        }
        const auto failure = bench.failure(kFrom, kTo);
        QVERIFY(failure && failure->fault == RemoteFault::Connection && failure->kind == ErrorKind::Io);
    }

    void aClockFarFromTheExchangesIsNamed()
    {
        for (const int skew : {-3600, 3600}) {
            Bench bench(Exchange::Binance);
            const auto serverClock = std::make_shared<ManualClock>(bench.clock->utcSeconds() + skew);
            ExchangeServer skewed(Exchange::Binance, identity(), serverClock);
            bench.config.restUrl = skewed.server.url();
            const auto failure = bench.failure(kFrom, kTo);
            QVERIFY(failure && failure->fault == RemoteFault::ClockSkew);
            QVERIFY2(failure->says(skew > 0 ? "behind" : "ahead"), failure->message.c_str());
            QVERIFY(filesOf(bench.data()).empty());
        }
    }

    // What the exchange says

    void unknownSymbolsAreNamed_data() { eachExchange(); }
    void unknownSymbolsAreNamed()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange);
        DownloadRequest request = bench.request(kFrom, kTo);
        request.symbol = "NOSUCH";
        const auto failure = remoteFailureOf([&] {
            HistoryDownloader(bench.config, bench.options, {bench.clock, bench.delays}).run(request);
        });
        QVERIFY(failure);
        QVERIFY2(failure->fault == RemoteFault::Refused && failure->kind == ErrorKind::BadInput, failure->message.c_str());
        const char* said[] = {"Invalid symbol.", "NotFound", "EQuery:Unknown asset pair", "Unknown pair"};
        QVERIFY2(failure->says(said[static_cast<int>(exchange)]) && failure->says("NOSUCH"), failure->message.c_str());
        QCOMPARE(bench.requests(), std::size_t{1});
        QVERIFY(filesOf(bench.data()).empty());
    }

    void krakensErrorsOfStatus200()
    {
        const std::pair<const char*, RemoteFault> cases[] = {
            {R"({"error":["EAPI:Rate limit exceeded"]})", RemoteFault::RateLimited},
            {R"({"error":["EGeneral:Too many requests"]})", RemoteFault::RateLimited},
            {R"({"error":["EService:Unavailable"]})", RemoteFault::ServerError},
            {R"({"error":["EService:Busy"]})", RemoteFault::ServerError},
            {R"({"error":["EGeneral:Invalid arguments"]})", RemoteFault::Refused},
            {R"({"result":{}})", RemoteFault::BadReply},
        };
        for (const auto& [body, fault] : cases) {
            Bench bench(Exchange::Kraken);
            bench.options.maxTries = 2;
            bench.server.tamperAnswer = [body = body](int, HttpAnswer& answer) { answer.body = body; };
            const auto failure = bench.failure(kFrom, kTo);
            QVERIFY(failure);
            QVERIFY2(failure->fault == fault, body);
            QCOMPARE(bench.requests(), std::size_t(isTransient(fault) ? 2 : 1));
        }
    }

    void krakenDoesNotReachFurtherBack()
    {
        Bench bench(Exchange::Kraken);
        const std::int64_t oldest = gridFloor(static_cast<std::int64_t>(bench.clock->utcSeconds()), kStep) - 719 * kStep;
        const auto failure = bench.failure(oldest - kStep, kTo);
        QVERIFY(failure && failure->fault == RemoteFault::TooFarBack);
        QVERIFY2(failure->says("720") && failure->says(formatUtc(oldest)), failure->message.c_str());
        QCOMPARE(bench.requests(), std::size_t{0});
        bench.download(oldest + kStep, kTo); // the clock moves on a second or so meanwhile
        QVERIFY(sameBars(bench.stored(), realBars(oldest + kStep, kTo)));
    }

    void intervalsAndRangesThatCannotBe()
    {
        Bench bench(Exchange::Coinbase);
        DownloadRequest request = bench.request(kFrom, kTo);
        const auto fails = [&](std::string_view part) {
            const auto failure = remoteFailureOf([&] {
                HistoryDownloader(bench.config, bench.options, {bench.clock, bench.delays}).run(request);
            });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(part);
        };
        request.intervalSeconds = 1800;
        QVERIFY(fails("1m, 5m, 15m, 1h, 6h, 1d"));
        request.intervalSeconds = 7;
        QVERIFY(fails("must divide a day"));
        request = bench.request(kTo, kFrom);
        QVERIFY(fails("empty"));
        request = bench.request(parseUtc("2030-01-01"), parseUtc("2030-01-02"));
        QVERIFY(fails("finished"));
        QCOMPARE(bench.requests(), std::size_t{0});
    }

    void aRangeWithoutCandles()
    {
        Bench bench(Exchange::Binance);
        const auto failure = bench.failure(parseUtc("2012-01-01"), parseUtc("2012-01-02"));
        QVERIFY(failure && failure->fault == RemoteFault::NoCandles);
        QVERIFY(!std::filesystem::exists(bench.store()));
    }

    // The candles

    void equalDuplicatesAreDroppedAndCounted_data() { eachExchange(); }
    void equalDuplicatesAreDroppedAndCounted()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange);
        bench.server.tamperCandles = [](int number, std::vector<Bar>& bars) {
            const auto found = std::ranges::find(bars, kMiddle, &Bar::timestamp);
            if (number <= 3 && found != bars.end()) {
                const Bar twice = *found;
                bars.insert(found, twice);
            }
        };
        const DownloadReport report = bench.download(kFrom, kTo);
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kTo)));
        QVERIFY(report.counts.pages.duplicates >= 1);
    }

    void disorderIsPutRight_data() { eachExchange(); }
    void disorderIsPutRight()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange);
        bench.server.tamperCandles = [](int, std::vector<Bar>& bars) {
            std::ranges::rotate(bars, bars.begin() + std::ssize(bars) / 3);
            std::reverse(bars.begin(), bars.begin() + std::ssize(bars) / 2);
        };
        bench.download(kFrom, kTo);
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kTo)));
    }

    void aHoleIsAskedOnceMore_data() { eachExchange(); }
    void aHoleIsAskedOnceMore()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange);
        bench.server.tamperCandles = [](int number, std::vector<Bar>& bars) {
            if (number == 1)
                std::erase_if(bars,
                              [](const Bar& bar) { return bar.timestamp >= kFrom + 10 * kStep && bar.timestamp < kFrom + 15 * kStep; });
        };
        const DownloadReport report = bench.download(kFrom, kFrom + 60 * kStep);
        QCOMPARE(bench.requests(), std::size_t{2});
        QCOMPARE(report.counts.reasked, std::size_t{1});
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kFrom + 60 * kStep)));
        QCOMPARE(report.missingBars, std::size_t{0});
    }

    void aHoleThatStaysIsAMissingBar_data() { eachExchange(); }
    void aHoleThatStaysIsAMissingBar()
    {
        QFETCH(Exchange, exchange);
        Bench bench(exchange);
        const auto isGone = [](const Bar& bar) { return bar.timestamp == kFrom + 10 * kStep || bar.timestamp == kFrom + 40 * kStep; };
        bench.server.tamperCandles = [&](int, std::vector<Bar>& bars) { std::erase_if(bars, isGone); };
        const DownloadReport report = bench.download(kFrom, kFrom + 60 * kStep);
        QCOMPARE(bench.requests(), std::size_t{2});
        std::vector<Bar> expected = realBars(kFrom, kFrom + 60 * kStep);
        std::erase_if(expected, isGone);
        QVERIFY(sameBars(bench.stored(), expected));
        QCOMPARE(report.missingBars, std::size_t{2});
    }

    void candlesThatCannotBe_data()
    {
        QTest::addColumn<Exchange>("exchange");
        QTest::addColumn<RemoteFault>("fault");
        QTest::addColumn<int>("what");
        const std::pair<const char*, RemoteFault> cases[] = {{"conflicting", RemoteFault::ConflictingCandles},
                                                             {"off the grid", RemoteFault::OffGrid},
                                                             {"a price of zero", RemoteFault::BadReply},
                                                             {"a negative volume", RemoteFault::BadReply}};
        for (const Exchange exchange : kAll)
            for (int i = 0; i < 4; ++i)
                QTest::addRow("%s: %s", exchangeName(exchange).data(), cases[i].first) << exchange << cases[i].second << i;
    }
    void candlesThatCannotBe()
    {
        QFETCH(Exchange, exchange);
        QFETCH(RemoteFault, fault);
        QFETCH(int, what);
        Bench bench(exchange);
        bench.storeBars(realBars(kFrom, kFrom + 20 * kStep));
        const auto before = filesOf(bench.data());
        bench.server.tamperCandles = [what](int, std::vector<Bar>& bars) {
            Bar* const bar = barOf(bars, kFrom + 30 * kStep);
            if (!bar)
                return;
            if (what == 0) {
                Bar other = *bar;
                other.close += 0.01;
                bars.insert(bars.begin() + (bar - bars.data()), other);
            } else if (what == 1) {
                bar->timestamp += 60;
            } else if (what == 2) {
                bar->low = 0.0;
            } else {
                bar->volume = -1.0;
            }
        };
        const auto failure = bench.failure(kFrom, kFrom + 60 * kStep);
        QVERIFY(failure && failure->fault);
        QVERIFY2(*failure->fault == fault, failure->message.c_str());
        QVERIFY(failure->kind == ErrorKind::Protocol);
        QVERIFY(filesOf(bench.data()) == before);
    }

    void candlesThatWereNotAskedFor()
    {
        const auto strangerAt = [](std::int64_t time) {
            return [time](int, std::vector<Bar>& bars) {
                Bar stranger = bars.front();
                stranger.timestamp = time;
                bars.insert(time < bars.front().timestamp ? bars.begin() : bars.end(), stranger);
            };
        };
        // Behind the range: an error but for Kraken, whose replies have no end.
        for (const Exchange exchange : {Exchange::Binance, Exchange::Coinbase, Exchange::Bitstamp}) {
            Bench bench(exchange);
            bench.server.tamperCandles = strangerAt(kTo);
            const auto failure = bench.failure(kFrom, kFrom + 60 * kStep);
            QVERIFY(failure && failure->fault == RemoteFault::OutsideRange);
            QVERIFY(filesOf(bench.data()).empty());
        }
        // Before the range: an error but for Coinbase and Bitstamp, which document it.
        Bench bench(Exchange::Kraken);
        bench.server.tamperCandles = strangerAt(kFrom - 10 * kStep);
        const auto failure = bench.failure(kFrom, kFrom + 60 * kStep);
        QVERIFY(failure && failure->fault == RemoteFault::OutsideRange);
        Bench coinbase(Exchange::Coinbase);
        coinbase.server.tamperCandles = strangerAt(kFrom - 10 * kStep);
        QVERIFY(coinbase.download(kFrom, kFrom + 60 * kStep).counts.pages.outside > 0);
        QVERIFY(sameBars(coinbase.stored(), realBars(kFrom, kFrom + 60 * kStep)));
    }

private:
    std::unique_ptr<LogSession> m_log;
};

QTEST_GUILESS_MAIN(TestHistoryDownloader)
#include "tst_history_downloader.moc"
