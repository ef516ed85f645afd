#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "data/importers/CsvLayout.h"
#include "data/importers/ImportResult.h"
#include "data/importers/InputFile.h"
#include "data/importers/JsonLayout.h"

namespace btcai {

/// A file of our own bar store.
struct StoredLayout : Layout {};

/// What a text was recognised as, and where it keeps its fields.
struct Sniffed {
    std::variant<CsvLayout, JsonLayout, StoredLayout> layout;
    std::unique_ptr<Json> document; ///< of a JSON text: what its layout points into

    const Layout& common() const;
};

/// Tells the format from the content; the name plays no part, but for the day in the names of Lean's files. With options.columns the
/// text is taken for a table, or a list in JSON, of those columns.
/// Throws Error(BadInput), "FILE: is not a data set: ...", for what is none that is known, "FILE: ... --columns" for a table
/// whose columns could be in several orders, and names the converter for Arrow's feather files; Error(Io) when it cannot be read.
Sniffed sniff(const InputPart& part, const ImportOptions& options = {});

struct SniffedFormat {
    SourceFormat format;
    std::string reason; ///< what gave it away
};

/// The same in short, of a file with one text.
SniffedFormat sniffFormat(const std::filesystem::path& path);

} // namespace btcai
