#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai::coingecko {

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    const int price = header.find({"price"});
    if (!header.has("snappedat") || price < 0 || !header.has("totalvolume"))
        return std::nullopt;
    CsvLayout layout = header.layout(SourceFormat::CoinGecko, Content::Bars);
    layout.place(Role::Time) = header.find({"snappedat"});
    for (const Role role : {Role::Open, Role::High, Role::Low, Role::Close})
        layout.place(role) = price;
    layout.place(Role::Volume) = header.find({"totalvolume"});
    layout.volumeUnit = VolumeUnit::Quote;
    layout.reason = "the header snapped_at,price,...,total_volume of CoinGecko";
    layout.notes.emplace_back("one price a row: open, high, low and close are that price");
    return layout;
}

} // namespace btcai::coingecko
