#include "data/importers/Exchanges.h"

namespace btcai::bitfinex {

namespace {
constexpr std::size_t kColumns = 6;
constexpr std::initializer_list<Role> kOrder{Role::Time, Role::Open, Role::Close, Role::High, Role::Low, Role::Volume};
} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    if (!sample.allNumeric(kColumns) || !looksLikeTime(sample.number(0, 0)))
        return std::nullopt;
    return headerlessLayout(SourceFormat::BitfinexCsv, sample, kOrder,
                            "6 columns of numbers without a header; only time,open,close,high,low,volume makes high the highest and low the lowest");
}

std::optional<JsonLayout> json(const Json& reply)
{
    if (!isListOfLists(reply, kColumns, kColumns))
        return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::BitfinexReply, reply, kOrder, kColumns);
    layout.reason = "a JSON list of lists of 6; only time,open,close,high,low,volume makes high the highest and low the lowest";
    return layout;
}

} // namespace btcai::bitfinex
