#include "data/importers/LoadSeries.h"

#include "data/bars/BarStore.h"
#include "data/importers/BinanceKlines.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/PlainCsv.h"

namespace btcai {

namespace {

ImportResult importBarStore(const std::filesystem::path& path, std::string reason)
{
    ImportResult result;
    result.series = BarStore::read(path);
    result.report.format = SourceFormat::BarStore;
    result.report.reason = std::move(reason);
    result.report.timeUnit = std::string(1, 's');
    result.report.rowsRead = result.series.presentCount();
    describeSeries(result.series, result.report);
    return result;
}

} // namespace

ImportResult importSeries(const std::filesystem::path& path, const ImportOptions& options)
{
    SniffedFormat sniffed = sniffFormat(path);
    switch (sniffed.format) {
    case SourceFormat::BarStore: return importBarStore(path, std::move(sniffed.reason));
    case SourceFormat::BinanceKlines: return importBinanceKlines(path, options);
    default: break;
    }
    return importPlainCsv(path, options);
}

BarSeries loadSeries(const std::filesystem::path& path, const ImportOptions& options)
{
    return std::move(importSeries(path, options).series);
}

} // namespace btcai
