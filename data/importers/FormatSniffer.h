#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "data/importers/ImportResult.h"

namespace btcai {

struct SniffedFormat {
    SourceFormat format;
    std::string reason; ///< what gave it away
};

/// Tells the format of a file from its content; the name plays no part. Throws Error(BadInput), "FILE: is not a data
/// set: ...", when it is none that is known, and Error(Io) when it cannot be read.
SniffedFormat sniffFormat(const std::filesystem::path& path);

/// Whether a line is the header of a plain table, and of a Binance table.
bool isPlainHeader(std::string_view line);
bool isBinanceHeader(std::string_view line);

} // namespace btcai
