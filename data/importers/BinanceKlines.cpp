#include "data/importers/BinanceKlines.h"

#include <array>

#include "base/Error.h"
#include "data/importers/BarRows.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/LineReader.h"

namespace btcai {

ImportResult importBinanceKlines(const std::filesystem::path& path, const ImportOptions& options)
{
    LineReader reader(path);
    BarRows rows(path, options);
    std::string_view line;
    std::string reason = "12 columns without a header";
    bool firstRow = true;
    std::array<std::string_view, 12> fields;
    while (reader.next(line)) {
        if (line.empty()) {
            rows.skip();
            continue;
        }
        if (firstRow && isBinanceHeader(line)) {
            reason = "12 columns under a kline header";
            firstRow = false;
            continue;
        }
        firstRow = false;
        if (const std::size_t count = splitFields(line, fields); count != fields.size())
            rows.fail(reader.lineNumber(), fmt::format("{} columns where a kline has {}", count, fields.size()));
        rows.add(reader.lineNumber(), std::span<const std::string_view>(fields).first<6>());
    }
    return rows.finish(SourceFormat::BinanceKlines, std::move(reason));
}

} // namespace btcai
