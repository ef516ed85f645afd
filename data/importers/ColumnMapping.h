#pragma once

#include "data/importers/CsvLayout.h"
#include "data/importers/ImportResult.h"
#include "data/importers/JsonLayout.h"

namespace btcai {

/// The layout that options.columns describes, for a table: places count from 0; a name is looked for in the first lines. Without names the first line is
/// skipped when its time is none. Throws Error(BadInput) naming the field that is unknown, missing or not in the file.
CsvLayout mappedLayout(const ImportOptions& options, const CsvSample& sample, const std::string& label);

/// The same for a JSON list of lists (places) or of objects (names).
JsonLayout mappedLayout(const ImportOptions& options, const Json& document, const std::string& label);

} // namespace btcai
