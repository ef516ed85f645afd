#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/Json.h"
#include "data/bars/BarSeries.h"
#include "data/importers/Layout.h"

namespace btcai {

struct ImportOptions {
    std::string instrument{};         ///< empty: taken from the file name, "btcusd-5m.csv.gz" gives BTCUSD
    std::int64_t intervalSeconds = 0; ///< 0: the commonest step between two rows
};

/// What an import found. Rows with a mistake are never skipped: they end the import with an Error that names them.
struct ImportReport {
    SourceFormat format = SourceFormat::PlainCsv;
    std::string reason;            ///< why it was taken for that format
    std::string timeUnit;          ///< of the stamps in the file: "s", "ms" or "us"
    std::size_t rowsRead = 0;      ///< bars
    std::size_t rowsSkipped = 0;   ///< blank lines
    std::size_t gaps = 0;          ///< runs of missing bars
    std::size_t missingBars = 0;
    std::int64_t firstTime = 0;    ///< open of the first and of the last bar, UTC seconds
    std::int64_t lastTime = 0;
    std::int64_t intervalSeconds = 0;

    Json toJson() const;
};

struct ImportResult {
    BarSeries series;
    ImportReport report;
};

/// Fills in what a report says about the series itself: gaps, times, interval.
void describeSeries(const BarSeries& series, ImportReport& report);

} // namespace btcai
