#include "data/importers/ExchangeReplies.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/Error.h"
#include "data/importers/Exchanges.h"

namespace btcai {

namespace {

constexpr JsonLimits kLimits{.maxBytes = 16 << 20, .maxDepth = 16};

using Recogniser = std::optional<JsonLayout> (*)(const Json&);

/// What the exchange says went wrong, in whichever of the usual ways; empty when it says nothing.
std::string complaintOf(const Json& reply)
{
    if (reply.is_array() && !reply.empty() && reply[0] == "error") // Bitfinex: ["error", 10020, "limit: invalid"]
        return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const char* name : {"error", "errors", "msg", "message", "reason"}) {
        const Json& text = memberOf(reply, name);
        const bool says = text.is_string() ? !text.get_ref<const std::string&>().empty() : text.is_structured() && !text.empty();
        if (says)
            return text.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return {};
}

Bar barOf(const RawBar& raw, RowSink& sink)
{
    if (raw.micros % kMicrosPerSecond != 0)
        sink.reject(FaultKind::OffGrid, raw.row, fmt::format("timestamp is {}, not a whole second", microsText(raw.micros)));
    return {raw.micros / kMicrosPerSecond, raw.open, raw.high, raw.low, raw.close, raw.volume};
}

std::vector<Bar> parseReply(std::string_view text, std::string_view exchange, std::initializer_list<Recogniser> recognisers)
{
    const std::string what = fmt::format("{} reply", exchange);
    const Json reply = parseJson(text, what, kLimits);
    std::optional<JsonLayout> layout;
    for (const Recogniser recognise : recognisers)
        if (!layout)
            layout = recognise(reply);
    if (!layout) {
        const std::string complaint = complaintOf(reply);
        throw Error(ErrorKind::BadInput, "{}: {}", what,
                    complaint.empty() ? "is not a list of candles as the exchange documents it"
                                      : "the exchange answers " + complaint.substr(0, 200));
    }
    FaultLog log;
    RowSink sink(what, "element", Strictness::Strict, log);
    StampReader stamps;
    readRows(*layout, sink, stamps);
    std::vector<Bar> bars;
    bars.reserve(sink.bars.size());
    for (const RawBar& raw : sink.bars)
        bars.push_back(barOf(raw, sink));
    std::ranges::stable_sort(bars, {}, &Bar::timestamp);
    return bars;
}

} // namespace

std::vector<Bar> parseBinanceReply(std::string_view json) { return parseReply(json, "Binance", {binance::json}); }
std::vector<Bar> parseCoinbaseReply(std::string_view json) { return parseReply(json, "Coinbase", {coinbase::json, coinbase::listJson}); }
std::vector<Bar> parseKrakenReply(std::string_view json) { return parseReply(json, "Kraken", {kraken::json}); }
std::vector<Bar> parseBitstampReply(std::string_view json) { return parseReply(json, "Bitstamp", {bitstamp::json}); }
std::vector<Bar> parseOkxReply(std::string_view json) { return parseReply(json, "OKX", {okx::json}); }
std::vector<Bar> parseDeribitReply(std::string_view json) { return parseReply(json, "Deribit", {deribit::json}); }
std::vector<Bar> parseBitfinexReply(std::string_view json) { return parseReply(json, "Bitfinex", {bitfinex::json}); }
std::vector<Bar> parseBittrexReply(std::string_view json) { return parseReply(json, "Bittrex", {bittrex::json}); }

} // namespace btcai
