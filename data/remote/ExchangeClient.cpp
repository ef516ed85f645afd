#include "data/remote/ExchangeClient.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <QUrlQuery>
#include <fmt/ranges.h>

#include "base/Clock.h"
#include "base/Json.h"
#include "data/importers/ExchangeReplies.h"

namespace btcai {

namespace {

constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
constexpr std::size_t kShownBytes = 200;

constexpr std::array kExchanges = {Exchange::Binance, Exchange::Coinbase, Exchange::Kraken, Exchange::Bitstamp};

ExchangeRules rulesOf(Exchange exchange)
{
    switch (exchange) {
    case Exchange::Binance:
        return {.maxCandles = 1000,
                .minSecondsBetweenRequests = 0.05,
                .weightPerMinute = 6000, // "IP Limits": REQUEST_WEIGHT of exchangeInfo; a page costs 2
                .intervals = {1, kMinute, 3 * kMinute, 5 * kMinute, 15 * kMinute, 30 * kMinute, kHour, 2 * kHour, 4 * kHour, 6 * kHour,
                              8 * kHour, 12 * kHour, kDay}};
    case Exchange::Coinbase:
        return {.maxCandles = 300,
                .mayPrecedeRange = true,
                .minSecondsBetweenRequests = 0.1, // "REST Rate Limits": 10 requests a second
                .intervals = {kMinute, 5 * kMinute, 15 * kMinute, kHour, 6 * kHour, kDay}};
    case Exchange::Kraken:
        return {.maxCandles = 720,
                .mayFollowRange = true,
                .keptCandles = 720,
                .minSecondsBetweenRequests = 1.0, // public endpoints: about one call a second
                .intervals = {kMinute, 5 * kMinute, 15 * kMinute, 30 * kMinute, kHour, 4 * kHour, kDay}};
    case Exchange::Bitstamp:
        return {.maxCandles = 1000,
                .mayPrecedeRange = true,
                .minSecondsBetweenRequests = 0.06, // "Request limits": 10,000 in 10 minutes
                .intervals = {kMinute, 3 * kMinute, 5 * kMinute, 15 * kMinute, 30 * kMinute, kHour, 2 * kHour, 4 * kHour, 6 * kHour,
                              12 * kHour, kDay}};
    }
    throw Error(ErrorKind::Internal, "an exchange without rules");
}

void requireTls(const std::string& url, const char* scheme)
{
    const QUrl parsed(QString::fromStdString(url), QUrl::StrictMode);
    if (!parsed.isValid() || parsed.host().isEmpty() || parsed.scheme() != QLatin1String(scheme))
        throw Error(ErrorKind::BadInput, "\"{}\" is no exchange address; write it as {}://HOST", url, scheme);
}

/// What an error body says, shortened, on one line; "" when it says nothing.
std::string saidBy(const std::string& body)
{
    std::string text;
    try {
        const Json json = parseJson(body, "reply", {.maxBytes = 64 << 10});
        for (const char* key : {"msg", "message", "response_explanation", "reason", "error"})
            if (json.is_object() && json.contains(key)) {
                text = json[key].is_string() ? json[key].get<std::string>() : json[key].dump(-1, ' ', true);
                break;
            }
    } catch (const std::exception&) { // not JSON: the bytes themselves
        text = body;
    }
    text.resize(std::min(text.size(), kShownBytes));
    std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    return text;
}

/// Bitstamp has no status of its own for it: response_code 400.002, "Request rejected due to exceeded rate limit."
bool saysTooOften(const std::string& body) { return body.find("\"400.002\"") != std::string::npos; }

[[noreturn]] void failWithWait(RemoteFault fault, const HttpReply& reply, const std::string& message)
{
    RemoteError error(fault, message);
    error.retryAfterSeconds = reply.retryAfterSeconds;
    throw error;
}

void checkStatus(const HttpReply& reply)
{
    if (reply.status == 200)
        return;
    const std::string said = fmt::format("status {}: {}", reply.status, saidBy(reply.body));
    if (reply.status == 429 || saysTooOften(reply.body))
        failWithWait(RemoteFault::RateLimited, reply, "we ask too often, " + said);
    if (reply.status == 418)
        failWithWait(RemoteFault::Banned, reply, "this address is banned for a while, " + said);
    if (reply.status >= 500 || reply.status == 408)
        failWithWait(RemoteFault::ServerError, reply, "the server failed, " + said);
    if (reply.status >= 300 && reply.status < 400)
        throw RemoteError(RemoteFault::Redirect, "the server sends us elsewhere (status {}); check the address", reply.status);
    if (reply.status >= 400)
        throw RemoteError(RemoteFault::Refused, "the exchange refuses the request, " + said);
    throw RemoteError(RemoteFault::BadReply, "the server answers with " + said);
}

/// Kraken reports errors with status 200, in a list of strings: "E" or "W" and a category, a colon, a text.
void checkKrakenErrors(const Json& json)
{
    if (!json.is_object() || !json.contains("error") || !json["error"].is_array())
        throw RemoteError(RemoteFault::BadReply, "the reply has no list \"error\"");
    for (const Json& entry : json["error"]) {
        const std::string text = entry.is_string() ? entry.get<std::string>() : entry.dump(-1, ' ', true);
        if (text.starts_with('W'))
            continue;
        if (text.starts_with("EAPI:Rate limit") || text.starts_with("EGeneral:Too many requests"))
            throw RemoteError(RemoteFault::RateLimited, "we ask too often: {}", text);
        if (text.starts_with("EService") || text.starts_with("EGeneral:Internal"))
            throw RemoteError(RemoteFault::ServerError, "the exchange is not available: {}", text);
        throw RemoteError(RemoteFault::Refused, "the exchange refuses the request: {}", text.substr(0, kShownBytes));
    }
}

QString number(std::int64_t value) { return QString::number(value); }

} // namespace

std::string_view exchangeName(Exchange exchange)
{
    switch (exchange) {
    case Exchange::Binance: return "binance";
    case Exchange::Coinbase: return "coinbase";
    case Exchange::Kraken: return "kraken";
    case Exchange::Bitstamp: return "bitstamp";
    }
    return "unknown";
}

Exchange parseExchange(std::string_view name)
{
    for (const Exchange exchange : kExchanges)
        if (exchangeName(exchange) == name)
            return exchange;
    throw Error(ErrorKind::BadInput, "\"{}\" is no exchange that this program knows; choose binance, coinbase, kraken or bitstamp", name);
}

std::int64_t parseInterval(std::string_view text)
{
    std::int64_t count = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    constexpr std::pair<std::string_view, std::int64_t> units[] = {{"", 1}, {"s", 1}, {"m", kMinute}, {"h", kHour}, {"d", kDay}};
    for (const auto& [name, seconds] : units)
        if (status == std::errc() && unit == name && count > 0 && count <= kDay / seconds && kDay % (count * seconds) == 0)
            return count * seconds;
    throw Error(ErrorKind::BadInput, "\"{}\" is no interval; write it as 1m, 5m, 1h or 1d (a whole part of a day)", text);
}

std::string intervalName(std::int64_t intervalSeconds)
{
    constexpr std::pair<std::int64_t, char> units[] = {{kDay, 'd'}, {kHour, 'h'}, {kMinute, 'm'}};
    for (const auto& [seconds, name] : units)
        if (intervalSeconds % seconds == 0)
            return fmt::format("{}{}", intervalSeconds / seconds, name);
    return fmt::format("{}s", intervalSeconds);
}

ExchangeConfig defaultExchangeConfig(Exchange exchange)
{
    switch (exchange) {
    case Exchange::Binance: return {exchange, "https://api.binance.com", "wss://stream.binance.com:9443/ws"};
    case Exchange::Coinbase: return {exchange, "https://api.exchange.coinbase.com", "wss://ws-feed.exchange.coinbase.com"};
    case Exchange::Kraken: return {exchange, "https://api.kraken.com", "wss://ws.kraken.com/v2"};
    case Exchange::Bitstamp: return {exchange, "https://www.bitstamp.net", "wss://ws.bitstamp.net"};
    }
    throw Error(ErrorKind::Internal, "an exchange without an address");
}

ExchangeClient::ExchangeClient(ExchangeConfig config) : m_config(std::move(config)), m_rules(rulesOf(m_config.exchange))
{
    requireTls(m_config.restUrl, "https");
    requireTls(m_config.webSocketUrl, "wss");
}

void ExchangeClient::checkInterval(std::int64_t intervalSeconds) const
{
    if (std::ranges::find(m_rules.intervals, intervalSeconds) != m_rules.intervals.end())
        return;
    std::vector<std::string> names;
    std::ranges::transform(m_rules.intervals, std::back_inserter(names), intervalName);
    throw Error(ErrorKind::BadInput, "{} offers no candles of {}; choose {}", exchangeName(m_config.exchange),
                intervalName(intervalSeconds), fmt::join(names, ", "));
}

QUrl ExchangeClient::pageUrl(const PageRequest& page) const
{
    const QString symbol = QString::fromStdString(page.symbol);
    const QString segment = QString::fromLatin1(QUrl::toPercentEncoding(symbol));
    const std::int64_t last = page.to - page.intervalSeconds;
    QString path;
    QUrlQuery query;
    switch (m_config.exchange) {
    case Exchange::Binance:
        path = QStringLiteral("/api/v3/klines");
        query.setQueryItems({{"symbol", QString::fromLatin1(QUrl::toPercentEncoding(symbol))},
                             {"interval", QString::fromStdString(intervalName(page.intervalSeconds))},
                             {"startTime", number(page.from * 1000)},
                             {"endTime", number(last * 1000)},
                             {"limit", number((page.to - page.from) / page.intervalSeconds)}});
        break;
    case Exchange::Coinbase:
        path = QStringLiteral("/products/%1/candles").arg(segment);
        query.setQueryItems({{"granularity", number(page.intervalSeconds)},
                             {"start", QString::fromStdString(formatUtc(page.from))},
                             {"end", QString::fromStdString(formatUtc(last))}});
        break;
    case Exchange::Kraken: // `since` leaves out a candle of exactly that time
        path = QStringLiteral("/0/public/OHLC");
        query.setQueryItems({{"pair", segment}, {"interval", number(page.intervalSeconds / kMinute)}, {"since", number(page.from - 1)}});
        break;
    case Exchange::Bitstamp:
        path = QStringLiteral("/api/v2/ohlc/%1/").arg(segment);
        query.setQueryItems({{"step", number(page.intervalSeconds)},
                             {"limit", number((page.to - page.from) / page.intervalSeconds)},
                             {"start", number(page.from)},
                             {"end", number(last)}});
        break;
    }
    QUrl url(QString::fromStdString(m_config.restUrl));
    url.setPath(path, QUrl::TolerantMode);
    url.setQuery(query);
    return url;
}

std::vector<Bar> ExchangeClient::parsePage(const HttpReply& reply) const
{
    checkStatus(reply);
    if (reply.contentType.find("json") == std::string::npos)
        throw RemoteError(RemoteFault::WrongContentType, "the answer is \"{}\" where JSON is documented: {}", reply.contentType,
                          saidBy(reply.body));
    try {
        return parseBody(reply.body);
    } catch (const RemoteError&) {
        throw;
    } catch (const Error& error) {
        throw RemoteError(RemoteFault::BadReply, error.what());
    }
}

std::vector<Bar> ExchangeClient::parseBody(const std::string& body) const
{
    switch (m_config.exchange) {
    case Exchange::Binance: return parseBinanceReply(body);
    case Exchange::Coinbase: return parseCoinbaseReply(body);
    case Exchange::Kraken:
        checkKrakenErrors(parseJson(body, "the reply"));
        return parseKrakenReply(body);
    case Exchange::Bitstamp: return parseBitstampReply(body);
    }
    return {};
}

} // namespace btcai
