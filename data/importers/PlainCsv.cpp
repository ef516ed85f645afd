#include "data/importers/PlainCsv.h"

#include <array>

#include "base/Error.h"
#include "data/importers/BarRows.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/LineReader.h"

namespace btcai {

ImportResult importPlainCsv(const std::filesystem::path& path, const ImportOptions& options)
{
    LineReader reader(path);
    BarRows rows(path, options);
    std::string_view line;
    bool headerSeen = false;
    std::array<std::string_view, 6> fields;
    while (reader.next(line)) {
        if (line.empty()) {
            rows.skip();
            continue;
        }
        if (!headerSeen) {
            if (!isPlainHeader(line))
                rows.fail(reader.lineNumber(), "is " + quotedForMessage(line) + " where the header timestamp,open,high,low,close,volume must stand");
            headerSeen = true;
            continue;
        }
        if (const std::size_t count = splitFields(line, fields); count != fields.size())
            rows.fail(reader.lineNumber(), fmt::format("{} columns where the header has {}", count, fields.size()));
        rows.add(reader.lineNumber(), fields);
    }
    return rows.finish(SourceFormat::PlainCsv, "header timestamp,open,high,low,close,volume");
}

} // namespace btcai
