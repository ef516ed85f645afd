#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/Clock.h"
#include "base/Rng.h"
#include "data/remote/ExchangeClient.h"

namespace btcai::test {

/// A frame and the time, in UTC seconds, at which the exchange sends it.
struct TimedFrame {
    double time = 0.0;
    std::string text;
};

/// The live feed of an exchange as its documentation describes it. Written from the documentation and not from the client under test.
class FeedFrames {
public:
    explicit FeedFrames(Exchange exchange) : m_exchange(exchange) {}

    static const char* symbolOf(Exchange exchange)
    {
        constexpr const char* symbols[] = {"BTCUSDT", "BTC-USD", "BTC/USD", "btcusd"};
        return symbols[static_cast<int>(exchange)];
    }

    /// What a subscription must look like, in compact JSON.
    std::string subscription() const
    {
        switch (m_exchange) {
        case Exchange::Binance: return R"({"method":"SUBSCRIBE","params":["btcusdt@kline_5m"],"id":1})";
        case Exchange::Coinbase: return R"({"type":"subscribe","product_ids":["BTC-USD"],"channels":["matches","heartbeat"]})";
        case Exchange::Kraken:
            return R"({"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":5,"snapshot":false}})";
        case Exchange::Bitstamp: return R"({"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}})";
        }
        return {};
    }

    std::string acknowledgement() const
    {
        switch (m_exchange) {
        case Exchange::Binance: return R"({"result":null,"id":1})";
        case Exchange::Coinbase:
            return R"({"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]},{"name":"heartbeat","product_ids":["BTC-USD"]}]})";
        case Exchange::Kraken:
            return R"({"method":"subscribe","result":{"channel":"ohlc","interval":5,"snapshot":false,"symbol":"BTC/USD"},"success":true,
                       "time_in":"2023-10-04T16:25:00.000000Z","time_out":"2023-10-04T16:25:00.000100Z"})";
        case Exchange::Bitstamp: return R"({"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}})";
        }
        return {};
    }

    std::string refusal() const
    {
        switch (m_exchange) {
        case Exchange::Binance: return R"({"code":2,"msg":"Invalid request: unknown stream","id":1})";
        case Exchange::Coinbase: return R"({"type":"error","message":"Failed to subscribe","reason":"BTC-USD is not a valid product"})";
        case Exchange::Kraken: return R"({"error":"Currency pair not supported BTC/USD","method":"subscribe","success":false})";
        case Exchange::Bitstamp: return R"({"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}})";
        }
        return {};
    }

    /// A frame that shows nothing but life; for Coinbase with the number of the last trade.
    std::string heartbeat(double time) const
    {
        switch (m_exchange) {
        case Exchange::Binance: return R"({"e":"somethingNew","E":1})";
        case Exchange::Coinbase:
            return fmt::format(R"({{"type":"heartbeat","sequence":90,"last_trade_id":{},"product_id":"BTC-USD","time":"{}"}})", m_trade,
                               stamp(time));
        case Exchange::Kraken: return R"({"channel":"heartbeat"})";
        case Exchange::Bitstamp: return R"({"event":"bts:heartbeat","channel":"","data":{"status":"success"}})";
        }
        return {};
    }

    /// The frames of one bar, which end with its final values.
    std::vector<TimedFrame> barFrames(const Bar& bar)
    {
        const auto at = [&](double second) { return static_cast<double>(bar.timestamp) + second; };
        if (m_exchange == Exchange::Coinbase || m_exchange == Exchange::Bitstamp) {
            const auto units = std::llround(bar.volume * 1e8);
            const long long parts[] = {units / 7, units / 5, units / 3, units - units / 7 - units / 5 - units / 3};
            return {trade(at(1.5), bar.open, parts[0]), trade(at(80.25), bar.high, parts[1]), trade(at(170.0), bar.low, parts[2]),
                    trade(at(299.75), bar.close, parts[3])};
        }
        Bar first = bar;
        first.high = first.low = first.close = bar.open;
        first.volume = bar.volume / 4.0;
        Bar second = bar;
        second.close = bar.high;
        second.volume = bar.volume / 2.0;
        return {candle(at(2.0), first, false), candle(at(150.0), second, false),
                candle(at(m_exchange == Exchange::Binance ? 300.01 : 299.0), bar, true)};
    }

    TimedFrame trade(double time, double price, long long units)
    {
        ++m_trade;
        const std::string amount = fmt::format("{}.{:08}", units / 100000000, units % 100000000);
        if (m_exchange == Exchange::Coinbase)
            return {time,
                    fmt::format(R"({{"type":"match","trade_id":{},"sequence":{},"maker_order_id":"a","taker_order_id":"b","time":"{}",)"
                                R"("product_id":"BTC-USD","size":"{}","price":"{:.8f}","side":"sell"}})",
                                m_trade, m_trade * 5, stamp(time), amount, price)};
        return {
            time,
            fmt::format(R"({{"data":{{"id":{},"timestamp":"{}","amount":{},"amount_str":"{}","price":{:.8f},"price_str":"{:.8f}","type":0,)"
                        R"("microtimestamp":"{}","buy_order_id":1,"sell_order_id":2}},"channel":"live_trades_btcusd","event":"trade"}})",
                        m_trade * 3, static_cast<std::int64_t>(time), amount, amount, price, price, std::llround(time * 1e6))};
    }

    TimedFrame candle(double time, const Bar& b, bool closed) const
    {
        if (m_exchange == Exchange::Binance)
            return {
                time,
                fmt::format(R"({{"e":"kline","E":{},"s":"BTCUSDT","k":{{"t":{},"T":{},"s":"BTCUSDT","i":"5m","f":100,"L":200,"o":"{:.8f}",)"
                            R"("c":"{:.8f}","h":"{:.8f}","l":"{:.8f}","v":"{:.8f}","n":100,"x":{},"q":"1.0","V":"5","Q":"0.5","B":"1"}}}})",
                            std::llround(time * 1000.0), b.timestamp * 1000, (b.timestamp + 300) * 1000 - 1, b.open, b.close, b.high, b.low,
                            b.volume, closed)};
        return {time, fmt::format(
                          R"({{"channel":"ohlc","type":"update","timestamp":"{}","data":[{{"symbol":"BTC/USD","open":{:.8f},"high":{:.8f},)"
                          R"("low":{:.8f},"close":{:.8f},"trades":12,"volume":{:.8f},"vwap":{:.8f},"interval_begin":"{}","interval":5,)"
                          R"("timestamp":"{}"}}]}})",
                          stamp(time), b.open, b.high, b.low, b.close, b.volume, b.close, stamp(static_cast<double>(b.timestamp)),
                          stamp(static_cast<double>(b.timestamp + 300)))};
    }

    /// ISO 8601 with six decimals.
    static std::string stamp(double time)
    {
        const auto micros = std::llround(time * 1e6);
        std::string text = formatUtc(micros / 1000000);
        text.pop_back();
        return fmt::format("{}.{:06}Z", text, micros % 1000000);
    }

    bool isFromTrades() const { return m_exchange == Exchange::Coinbase || m_exchange == Exchange::Bitstamp; }
    void skipTrade() { ++m_trade; }

private:
    Exchange m_exchange;
    long long m_trade = 1000;
};

/// A text with some of its bytes flipped, cut, doubled, or replaced by what parsers stumble over.
inline std::string mutated(std::string text, Rng& rng)
{
    static const std::vector<std::string> spices = {
        "null", "-1",  "1e999", "\"\"", "{}",    "[]",    "\xff\xfe", "\\u0000", "999999999999999999999",
        "true", "0.1", "-0",    ":",    "\"x\"", "[[[[[", "NaN",      "1e-320",  "9223372036854775808"};
    const std::uint64_t count = 1 + rng.below(4);
    for (std::uint64_t i = 0; i < count && !text.empty(); ++i) {
        const std::size_t at = rng.below(text.size());
        switch (rng.below(6)) {
        case 0: text[at] = static_cast<char>(rng.below(256)); break;
        case 1: text.erase(at, 1 + rng.below(20)); break;
        case 2: text.insert(at, text.substr(rng.below(text.size()), rng.below(40))); break;
        case 3: text.resize(at); break;
        case 4: text.insert(at, spices[rng.below(spices.size())]); break;
        default: { // a value for another
            const std::size_t colon = text.find(':', at);
            const std::size_t end = colon == std::string::npos ? colon : text.find_first_of(",}", colon);
            if (end != std::string::npos)
                text.replace(colon + 1, end - colon - 1, spices[rng.below(spices.size())]);
        }
        }
    }
    return text;
}

} // namespace btcai::test
