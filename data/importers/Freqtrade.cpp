#include "data/importers/Exchanges.h"

namespace btcai::freqtrade {

namespace {
bool isNumber(const Json& value, double wanted) { return value.is_number() && value.get<double>() == wanted; }
} // namespace

std::optional<JsonLayout> json(const Json& reply)
{
    if (!isListOfLists(reply, 6, 6))
        return std::nullopt;
    JsonLayout layout =
        listLayout(SourceFormat::FreqtradeJson, reply, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume}, 6);
    layout.reason = "a JSON list of lists of 6; only time,open,high,low,close,volume makes high the highest and low the lowest";
    return layout;
}

std::optional<JsonLayout> funding(const Json& reply)
{
    if (!isListOfLists(reply, 6, 6) || reply.empty())
        return std::nullopt;
    for (const Json& row : reply)
        for (std::size_t i = 2; i < 6; ++i)
            if (!row.is_array() || row.size() != 6 || !isNumber(row[i], 0.0))
                return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::FreqtradeFunding, reply, {Role::Time, Role::Rate}, 6);
    layout.content = Content::Funding;
    layout.reason = "a JSON list of lists of 6 whose last four are 0: time and funding rate, as freqtrade keeps them";
    return layout;
}

std::optional<JsonLayout> trades(const Json& reply)
{
    if (!isListOfLists(reply, 7, 7) || reply.empty() || !reply[0][3].is_string() || !reply[0][0].is_number_integer())
        return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::FreqtradeTrades, reply, {Role::Time}, 7);
    layout.content = Content::Trades;
    layout.key(Role::Price).index = 4;
    layout.key(Role::Amount).index = 5;
    layout.reason = "a JSON list of lists of 7 with a side in the middle, as freqtrade's trades";
    return layout;
}

} // namespace btcai::freqtrade
