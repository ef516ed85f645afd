#include <algorithm>
#include <array>

#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai::cryptodatadownload {

namespace {

constexpr std::array<std::string_view, 10> kMoney{"volumeusd", "volumeusdt", "volumeusdc", "volumebusd", "volumedai",
                                                  "volumeeur", "volumegbp",  "volumejpy",  "volumekrw",  "volumeto"};

/// The columns of volumes in coins and in money. Of "volume_btc,volume" the first counts coins, of "volume,Volume USD" too, and of
/// "Volume ETH,Volume BTC" as well; the swap check looks at the values.
void findVolumes(const CsvHeader& header, CsvLayout& layout)
{
    int coins = -1;
    int money = -1;
    for (int i = 0; i < static_cast<int>(header.columns()); ++i) {
        const std::string& name = header.names()[static_cast<std::size_t>(i)];
        if (!name.starts_with("volume"))
            continue;
        if (coins < 0 && std::ranges::find(kMoney, name) == kMoney.end())
            coins = i;
        else if (money < 0)
            money = i;
    }
    layout.place(Role::Volume) = coins;
    layout.place(Role::QuoteVolume) = money;
}

} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    // Some files begin with a notice that holds the site's address.
    const bool notice = !sample.lines.empty()
        && std::ranges::any_of(sample.canonical(0), [](const std::string& field) { return field.find("cryptodatadownload") != std::string::npos; });
    const CsvHeader header(sample, notice ? 1 : 0);
    auto layout = header.bars(SourceFormat::CryptoDataDownload);
    if (!layout || !header.has("symbol"))
        return std::nullopt;
    findVolumes(header, *layout);
    if (!layout->has(Role::Volume))
        return std::nullopt;
    layout->reason = notice ? "a notice of CryptoDataDownload above the header" : "a header with symbol and volumes, as CryptoDataDownload's";
    return layout;
}

} // namespace btcai::cryptodatadownload
