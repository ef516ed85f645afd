#include <cmath>

#include "data/importers/Exchanges.h"

namespace btcai::kraken {

namespace {

/// The list below result whose name is the pair, beside "last".
const Json* pairList(const Json& reply)
{
    const Json& result = memberOf(reply, "result");
    if (!result.is_object() || !reply.contains("error"))
        return nullptr;
    for (const auto& [name, value] : result.items())
        if (name != "last" && value.is_array())
            return &value;
    return nullptr;
}

/// Candles have a whole number of trades at the end and their time at the beginning; trades have letters in the middle.
bool isCandle(const Json& row) { return row.is_array() && row.size() == 8 && row[7].is_number_integer(); }
bool isTrade(const Json& row) { return row.is_array() && row.size() >= 6 && row[3].is_string() && row[4].is_string() && row[2].is_number(); }

} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    constexpr std::size_t columns = 7;
    if (!sample.allNumeric(columns) || !looksLikeTime(sample.number(0, 0)))
        return std::nullopt;
    ColumnOrders orders;
    for (std::size_t i = 0; i < sample.lines.size(); ++i) {
        orders.see(std::array{sample.number(i, 1), sample.number(i, 2), sample.number(i, 3), sample.number(i, 4)});
        if (sample.number(i, 6) != std::floor(sample.number(i, 6)))
            return std::nullopt;
    }
    if (!orders.openHighLowClose)
        return std::nullopt;
    return headerlessLayout(SourceFormat::KrakenOhlcvt, sample, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume},
                            "7 columns of numbers without a header, the last the number of trades");
}

std::optional<CsvLayout> tradesCsv(const CsvSample& sample)
{
    if (!sample.allNumeric(3) || !looksLikeTime(sample.number(0, 0)))
        return std::nullopt;
    CsvLayout layout = headerlessLayout(SourceFormat::KrakenTradesCsv, sample, {Role::Time, Role::Price, Role::Amount},
                                        "3 columns of numbers without a header, time, price and amount of a trade");
    layout.content = Content::Trades;
    return layout;
}

std::optional<JsonLayout> json(const Json& reply)
{
    const Json* list = pairList(reply);
    if (list == nullptr || (!list->empty() && !isCandle((*list)[0])))
        return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::KrakenReply, *list, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close}, 8);
    layout.key(Role::Volume).index = 6;
    const Json& last = memberOf(memberOf(reply, "result"), "last");
    if (last.is_number_integer())
        layout.unfinishedAfter = last.get<std::int64_t>();
    layout.reason = "a JSON object with error and result, rows of 8, as Kraken's OHLC";
    return layout;
}

std::optional<JsonLayout> tradesJson(const Json& reply)
{
    const Json* list = pairList(reply);
    if (list == nullptr || list->empty() || !isTrade((*list)[0]))
        return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::KrakenTradesReply, *list, {Role::Price, Role::Amount, Role::Time}, 6);
    layout.content = Content::Trades;
    layout.reason = "a JSON object with error and result, rows of price, volume and time, as Kraken's trades";
    return layout;
}

} // namespace btcai::kraken
