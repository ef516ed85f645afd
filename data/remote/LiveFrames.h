#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/Json.h"
#include "data/remote/ExchangeClient.h"

namespace btcai {

/// What a text frame of a live feed can mean. Times are the exchange's, in UTC seconds.
namespace live {

struct Subscribed {};
/// The exchange refuses the subscription or another message of ours.
struct Refusal {
    std::string message;
};
/// The exchange is about to close the connection.
struct ReconnectRequest {};
/// Alive, nothing more. A number of the last trade, where given, shows whether one was missed.
struct Heartbeat {
    std::optional<double> time{};
    std::int64_t lastTradeId = 0; ///< 0: unknown
};
/// The candle of `bar.timestamp` so far.
struct Candle {
    Bar bar;
    bool closed = false; ///< the exchange says that it is final
    double time = 0.0;   ///< of the message
};
struct Trade {
    std::int64_t id = 0;
    double time = 0.0;
    double price = 0.0;
    double amount = 0.0; ///< in coins
};
/// The last trade before the subscription (Coinbase): where counting starts.
struct TradeBefore {
    std::int64_t id = 0;
};

using Event = std::variant<Subscribed, Refusal, ReconnectRequest, Heartbeat, Candle, Trade, TradeBefore>;

} // namespace live

/// What is particular to one exchange's live feed.
struct FeedRules {
    bool fromTrades = false;          ///< candles are put together from trades
    bool saysClosed = false;          ///< the feed marks a candle's last update
    bool consecutiveTradeIds = false; ///< each trade's number is one more than the last one's
    bool pingsByText = false;         ///< pingMessage(); else a WebSocket ping
};

/// One exchange's public live feed: what to send and how to read what comes. Does no I/O.
///
/// - Binance "WebSocket Streams", Kline/Candlestick Streams: {"method": "SUBSCRIBE", "params": ["btcusdt@kline_5m"], "id": 1},
///   acknowledged by {"result": null, "id": 1}; events "kline" with the candle in "k", "x" marks its last update;
///   "serverShutdown" announces the end.
/// - Kraken WebSocket v2, "Candles (OHLC)": channel ohlc, updates on trades, no closing mark; "heartbeat" every second, ping
///   by {"method": "ping"}.
/// - Coinbase Exchange "WebSocket channels": matches (numbered without holes by trade_id) and heartbeat (every second, with
///   last_trade_id); its feed has no candles of every interval, so they are put together from trades.
/// - Bitstamp "WebSocket API v2": live_trades_PAIR; no candles; "bts:request_reconnect", "bts:heartbeat".
class LiveFrames {
public:
    static constexpr std::size_t kLargestFrame = 1u << 20;

    /// Throws Error(BadInput) for an interval or a symbol the feed cannot have.
    LiveFrames(Exchange exchange, std::string symbol, std::int64_t intervalSeconds);

    const FeedRules& rules() const { return m_rules; }
    std::string subscribeMessage() const;
    std::string pingMessage() const;

    /// What a frame says about our subscription, in order; nothing for messages that do not concern it. Throws
    /// RemoteError(BadReply) for a frame that is not the documented JSON, whatever its bytes, and BadCandle for prices or
    /// amounts that cannot be.
    std::vector<live::Event> parse(std::string_view frame) const;

private:
    std::vector<live::Event> parseBinance(const Json& json) const;
    std::vector<live::Event> parseKraken(const Json& json) const;
    std::vector<live::Event> parseCoinbase(const Json& json) const;
    std::vector<live::Event> parseBitstamp(const Json& json) const;

    Exchange m_exchange;
    std::string m_symbol;
    std::int64_t m_interval;
    FeedRules m_rules;
};

/// ISO 8601 with a fraction of a second, "2023-10-04T16:25:00.123456Z", in UTC seconds. Throws Error(BadInput).
double parseUtcFraction(std::string_view text);

} // namespace btcai
