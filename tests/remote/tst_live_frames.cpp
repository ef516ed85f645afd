#include "FeedFrames.h"
#include "RemoteTest.h"
#include "data/remote/BarAssembler.h"

using namespace btcai;
using namespace btcai::test;

namespace {

LiveFrames framesOf(Exchange exchange) { return LiveFrames(exchange, FeedFrames::symbolOf(exchange), kStep); }

template <typename Event>
std::optional<Event> sole(Exchange exchange, const std::string& text)
{
    const std::vector<live::Event> events = framesOf(exchange).parse(text);
    if (events.size() != 1 || !std::holds_alternative<Event>(events[0]))
        return std::nullopt;
    return std::get<Event>(events[0]);
}

constexpr std::array kAll = {Exchange::Binance, Exchange::Coinbase, Exchange::Kraken, Exchange::Bitstamp};

constexpr FeedRules kTrades{.fromTrades = true, .consecutiveTradeIds = true};
constexpr FeedRules kCandles{};
using Verdict = BarAssembler::Verdict;

} // namespace

class TestLiveFrames : public QObject {
    Q_OBJECT

private slots:
    // The examples of each documentation, with our symbol and interval.
    void documentedFrames()
    {
        const auto kline =
            sole<live::Candle>(Exchange::Binance, R"({"e":"kline","E":1672515782136,"s":"BTCUSDT","k":{"t":1672515600000,"T":1672515899999,
            "s":"BTCUSDT","i":"5m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0000","V":"500",
            "Q":"0.500","B":"123456"}})");
        QVERIFY(kline && sameBar(kline->bar, {1672515600, 0.001, 0.0025, 0.0015, 0.002, 1000.0}) && !kline->closed &&
                kline->time == 1672515782.136);
        const auto ohlc =
            sole<live::Candle>(Exchange::Kraken, R"({"channel":"ohlc","type":"update","timestamp":"2023-10-04T16:26:30.524394914Z","data":[
            {"symbol":"BTC/USD","open":0.5624,"high":0.5628,"low":0.5622,"close":0.5627,"trades":12,"volume":30927.68066226,"vwap":0.5626,
            "interval_begin":"2023-10-04T16:25:00.000000000Z","interval":5,"timestamp":"2023-10-04T16:30:00.000000Z"}]})");
        QVERIFY(ohlc && sameBar(ohlc->bar, {1696436700, 0.5624, 0.5628, 0.5622, 0.5627, 30927.68066226}));
        QVERIFY(std::abs(ohlc->time - 1696436790.524395) < 1e-5);
        const auto match = sole<live::Trade>(Exchange::Coinbase, R"({"type":"match","trade_id":10,"sequence":50,
            "maker_order_id":"ac928c66-ca53-498f-9c13-a110027a60e8","taker_order_id":"132fb6ae-456b-4654-b4e0-d681ac05cea1",
            "time":"2014-11-07T08:19:27.028459Z","product_id":"BTC-USD","size":"5.23512","price":"400.23","side":"sell"})");
        QVERIFY(match && match->id == 10 && match->price == 400.23 && match->amount == 5.23512 &&
                std::abs(match->time - 1415348367.028459) < 1e-5);
        const auto heartbeat =
            sole<live::Heartbeat>(Exchange::Coinbase, R"({"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD",
            "time":"2014-11-07T08:19:28.464459Z"})");
        QVERIFY(heartbeat && heartbeat->lastTradeId == 20);
        const auto trade = sole<live::Trade>(Exchange::Bitstamp, R"({"event":"trade","channel":"live_trades_btcusd","data":{"id":212337562,
            "timestamp":"1643643584","amount":0.0028,"amount_str":"0.00280000","price":38416,"price_str":"38416","type":0,
            "microtimestamp":"1643643584587000","buy_order_id":1,"sell_order_id":2}})");
        QVERIFY(trade && trade->id == 212337562 && trade->price == 38416.0 && trade->amount == 0.0028 && trade->time == 1643643584.587);
        QVERIFY(sole<live::ReconnectRequest>(Exchange::Bitstamp, R"({"event":"bts:request_reconnect","channel":"","data":""})"));
        QVERIFY(sole<live::ReconnectRequest>(Exchange::Binance, R"({"e":"serverShutdown","E":1770123456789})"));
    }

    void subscriptionsAreTheDocumentedOnes()
    {
        for (const Exchange exchange : kAll) {
            const FeedFrames documented(exchange);
            QCOMPARE(framesOf(exchange).subscribeMessage(), documented.subscription());
            QVERIFY(sole<live::Subscribed>(exchange, documented.acknowledgement()));
            const auto refusal = sole<live::Refusal>(exchange, documented.refusal());
            QVERIFY(refusal && !refusal->message.empty());
        }
        QVERIFY(remoteFailureOf([] { LiveFrames(Exchange::Binance, "BTC USDT\"", 300); }));
    }

    void whatIsNotOursIsPassedOver()
    {
        QVERIFY(framesOf(Exchange::Binance).parse(R"({"e":"kline","E":1,"s":"ETHUSDT","k":{"s":"ETHUSDT","i":"5m"}})").empty());
        QVERIFY(framesOf(Exchange::Coinbase).parse(R"({"type":"match","product_id":"ETH-USD"})").empty());
        QVERIFY(framesOf(Exchange::Kraken).parse(R"({"channel":"status","type":"update","data":[{"system":"online"}]})").empty());
        QVERIFY(framesOf(Exchange::Bitstamp).parse(R"({"event":"trade","channel":"live_trades_ethusd","data":{}})").empty());
    }

    void badFramesAreNamed()
    {
        const std::pair<const char*, RemoteFault> cases[] = {
            {"", RemoteFault::BadReply},
            {"[]", RemoteFault::BadReply},
            {"null", RemoteFault::BadReply},
            {"{\"e\":", RemoteFault::BadReply},
            {R"({"e":"kline","k":7})", RemoteFault::BadReply},
            {R"({"e":"kline","E":1,"k":{"s":"BTCUSDT","i":"5m","x":1,"t":0}})", RemoteFault::BadReply},
            {R"({"e":"kline","E":1,"k":{"s":"BTCUSDT","i":"5m","x":true,"t":300500,"o":1,"h":1,"l":1,"c":1,"v":1}})", RemoteFault::OffGrid},
            {R"({"e":"kline","E":1,"k":{"s":"BTCUSDT","i":"5m","x":true,"t":300000,"o":0,"h":1,"l":1,"c":1,"v":1}})",
             RemoteFault::BadCandle},
            {R"({"e":"kline","E":1,"k":{"s":"BTCUSDT","i":"5m","x":true,"t":300000,"o":1,"h":1,"l":1,"c":1,"v":-1}})",
             RemoteFault::BadCandle},
            {R"({"e":"kline","E":1,"k":{"s":"BTCUSDT","i":"5m","x":true,"t":300000,"o":"nan","h":1,"l":1,"c":1,"v":1}})",
             RemoteFault::BadReply},
            {R"({"e":"kline","E":1,"k":{"s":"BTCUSDT","i":"5m","x":true,"t":1e300,"o":1,"h":1,"l":1,"c":1,"v":1}})", RemoteFault::BadReply},
        };
        for (const auto& [text, fault] : cases) {
            const auto failure = remoteFailureOf([text = text] { framesOf(Exchange::Binance).parse(text); });
            QVERIFY2(failure && failure->fault == fault, text);
        }
        QVERIFY(remoteFailureOf([] { framesOf(Exchange::Binance).parse(std::string(LiveFrames::kLargestFrame + 1, ' ')); }));
    }

    // Frames with a few bytes changed: named outcome or sound values, whatever comes.
    void mutatedFramesNeverCrash()
    {
        Rng rng(20260101, "mutated frames");
        for (const Exchange exchange : kAll) {
            const LiveFrames frames = framesOf(exchange);
            FeedFrames documented(exchange);
            std::vector<std::string> seeds = {documented.acknowledgement(), documented.refusal(), documented.heartbeat(1528196400.5)};
            for (const TimedFrame& frame : documented.barFrames({1528196400, 7500.0, 7510.0, 7490.0, 7505.0, 12.5}))
                seeds.push_back(frame.text);
            BarAssembler assembler(frames.rules(), kStep);
            std::size_t refused = 0;
            std::size_t accepted = 0;
            for (int i = 0; i < 6000; ++i) {
                try {
                    for (const live::Event& event : frames.parse(mutated(seeds[rng.below(seeds.size())], rng))) {
                        if (const auto* candle = std::get_if<live::Candle>(&event)) {
                            QVERIFY(candle->bar.low > 0.0 && std::isfinite(candle->bar.high) && candle->bar.volume >= 0.0);
                            assembler.add(*candle);
                        } else if (const auto* trade = std::get_if<live::Trade>(&event)) {
                            QVERIFY(trade->price > 0.0 && std::isfinite(trade->amount));
                            assembler.add(*trade);
                        } else if (const auto* heartbeat = std::get_if<live::Heartbeat>(&event)) {
                            assembler.add(*heartbeat);
                        }
                    }
                    ++accepted;
                } catch (const RemoteError& error) {
                    ++refused;
                    QVERIFY2(error.fault() == RemoteFault::BadReply || error.fault() == RemoteFault::BadCandle ||
                                 error.fault() == RemoteFault::OffGrid,
                             error.what());
                }
            }
            QVERIFY(refused > 1000 && accepted > 200); // both paths were taken
        }
    }

    // The assembler

    void tradesMakeABar()
    {
        BarAssembler assembler(kTrades, kStep);
        assembler.closeBefore(600);
        QVERIFY(assembler.add(live::Trade{1, 899.0, 5.0, 1.0}) == Verdict::Taken); // of a bar that was not seen from its start
        QVERIFY(assembler.add(live::Trade{2, 900.0, 10.0, 0.1}) == Verdict::Taken);
        QVERIFY(assembler.whole().empty());
        QVERIFY(assembler.add(live::Trade{3, 1000.0, 12.0, 0.2}) == Verdict::Taken);
        QVERIFY(assembler.add(live::Trade{4, 1100.0, 9.0, 0.3}) == Verdict::Taken);
        QVERIFY(assembler.add(live::Trade{4, 1100.0, 9.0, 0.3}) == Verdict::Duplicate);
        QVERIFY(assembler.add(live::Trade{3, 1000.0, 12.0, 0.2}) == Verdict::Duplicate);
        QVERIFY(assembler.add(live::Trade{5, 1199.999, 11.0, 0.1}) == Verdict::Taken);
        QVERIFY(assembler.add(live::Trade{6, 1200.0, 50.0, 0.1}) == Verdict::Taken);
        QCOMPARE(assembler.overBefore(), std::int64_t{1200});
        QCOMPARE(assembler.whole().size(), std::size_t{1});
        QVERIFY(sameBar(assembler.whole().at(900), {900, 10.0, 12.0, 9.0, 11.0, 0.7})); // 0.1 + 0.2 + 0.3 + 0.1 in doubles is not 0.7
    }

    void aMissedTradeSpoilsItsBar()
    {
        BarAssembler assembler(kTrades, kStep);
        assembler.add(live::Trade{1, 10.0, 5.0, 1.0});
        assembler.add(live::Trade{2, 310.0, 5.0, 1.0});
        QVERIFY(assembler.add(live::Trade{4, 400.0, 5.0, 1.0}) == Verdict::Gap);
        assembler.add(live::Trade{5, 610.0, 5.0, 1.0});
        QVERIFY(!assembler.whole().contains(300));
        QVERIFY(assembler.add(live::Trade{3, 390.0, 5.0, 1.0}) == Verdict::Late); // it comes after all, but out of order
        QVERIFY(!assembler.whole().contains(300));
        QVERIFY(assembler.add(live::Heartbeat{650.0, 5}) == Verdict::Taken);
        QVERIFY(assembler.add(live::Heartbeat{660.0, 6}) == Verdict::Gap); // shown by a heartbeat
        assembler.add(live::Trade{7, 910.0, 5.0, 1.0});
        assembler.add(live::Trade{8, 1210.0, 5.0, 1.0});
        QVERIFY(!assembler.whole().contains(600));
        QVERIFY(assembler.whole().contains(900));
    }

    void aBreakSpoilsTheBarInProgress()
    {
        BarAssembler trades(kTrades, kStep);
        trades.add(live::Trade{1, 10.0, 5.0, 1.0});
        trades.add(live::Trade{2, 310.0, 5.0, 1.0});
        trades.restart();
        trades.add(live::Trade{3, 500.0, 5.0, 1.0});
        trades.add(live::Trade{4, 610.0, 5.0, 1.0});
        QVERIFY(trades.whole().empty());
        BarAssembler candles(kCandles, kStep);
        candles.add(live::Candle{{300, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 400.0});
        candles.restart();
        candles.closeBefore(600);
        QVERIFY(candles.whole().empty()); // its last update may have been missed
    }

    void aCandleIsFinalWhenTheNextBegins()
    {
        BarAssembler assembler(kCandles, kStep);
        assembler.add(live::Candle{{300, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 400.0});
        assembler.add(live::Candle{{300, 1.0, 2.0, 0.5, 1.75, 4.0}, false, 599.0});
        QVERIFY(assembler.add(live::Candle{{300, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 500.0}) == Verdict::Late);
        QVERIFY(assembler.whole().empty());
        QVERIFY(assembler.add(live::Candle{{900, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 901.0}) == Verdict::Taken);
        QVERIFY(sameBar(assembler.whole().at(300), {300, 1.0, 2.0, 0.5, 1.75, 4.0}));
        QVERIFY(!assembler.whole().contains(600)); // somebody else must say what happened there
        QCOMPARE(assembler.overBefore(), std::int64_t{900});
        QVERIFY(assembler.add(live::Candle{{300, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 902.0}) == Verdict::Late);
        QVERIFY(assembler.add(live::Candle{{901, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 902.0}) == Verdict::OffGrid);
    }

    void aFeedThatMarksClosedCandlesIsTakenAtItsWord()
    {
        BarAssembler assembler({.saysClosed = true}, kStep);
        assembler.add(live::Candle{{300, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 400.0});
        assembler.add(live::Candle{{600, 1.0, 2.0, 0.5, 1.5, 3.0}, false, 601.0});
        QVERIFY(assembler.whole().empty()); // the last update of 300 never came
        assembler.add(live::Candle{{600, 1.0, 2.0, 0.5, 1.5, 3.0}, true, 900.0});
        QVERIFY(assembler.whole().contains(600));
        QCOMPARE(assembler.overBefore(), std::int64_t{900});
    }

    void fractionsOfASecond()
    {
        QCOMPARE(parseUtcFraction("1970-01-01T00:00:01.5Z"), 1.5);
        QCOMPARE(parseUtcFraction("1970-01-01T00:00:01Z"), 1.0);
        QCOMPARE(parseUtcFraction("1970-01-01T02:00:01.25+02:00"), 1.25);
        for (const char* text : {"", ".", "1970-01-01T00:00:01.", "1970-01-01T00:00:01.5Q", "x.5Z"})
            QVERIFY2(remoteFailureOf([&] { parseUtcFraction(text); }) || std::string_view(text) == "1970-01-01T00:00:01.", text);
    }
};

QTEST_GUILESS_MAIN(TestLiveFrames)
#include "tst_live_frames.moc"
