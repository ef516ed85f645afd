#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai {

namespace {

std::optional<CsvLayout> tradesBelow(const CsvHeader& header, SourceFormat format)
{
    CsvLayout layout = header.layout(format, Content::Trades);
    layout.place(Role::Price) = header.find({"price"});
    layout.place(Role::Amount) = header.find({"amount"});
    if (!layout.has(Role::Time) || !layout.has(Role::Price) || !layout.has(Role::Amount))
        return std::nullopt;
    return layout;
}

} // namespace

namespace ccxt {

std::optional<CsvLayout> trades(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    auto layout = tradesBelow(header, SourceFormat::CcxtTrades);
    if (!layout || !header.has("side"))
        return std::nullopt;
    layout->reason = "a header with timestamp, side, price and amount, as ccxt names the fields of a trade";
    return layout;
}

} // namespace ccxt

namespace tardis {

std::optional<CsvLayout> trades(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    auto layout = tradesBelow(header, SourceFormat::TardisTrades);
    if (!layout || !header.startsWith({"exchange", "symbol", "timestamp", "localtimestamp"}) || sample.lines.size() < 2)
        return std::nullopt;
    layout->timeUnit = TimeUnit::Microseconds;
    layout->reason = "the header exchange,symbol,timestamp,local_timestamp,...,price,amount of tardis.dev";
    // BitMEX's inverse perpetual counts contracts of one dollar.
    const std::vector<std::string>& first = sample.lines[1].fields;
    if (first.size() > 1 && first[0] == "bitmex" && first[1] == "XBTUSD") {
        layout->volumeUnit = VolumeUnit::Quote;
        layout->notes.emplace_back("amounts of XBTUSD at BitMEX are contracts of 1 USD");
    }
    return layout;
}

} // namespace tardis

} // namespace btcai
