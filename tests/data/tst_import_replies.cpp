#include <QtTest>

#include "DataTestSupport.h"
#include "data/importers/ExchangeReplies.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Parser = std::vector<Bar> (*)(std::string_view);

struct Reply {
    const char* name;
    Parser parse;
    const char* text; ///< two candles, newest first where the exchange sends them so
};

// As the public documentation of each API shows them, with numbers of our own.
const std::vector<Reply> kReplies{
    {"Binance", parseBinanceReply,
     R"([[1700000100000,"10","20","5","15","2",1700000399999,"30",4,"1","15","0"],[1700000400000,"15","25","9","16","3",1700000699999,"48",4,"1","16","0"]])"},
    {"Coinbase", parseCoinbaseReply,
     R"({"candles":[{"start":"1700000400","low":"9","high":"25","open":"15","close":"16","volume":"3"},{"start":"1700000100","low":"5","high":"20","open":"10","close":"15","volume":"2"}]})"},
    {"Coinbase, older", parseCoinbaseReply, "[[1700000400,9,25,15,16,3],[1700000100,5,20,10,15,2]]"},
    {"Kraken", parseKrakenReply,
     R"({"error":[],"result":{"XXBTZUSD":[[1700000100,"10","20","5","15","12","2",4],[1700000400,"15","25","9","16","15","3",4]],"last":1700000100}})"},
    {"Bitstamp", parseBitstampReply,
     R"({"data":{"ohlc":[{"close":"15","high":"20","low":"5","open":"10","timestamp":"1700000100","volume":"2"},{"close":"16","high":"25","low":"9","open":"15","timestamp":"1700000400","volume":"3"}],"pair":"BTC/USD"}})"},
    {"OKX spot", parseOkxReply,
     R"({"code":"0","msg":"","data":[["1700000400000","15","25","9","16","3","48","48","0"],["1700000100000","10","20","5","15","2","30","30","1"]]})"},
    {"OKX swap", parseOkxReply,
     R"({"code":"0","msg":"","data":[["1700000400000","15","25","9","16","300","3","48","0"],["1700000100000","10","20","5","15","200","2","30","1"]]})"},
    {"Deribit", parseDeribitReply,
     R"({"result":{"ticks":[1700000100000,1700000400000],"open":[10,15],"high":[20,25],"low":[5,9],"close":[15,16],"volume":[2,3],"cost":[30,48],"status":"ok"}})"},
    {"Bitfinex", parseBitfinexReply, "[[1700000400000,15,16,25,9,3],[1700000100000,10,15,20,5,2]]"},
    {"Bittrex", parseBittrexReply,
     R"([{"O":10,"H":20,"L":5,"C":15,"V":2,"T":"2023-11-14T22:15:00","BV":30},{"O":15,"H":25,"L":9,"C":16,"V":3,"T":"2023-11-14T22:20:00","BV":48}])"},
};

} // namespace

class TestImportReplies : public QObject {
    Q_OBJECT

private slots:
    void eachExchange_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < kReplies.size(); ++i)
            QTest::newRow(kReplies[i].name) << static_cast<int>(i);
    }
    void eachExchange()
    {
        QFETCH(int, index);
        const Reply& reply = kReplies[static_cast<std::size_t>(index)];
        const std::vector<Bar> bars = reply.parse(reply.text);
        QCOMPARE(bars.size(), std::size_t{2});
        const auto is = [](const Bar& bar, std::int64_t time, double open, double high, double low, double close, double volume) {
            return bar.timestamp == time && bar.open == open && bar.high == high && bar.low == low && bar.close == close && bar.volume == volume;
        };
        QVERIFY(is(bars[0], 1700000100, 10, 20, 5, 15, 2));
        QVERIFY(is(bars[1], 1700000400, 15, 25, 9, 16, 3));
    }

    /// Any byte of a reply may be lost or changed on the way: bars or an Error, nothing else.
    void damagedReplies()
    {
        for (const Reply& reply : kReplies) {
            const std::string text = reply.text;
            for (std::size_t i = 0; i < text.size(); ++i) {
                QVERIFY(failureOf([&] { reply.parse(text.substr(0, i)); }));
                std::string changed = text;
                changed[i] = changed[i] == 'x' ? 'y' : 'x';
                failureOf([&] { reply.parse(changed); });
            }
        }
    }

    void badFieldsAreNamed()
    {
        const auto failure = failureOf([] { parseBitfinexReply("[[1700000100000,10,15,20,5,2],[1700000400000,15,16,25,-9,3]]"); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QCOMPARE(failure->message, std::string("Bitfinex reply: element 2: low is negative (-9)"));
        const auto within = failureOf([] { parseBitfinexReply("[[1700000100500,10,15,20,5,2]]"); });
        QVERIFY(within && within->says("element 1") && within->says("not a whole second"));
        const auto lengths = failureOf([] { parseDeribitReply(R"({"result":{"ticks":[1],"open":[1,2],"high":[1],"low":[1],"close":[1],"volume":[1]}})"); });
        QVERIFY(lengths && lengths->says("open has 2 elements where ticks has 1"));
    }

    void whatTheExchangeSaysIsPassedOn_data()
    {
        QTest::addColumn<int>("index");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("says");
        QTest::newRow("Binance") << 0 << R"({"code":-1121,"msg":"Invalid symbol."})" << "Invalid symbol.";
        QTest::newRow("Coinbase") << 1 << R"({"message":"NotFound"})" << "NotFound";
        QTest::newRow("Kraken") << 3 << R"({"error":["EQuery:Unknown asset pair"]})" << "EQuery:Unknown asset pair";
        QTest::newRow("Bitstamp") << 4 << R"({"code":"invalid","errors":[{"message":"step"}]})" << "step";
        QTest::newRow("OKX") << 5 << R"({"code":"51001","data":[],"msg":"Instrument ID does not exist"})" << "Instrument ID does not exist";
        QTest::newRow("Deribit") << 7 << R"({"error":{"code":-32602,"message":"Invalid params"}})" << "Invalid params";
        QTest::newRow("Bitfinex") << 8 << R"(["error",10020,"limit: invalid"])" << "limit: invalid";
    }
    void whatTheExchangeSaysIsPassedOn()
    {
        QFETCH(int, index);
        QFETCH(QString, text);
        QFETCH(QString, says);
        const auto failure = failureOf([&] { kReplies[static_cast<std::size_t>(index)].parse(text.toStdString()); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->says("the exchange answers") && failure->says(says.toStdString()), failure->message.c_str());
    }

    void nothingIsNoBars()
    {
        QVERIFY(parseBinanceReply("[]").empty());
        QVERIFY(parseBitfinexReply("[]").empty());
        QVERIFY(parseCoinbaseReply(R"({"candles":[]})").empty());
        QVERIFY(parseOkxReply(R"({"code":"0","data":[]})").empty());
        QVERIFY(failureOf([] { parseKrakenReply("{}"); }));
        QVERIFY(failureOf([] { parseBinanceReply(std::string(100'000, '[')); }));
    }
};

QTEST_APPLESS_MAIN(TestImportReplies)
#include "tst_import_replies.moc"
