#pragma once

#include <filesystem>

#include "data/importers/ImportResult.h"

namespace btcai {

/// Imports a table with the header `timestamp,open,high,low,close,volume`, plain or gzip. Times are in seconds, ms or us
/// since 1970 (UTC) and mark the open of a bar; rows must be in rising time. Throws Error(BadInput) naming file, line
/// and field at the first row that is wrong, Error(Io) when the file cannot be read.
ImportResult importPlainCsv(const std::filesystem::path& path, const ImportOptions& options = {});

} // namespace btcai
