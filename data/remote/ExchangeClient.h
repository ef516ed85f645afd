#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <QUrl>

#include "data/bars/BarSeries.h"
#include "data/remote/RemoteError.h"

namespace btcai {

enum class Exchange { Binance, Coinbase, Kraken, Bitstamp };

/// "binance", "coinbase", "kraken", "bitstamp".
std::string_view exchangeName(Exchange exchange);
/// The other way. Throws Error(BadInput) listing the names.
Exchange parseExchange(std::string_view name);

/// "5m" is 300; units are s, m, h and d, and a bare number counts seconds. Throws Error(BadInput) for anything that is not a
/// whole part of a day.
std::int64_t parseInterval(std::string_view text);

/// The opening time of the bar that `time` falls into.
constexpr std::int64_t gridFloor(std::int64_t time, std::int64_t intervalSeconds) { return time - time % intervalSeconds; }

/// Where an exchange is found. Only addresses with TLS are accepted; certificates are always checked.
struct ExchangeConfig {
    Exchange exchange = Exchange::Binance;
    std::string restUrl;      ///< https://host[:port], without a path
    std::string webSocketUrl; ///< wss://host[:port][/path]
    std::string caFile{};     ///< PEM file with the only authorities to trust; empty: those of the system
};

/// The exchange's public addresses.
ExchangeConfig defaultExchangeConfig(Exchange exchange);

/// Candles with from <= open time < to, both on the grid.
struct PageRequest {
    std::string symbol; ///< as the exchange spells it: BTCUSDT, BTC-USD, XBTUSD, btcusd
    std::int64_t intervalSeconds = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
};

/// What a server answered.
struct HttpReply {
    int status = 0;
    std::string contentType{};
    std::optional<double> retryAfterSeconds{}; ///< header Retry-After
    std::optional<int> usedWeight{};           ///< header X-MBX-USED-WEIGHT-1M (Binance)
    std::optional<std::int64_t> date{};        ///< header Date, UTC seconds
    std::string body{};
};

/// What is particular to one exchange's candle endpoint.
struct ExchangeRules {
    std::size_t maxCandles = 0;              ///< of one reply
    bool mayPrecedeRange = false;            ///< candles before the range are documented behaviour and dropped
    bool mayFollowRange = false;             ///< likewise behind it
    std::int64_t keptCandles = 0;            ///< only so many of the latest can be had, the unfinished one included; 0: all
    double minSecondsBetweenRequests = 0.0;
    int weightPerMinute = 0;                 ///< limit that X-MBX-USED-WEIGHT-1M counts towards; 0: none
    std::vector<std::int64_t> intervals{};   ///< offered, in seconds
};

/// One exchange's candle endpoint: how to ask and how to read the answer. Does no I/O.
///
/// - Binance Spot, "Kline/Candlestick data": GET /api/v3/klines?symbol&interval&startTime&endTime&limit, times in ms and both
///   inclusive, up to 1000, oldest first. 429 and 418 come with Retry-After; errors are {"code", "msg"}.
/// - Coinbase Exchange, "Get product candles": GET /products/{id}/candles?granularity&start&end, up to 300, newest first, rows
///   [time, low, high, open, close, volume]; rows before `start` may come too, and none for an interval without a
///   trade. Errors are {"message"}.
/// - Kraken Spot REST, "Get OHLC Data": GET /0/public/OHLC?pair&interval&since, the latest 720 at most, always up to the
///   unfinished one; errors come with status 200 in the list "error" ("EAPI:Rate limit exceeded", "EService:Busy", ...).
/// - Bitstamp HTTP API v2, "OHLC data": GET /api/v2/ohlc/{pair}/?step&limit&start&end, up to 1000, oldest first. When both
///   start and end are given the documentation lets end win, so earlier candles may come. Errors are {"reason"},
///   {"error"} or {"response_code", "response_explanation"}.
class ExchangeClient {
public:
    /// Throws Error(BadInput) for an address that is not https:// or wss://.
    explicit ExchangeClient(ExchangeConfig config);

    const ExchangeConfig& config() const { return m_config; }
    const ExchangeRules& rules() const { return m_rules; }

    /// Throws Error(BadInput) listing what is offered.
    void checkInterval(std::int64_t intervalSeconds) const;

    /// The address that asks for the page; at most rules().maxCandles candles.
    QUrl pageUrl(const PageRequest& page) const;

    /// The candles of a reply, unchecked. Throws RemoteError for a reply that has none:
    /// RateLimited, Banned, ServerError, Redirect, Refused, WrongContentType, BadReply.
    std::vector<Bar> parsePage(const HttpReply& reply) const;

private:
    std::vector<Bar> parseBody(const std::string& body) const;

    ExchangeConfig m_config;
    ExchangeRules m_rules;
};

/// Binance's and others' name of an interval: "5m", "1h", "1d".
std::string intervalName(std::int64_t intervalSeconds);

} // namespace btcai
