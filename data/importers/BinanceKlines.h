#pragma once

#include <filesystem>

#include "data/importers/ImportResult.h"

namespace btcai {

/// Imports a kline file of Binance's public archive (data.binance.vision), spot or futures, plain or gzip: open time, open,
/// high, low, close, volume, close time, quote volume, trades, taker volume, taker quote volume, ignored; with
/// or without a header; times in ms, since 2025 in us. Volume is in the base coin. Throws as importPlainCsv does.
ImportResult importBinanceKlines(const std::filesystem::path& path, const ImportOptions& options = {});

} // namespace btcai
