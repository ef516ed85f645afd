#pragma once

#include <filesystem>

#include "data/importers/ImportResult.h"

namespace btcai {

/// Opens any data set this program knows, told by its content: plain CSV and Binance klines (both also gzip), and BarStore
/// files. Throws Error(BadInput) for a file that is none ("FILE: is not a data set: ...") or has a bad row (file, line
/// and field), Error(Corrupt) for a damaged BarStore file, Error(Io) when it cannot be read.
/// For a BarStore file the options are not needed: it states instrument and interval itself.
ImportResult importSeries(const std::filesystem::path& path, const ImportOptions& options = {});

/// The same without the report.
BarSeries loadSeries(const std::filesystem::path& path, const ImportOptions& options = {});

} // namespace btcai
