#include "data/remote/LiveFrames.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/Clock.h"

namespace btcai {

namespace {

using live::Event;

FeedRules feedRulesOf(Exchange exchange)
{
    switch (exchange) {
    case Exchange::Binance: return {.saysClosed = true};
    case Exchange::Kraken: return {.pingsByText = true};
    case Exchange::Coinbase: return {.fromTrades = true, .consecutiveTradeIds = true};
    case Exchange::Bitstamp: return {.fromTrades = true, .pingsByText = true};
    }
    throw Error(ErrorKind::Internal, "an exchange without a feed");
}

std::string changedCase(std::string text, int (*change)(int))
{
    std::ranges::transform(text, text.begin(), [change](unsigned char c) { return static_cast<char>(change(c)); });
    return text;
}
std::string lower(std::string text) { return changedCase(std::move(text), std::tolower); }
std::string upper(std::string text) { return changedCase(std::move(text), std::toupper); }

[[noreturn]] void failAt(const char* key, const char* what)
{
    throw RemoteError(RemoteFault::BadReply, "the frame's field \"{}\" is {}", key, what);
}

const Json& member(const Json& json, const char* key)
{
    const auto found = json.is_object() ? json.find(key) : json.end();
    if (!json.is_object() || found == json.end())
        failAt(key, "missing");
    return *found;
}

std::string textAt(const Json& json, const char* key)
{
    const Json& value = member(json, key);
    if (!value.is_string())
        failAt(key, "no text");
    return value.get<std::string>();
}

/// A text that need not be there; "" then.
std::string optionalText(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A finite number, given as one or as text.
double numberAt(const Json& json, const char* key)
{
    const Json& value = member(json, key);
    double number = 0.0;
    if (value.is_number()) {
        number = value.get<double>();
    } else if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (text.empty() || status != std::errc() || end != text.data() + text.size())
            failAt(key, "no number");
    } else {
        failAt(key, "no number");
    }
    if (!std::isfinite(number))
        failAt(key, "not finite");
    return number;
}

/// A whole number that a double holds exactly.
std::int64_t wholeAt(const Json& json, const char* key)
{
    constexpr double largest = 9007199254740992.0; // 2^53
    const double number = numberAt(json, key);
    if (number != std::floor(number) || std::abs(number) > largest)
        failAt(key, "no whole number");
    return static_cast<std::int64_t>(number);
}

double timeAt(const Json& json, const char* key)
{
    try {
        return parseUtcFraction(textAt(json, key));
    } catch (const RemoteError&) {
        throw;
    } catch (const Error&) {
        failAt(key, "no time");
    }
}

double positive(double value, const char* what)
{
    if (value <= 0.0)
        throw RemoteError(RemoteFault::BadCandle, "the feed gives a {} of {}", what, value);
    return value;
}

Bar candleBar(std::int64_t time, const Json& json, const std::array<const char*, 5>& keys)
{
    Bar bar{time, 0.0, 0.0, 0.0, 0.0, 0.0};
    bar.open = positive(numberAt(json, keys[0]), "price");
    bar.high = positive(numberAt(json, keys[1]), "price");
    bar.low = positive(numberAt(json, keys[2]), "price");
    bar.close = positive(numberAt(json, keys[3]), "price");
    bar.volume = numberAt(json, keys[4]);
    if (bar.volume < 0.0)
        throw RemoteError(RemoteFault::BadCandle, "the feed gives a volume of {}", bar.volume);
    return bar;
}

live::Refusal refusal(const Json& json, const char* key)
{
    const auto found = json.find(key);
    std::string text = found == json.end()  ? "no reason given"
                       : found->is_string() ? found->get<std::string>()
                                            : found->dump(-1, ' ', true);
    text.resize(std::min<std::size_t>(text.size(), 200));
    return {std::move(text)};
}

} // namespace

double parseUtcFraction(std::string_view text)
{
    const std::size_t point = text.find('.');
    if (point == std::string_view::npos)
        return static_cast<double>(parseUtc(text));
    std::size_t end = point + 1;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9')
        ++end;
    double fraction = 0.0;
    std::from_chars(text.data() + point, text.data() + end, fraction); // ".123"
    return static_cast<double>(parseUtc(std::string(text.substr(0, point)) + std::string(text.substr(end)))) + fraction;
}

LiveFrames::LiveFrames(Exchange exchange, std::string symbol, std::int64_t intervalSeconds)
    : m_exchange(exchange), m_symbol(std::move(symbol)), m_interval(intervalSeconds), m_rules(feedRulesOf(exchange))
{
    const auto isPlain = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '/' || c == '_' || c == '.'; };
    if (m_symbol.empty() || m_symbol.size() > 40 || !std::ranges::all_of(m_symbol, isPlain))
        throw Error(ErrorKind::BadInput, "\"{}\" is no symbol of a live feed", m_symbol);
    if (exchange == Exchange::Binance)
        m_symbol = upper(m_symbol);
    if (exchange == Exchange::Bitstamp)
        m_symbol = lower(m_symbol);
}

std::string LiveFrames::subscribeMessage() const
{
    switch (m_exchange) {
    case Exchange::Binance:
        return Json{{"method", "SUBSCRIBE"}, {"params", {fmt::format("{}@kline_{}", lower(m_symbol), intervalName(m_interval))}}, {"id", 1}}
            .dump();
    case Exchange::Kraken:
        return Json{
            {"method", "subscribe"},
            {"params", {{"channel", "ohlc"}, {"symbol", Json::array({m_symbol})}, {"interval", m_interval / 60}, {"snapshot", false}}}}
            .dump();
    case Exchange::Coinbase:
        return Json{{"type", "subscribe"}, {"product_ids", Json::array({m_symbol})}, {"channels", {"matches", "heartbeat"}}}.dump();
    case Exchange::Bitstamp: return Json{{"event", "bts:subscribe"}, {"data", {{"channel", "live_trades_" + m_symbol}}}}.dump();
    }
    return {};
}

std::string LiveFrames::pingMessage() const
{
    return m_exchange == Exchange::Kraken ? R"({"method":"ping"})" : R"({"event":"bts:heartbeat"})";
}

std::vector<Event> LiveFrames::parse(std::string_view frame) const
{
    try {
        const Json json = parseJson(frame, "the frame", {.maxBytes = kLargestFrame, .maxDepth = 16});
        if (!json.is_object())
            throw RemoteError(RemoteFault::BadReply, "the frame is no JSON object");
        switch (m_exchange) {
        case Exchange::Binance: return parseBinance(json);
        case Exchange::Kraken: return parseKraken(json);
        case Exchange::Coinbase: return parseCoinbase(json);
        case Exchange::Bitstamp: return parseBitstamp(json);
        }
        return {};
    } catch (const RemoteError&) {
        throw;
    } catch (const Error& error) {
        throw RemoteError(RemoteFault::BadReply, error.what());
    }
}

std::vector<Event> LiveFrames::parseBinance(const Json& json) const
{
    if (json.contains("code") || json.contains("error"))
        return {refusal(json, json.contains("msg") ? "msg" : "error")};
    if (json.contains("result") && json.contains("id"))
        return {live::Subscribed{}};
    const std::string event = optionalText(json, "e");
    if (event == "serverShutdown")
        return {live::ReconnectRequest{}};
    if (event != "kline")
        return {};
    const Json& kline = member(json, "k");
    if (textAt(kline, "s") != m_symbol || textAt(kline, "i") != intervalName(m_interval))
        return {};
    const Json& closed = member(kline, "x");
    if (!closed.is_boolean())
        failAt("x", "neither true nor false");
    const std::int64_t open = wholeAt(kline, "t");
    if (open % 1000 != 0)
        throw RemoteError(RemoteFault::OffGrid, "the candle of {} ms does not open on a second", open);
    return {live::Candle{candleBar(open / 1000, kline, {"o", "h", "l", "c", "v"}), closed.get<bool>(),
                         static_cast<double>(wholeAt(json, "E")) / 1000.0}};
}

std::vector<Event> LiveFrames::parseKraken(const Json& json) const
{
    if (const std::string method = optionalText(json, "method"); !method.empty()) {
        const auto success = json.find("success");
        if (method == "subscribe")
            return {success != json.end() && *success == true ? Event(live::Subscribed{}) : Event(refusal(json, "error"))};
        return {live::Heartbeat{}};
    }
    const std::string channel = optionalText(json, "channel");
    if (channel != "ohlc")
        return channel == "heartbeat" ? std::vector<Event>{live::Heartbeat{}} : std::vector<Event>{};
    const double time = timeAt(json, "timestamp");
    const Json& candles = member(json, "data");
    if (!candles.is_array())
        failAt("data", "no list");
    std::vector<Event> events;
    for (const Json& candle : candles) {
        if (textAt(candle, "symbol") != m_symbol || wholeAt(candle, "interval") != m_interval / 60)
            continue;
        const auto open = static_cast<std::int64_t>(timeAt(candle, "interval_begin"));
        events.push_back(live::Candle{candleBar(open, candle, {"open", "high", "low", "close", "volume"}), false, time});
    }
    return events;
}

std::vector<Event> LiveFrames::parseCoinbase(const Json& json) const
{
    const std::string type = textAt(json, "type");
    if (type == "subscriptions")
        return {live::Subscribed{}};
    if (type == "error")
        return {refusal(json, json.contains("reason") ? "reason" : "message")};
    if ((type != "match" && type != "last_match" && type != "heartbeat") || textAt(json, "product_id") != m_symbol)
        return {};
    if (type == "heartbeat")
        return {live::Heartbeat{timeAt(json, "time"), wholeAt(json, "last_trade_id")}};
    const std::int64_t id = wholeAt(json, "trade_id");
    if (type == "last_match")
        return {live::TradeBefore{id}};
    return {live::Trade{id, timeAt(json, "time"), positive(numberAt(json, "price"), "price"), positive(numberAt(json, "size"), "size")}};
}

std::vector<Event> LiveFrames::parseBitstamp(const Json& json) const
{
    const std::string event = textAt(json, "event");
    if (event == "bts:request_reconnect")
        return {live::ReconnectRequest{}};
    if (event == "bts:heartbeat")
        return {live::Heartbeat{}};
    if (event == "bts:error")
        return {refusal(member(json, "data"), "message")};
    if (optionalText(json, "channel") != "live_trades_" + m_symbol)
        return {};
    if (event == "bts:subscription_succeeded")
        return {live::Subscribed{}};
    if (event != "trade")
        return {};
    const Json& trade = member(json, "data");
    return {live::Trade{wholeAt(trade, "id"), static_cast<double>(wholeAt(trade, "microtimestamp")) / 1e6,
                        positive(numberAt(trade, trade.contains("price_str") ? "price_str" : "price"), "price"),
                        positive(numberAt(trade, trade.contains("amount_str") ? "amount_str" : "amount"), "amount")}};
}

} // namespace btcai
