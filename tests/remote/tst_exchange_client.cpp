#include <set>

#include "RemoteTest.h"

using namespace btcai;
using namespace btcai::test;

namespace {

ExchangeClient clientOf(Exchange exchange) { return ExchangeClient(defaultExchangeConfig(exchange)); }

QString urlOf(Exchange exchange, const PageRequest& page) { return clientOf(exchange).pageUrl(page).toString(QUrl::FullyEncoded); }

HttpReply replyOf(const char* body, int status = 200)
{
    return {.status = status, .contentType = "application/json;charset=UTF-8", .body = body};
}

std::optional<RemoteFault> faultOf(Exchange exchange, const HttpReply& reply)
{
    const auto failure = remoteFailureOf([&] { clientOf(exchange).parsePage(reply); });
    return failure ? failure->fault : std::nullopt;
}

} // namespace

class TestExchangeClient : public QObject {
    Q_OBJECT

private slots:
    // Written out from the documentation of each endpoint.
    void requestsAreTheDocumentedOnes()
    {
        const std::int64_t from = 1499040000; // 2017-07-03T00:00:00Z
        QCOMPARE(
            urlOf(Exchange::Binance, {"BNBBTC", 300, from, from + 900}),
            QStringLiteral(
                "https://api.binance.com/api/v3/klines?symbol=BNBBTC&interval=5m&startTime=1499040000000&endTime=1499040600000&limit=3"));
        QCOMPARE(urlOf(Exchange::Coinbase, {"BTC-USD", 3600, from, from + 7200}),
                 QStringLiteral("https://api.exchange.coinbase.com/products/BTC-USD/"
                                "candles?granularity=3600&start=2017-07-03T00:00:00Z&end=2017-07-03T01:00:00Z"));
        QCOMPARE(urlOf(Exchange::Kraken, {"XBTUSD", 60, from, from + 60}),
                 QStringLiteral("https://api.kraken.com/0/public/OHLC?pair=XBTUSD&interval=1&since=1499039999"));
        QCOMPARE(urlOf(Exchange::Bitstamp, {"btcusd", 86400, from, from + 2 * 86400}),
                 QStringLiteral("https://www.bitstamp.net/api/v2/ohlc/btcusd/?step=86400&limit=2&start=1499040000&end=1499126400"));
    }

    void symbolsCannotLeaveTheirPlace()
    {
        for (const Exchange exchange : {Exchange::Binance, Exchange::Coinbase, Exchange::Kraken, Exchange::Bitstamp}) {
            const QUrl url = clientOf(exchange).pageUrl({"../a?b&c=d#e/f%2e", 300, 300, 600});
            QCOMPARE(url.host(), QUrl(QString::fromStdString(defaultExchangeConfig(exchange).restUrl)).host());
            QVERIFY(!url.hasFragment());
            QVERIFY(!url.toString(QUrl::FullyEncoded).contains("/../"));
            QVERIFY(!QUrlQuery(url).hasQueryItem(QStringLiteral("c")));
        }
    }

    // The examples of the documentation.
    void repliesAreReadAsDocumented()
    {
        const auto sole = [](Exchange exchange, const char* body) {
            const std::vector<Bar> bars = clientOf(exchange).parsePage(replyOf(body));
            return bars.size() == 1 ? bars[0] : Bar{};
        };
        const Bar binance = sole(Exchange::Binance,
                                 R"([[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,
                                      "2434.19055334",308,"1756.87402397","28.46694368","0"]])");
        QVERIFY(sameBar(binance, {1499040000, 0.0163479, 0.8, 0.015758, 0.015771, 148976.11427815}));
        const Bar coinbase = sole(Exchange::Coinbase, "[[1415398768, 0.32, 4.2, 0.35, 4.1, 12.3]]"); // time, low, high, open, close, volume
        QVERIFY(sameBar(coinbase, {1415398768, 0.35, 4.2, 0.32, 4.1, 12.3}));
        const Bar kraken =
            sole(Exchange::Kraken, R"({"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1",
                                                     "3.39243896",23]],"last":1688672160}})");
        QVERIFY(sameBar(kraken, {1688671200, 30306.1, 30306.2, 30305.7, 30305.7, 3.39243896}));
        const Bar bitstamp = sole(Exchange::Bitstamp, R"({"data":{"ohlc":[{"close":"26884","high":"26889","low":"26868","open":"26871",
                                                         "timestamp":"1684749600","volume":"4.64"}],"pair":"BTC/USD"}})");
        QVERIFY(sameBar(bitstamp, {1684749600, 26871.0, 26889.0, 26868.0, 26884.0, 4.64}));
    }

    void anEmptyListHasNoCandles()
    {
        QVERIFY(clientOf(Exchange::Binance).parsePage(replyOf("[]")).empty());
        QVERIFY(clientOf(Exchange::Coinbase).parsePage(replyOf("[]")).empty());
        QVERIFY(clientOf(Exchange::Kraken).parsePage(replyOf(R"({"error":[],"result":{"XXBTZUSD":[],"last":0}})")).empty());
        QVERIFY(clientOf(Exchange::Bitstamp).parsePage(replyOf(R"({"data":{"ohlc":[],"pair":"BTC/USD"}})")).empty());
    }

    void documentedErrorsHaveTheirNames()
    {
        using enum RemoteFault;
        QVERIFY(faultOf(Exchange::Binance, replyOf(R"({"code":-1121,"msg":"Invalid symbol."})", 400)) == Refused);
        QVERIFY(faultOf(Exchange::Binance, replyOf("", 429)) == RateLimited);
        QVERIFY(faultOf(Exchange::Binance, replyOf("", 418)) == Banned);
        QVERIFY(faultOf(Exchange::Coinbase, replyOf(R"({"message":"NotFound"})", 404)) == Refused);
        QVERIFY(faultOf(Exchange::Coinbase, replyOf(R"({"message":"Public rate limit exceeded"})", 429)) == RateLimited);
        QVERIFY(faultOf(Exchange::Kraken, replyOf(R"({"error":["EQuery:Unknown asset pair"]})")) == Refused);
        QVERIFY(faultOf(Exchange::Kraken, replyOf(R"({"error":["EAPI:Rate limit exceeded"]})")) == RateLimited);
        QVERIFY(faultOf(Exchange::Bitstamp,
                        replyOf(R"({"response_code":"400.002","response_explanation":"Request rejected due to exceeded rate limit."})",
                                400)) == RateLimited);
        QVERIFY(faultOf(Exchange::Bitstamp, replyOf(R"({"status":"error","reason":"Unknown pair"})", 404)) == Refused);
        QVERIFY(faultOf(Exchange::Bitstamp, replyOf("<html>", 502)) == ServerError);
        QVERIFY(faultOf(Exchange::Bitstamp, replyOf("", 302)) == Redirect);
        QVERIFY(faultOf(Exchange::Binance, replyOf(R"({"code":-1003,"msg":"x"})")) == BadReply);
        QVERIFY(faultOf(Exchange::Binance, {.status = 200, .contentType = "text/html", .body = "[]"}) == WrongContentType);
    }

    void namesAndIntervals()
    {
        for (const char* name : {"binance", "coinbase", "kraken", "bitstamp"})
            QCOMPARE(std::string(exchangeName(parseExchange(name))), std::string(name));
        QVERIFY(remoteFailureOf([] { parseExchange("mtgox"); })->says("kraken"));
        QCOMPARE(parseInterval("5m"), std::int64_t{300});
        QCOMPARE(parseInterval("300"), std::int64_t{300});
        QCOMPARE(parseInterval("1d"), std::int64_t{86400});
        QCOMPARE(intervalName(300), std::string("5m"));
        QCOMPARE(intervalName(7200), std::string("2h"));
        for (const char* text : {"", "m", "0m", "-5m", "7m", "2d", "5 m", "5mm", "99999999999999999999m", "1w"})
            QVERIFY2(remoteFailureOf([&] { parseInterval(text); }), text);
    }

    void everyFaultHasAName()
    {
        std::set<std::string_view> names;
        for (int i = 0; i <= static_cast<int>(RemoteFault::Subscription); ++i)
            QVERIFY(names.insert(remoteFaultName(static_cast<RemoteFault>(i))).second);
        QVERIFY(!names.contains("unknown"));
    }
};

QTEST_GUILESS_MAIN(TestExchangeClient)
#include "tst_exchange_client.moc"
