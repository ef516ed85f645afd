#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai::bitstamp {

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    if (header.columns() != 8 || !header.has("weightedprice") || !header.has("volumecurrency") || !header.has("volumebtc"))
        return std::nullopt;
    auto layout = header.bars(SourceFormat::BitstampKaggle);
    if (!layout)
        return std::nullopt;
    layout->place(Role::Volume) = header.find({"volumebtc"});
    layout->place(Role::QuoteVolume) = header.find({"volumecurrency"});
    layout->emptyRowsAreMissing = true;
    layout->reason = "the 8 columns of the Bitstamp set on Kaggle, Weighted_Price the last";
    layout->notes.emplace_back("newer editions of this set write NaN for a minute without a trade: it becomes a missing bar; older ones repeat the "
                               "row before it: such rows are kept unless you drop repeats");
    return layout;
}

std::optional<JsonLayout> json(const Json& reply)
{
    const Json& list = memberOf(memberOf(reply, "data"), "ohlc");
    if (!list.is_array())
        return std::nullopt;
    JsonLayout layout;
    layout.format = SourceFormat::BitstampReply;
    layout.rows = &list;
    layout.key(Role::Time).name = "timestamp";
    for (const Role role : {Role::Open, Role::High, Role::Low, Role::Close, Role::Volume})
        layout.key(role).name = roleName(role).data();
    layout.reason = "a JSON object with data.ohlc, as Bitstamp's";
    return layout;
}

} // namespace btcai::bitstamp
