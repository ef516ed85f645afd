#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai::ftx {

namespace {
/// "2021-12-31 23:01:00.000000"
bool hasSixDecimals(const std::string& text)
{
    const auto point = text.find('.');
    return point != std::string::npos && text.size() - point == 7 && parseTimeText(text).has_value();
}
} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    if (header.columns() != 6 || !header.startsWith({"timestamp", "open", "high", "low", "close", "volume"}) || sample.lines.size() < 2
        || !hasSixDecimals(sample.lines[1].fields[0]))
        return std::nullopt;
    auto layout = header.bars(SourceFormat::FtxCsv);
    if (!layout)
        return std::nullopt;
    layout->place(Role::Volume) = header.find({"volume"});
    layout->volumeUnit = VolumeUnit::Quote;
    layout->reason = "a plain header over written times with six decimals, as exports of FTX's candles";
    layout->notes.emplace_back("FTX states volume in money; state --volume-unit base where this table counts coins");
    return layout;
}

} // namespace btcai::ftx
