#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai::binance {

namespace {
constexpr std::size_t kColumns = 12;
constexpr std::initializer_list<Role> kOrder{Role::Time, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume};
constexpr int kQuoteVolume = 7;

/// The seventh number, the close time, lies behind the first, in the same unit.
bool isKline(const CsvSample& sample, std::size_t line)
{
    return sample.isNumeric(line, kColumns) && looksLikeTime(sample.number(line, 0)) && sample.number(line, 6) > sample.number(line, 0)
        && sample.lines[line].fields[0].size() == sample.lines[line].fields[6].size();
}
} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    const bool named = header.columns() == kColumns && header.startsWith({"opentime", "open", "high", "low", "close", "volume", "closetime"});
    if (!named && (sample.lines.empty() || !isKline(sample, 0)))
        return std::nullopt;
    CsvLayout layout = headerlessLayout(SourceFormat::BinanceKlines, sample, kOrder,
                                        named ? "12 columns under a kline header" : "12 columns of numbers without a header, the seventh a close time");
    layout.firstRow += named ? 1 : 0;
    layout.place(Role::QuoteVolume) = kQuoteVolume;
    return layout;
}

std::optional<JsonLayout> json(const Json& reply)
{
    if (!isListOfLists(reply, kColumns, kColumns))
        return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::BinanceReply, reply, kOrder, kColumns);
    layout.key(Role::QuoteVolume).index = kQuoteVolume;
    layout.reason = "a JSON list of lists of 12, as Binance's klines";
    return layout;
}

} // namespace btcai::binance
