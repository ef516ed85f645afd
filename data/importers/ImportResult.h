#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/Json.h"
#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"
#include "data/importers/ImportFault.h"
#include "data/importers/Layout.h"

namespace btcai {

/// What to do with a time that several rows have with different values. First and last go by the order of the files, and within a file by
/// that of its rows.
enum class OnConflict { Refuse, KeepFirst, KeepLast, Drop };
/// With stamps that are no multiple of the interval: leave the row out, or take it for the grid time before it.
enum class OnOffGrid { Refuse, Drop, Floor };
enum class OnDisorder { Refuse, Sort };
/// With rows whose base and quote volume have changed places.
enum class OnSwappedVolume { Refuse, Keep, Swap };
/// With rows that have no prices at all.
enum class OnEmpty { Refuse, Drop };
/// With bars that repeat the bar before them, volume included, as some sources fill minutes without a trade.
enum class OnRepeats { Keep, Drop };

struct ImportOptions {
    std::string instrument{};         ///< empty: taken from the file name, "btcusd-5m.csv.gz" gives BTCUSD
    std::int64_t intervalSeconds = 0; ///< 0: the commonest step between two rows; of trades, the length of the bars to make
    /// Which column is what: "time=0,open=1,close=2,high=3,low=4,volume=5" by places from 0, or by header names, "time=Date,open=Open,...". Fields
    /// are time, open, high, low, close, volume, quote_volume; price and amount of trades; rate of funding. Empty: by sniffing.
    std::string columns{};
    TimeUnit timeUnit = TimeUnit::Auto;
    std::optional<VolumeUnit> volumeUnit{}; ///< else as the format says
    bool stampsMarkClose = false;           ///< stamps are the close of a bar, not its open
    std::string asset{};                    ///< which of several in one table
    OnConflict onConflict = OnConflict::Refuse;
    OnOffGrid onOffGrid = OnOffGrid::Refuse;
    OnDisorder onDisorder = OnDisorder::Refuse;
    OnSwappedVolume onSwappedVolume = OnSwappedVolume::Refuse;
    OnEmpty onEmpty = OnEmpty::Refuse;
    OnRepeats onRepeats = OnRepeats::Keep;
};

/// One of the texts that an import read: a file, or an entry of a zip.
struct ImportSource {
    std::string name;              ///< path, with the entry where the zip has several
    std::string sha256;            ///< of the file as it lies on the disk
    SourceFormat format = SourceFormat::PlainCsv;
    std::string reason;            ///< why it was taken for that format
    std::string timeUnit;          ///< of the stamps: "s", "ms", "us", "ns" or "text"
    std::string order;             ///< "oldest-first" or "newest-first"
    std::size_t rows = 0;          ///< bars, trades or rates in it
    std::size_t blankRows = 0;     ///< blank lines
    std::size_t rowsWithoutTrade = 0; ///< rows that say that nothing was traded; missing bars
    std::vector<std::string> notes;
};

/// One time on which rows disagree.
struct ImportConflict {
    std::int64_t time = 0;
    std::string first;  ///< "FILE: line 7: open 1 high 2 low 1 close 2 volume 3"
    std::string second;
};

/// What an import found and did.
struct ImportReport {
    static constexpr std::size_t kMostConflicts = 20; ///< of them are listed; faults count all

    SourceFormat format = SourceFormat::PlainCsv; ///< of the first source, like reason and timeUnit
    std::string reason;
    std::string timeUnit;
    std::size_t rowsRead = 0;      ///< in all sources
    std::size_t rowsSkipped = 0;   ///< blank lines
    std::size_t gaps = 0;          ///< runs of missing bars
    std::size_t missingBars = 0;
    std::int64_t firstTime = 0;    ///< open of the first and of the last bar, UTC seconds
    std::int64_t lastTime = 0;
    std::int64_t intervalSeconds = 0;

    std::vector<ImportSource> sources;
    Json options;                  ///< those that were given, by the names of the command line
    std::vector<std::string> notes; ///< what was converted, sorted, dropped or is odd, in sentences
    std::vector<ImportFault> faults;
    std::vector<ImportConflict> conflicts;

    Json toJson() const;
    /// Lines for a terminal.
    std::string toText() const;
};

struct ImportResult {
    BarSeries series;
    ImportReport report;
};

struct FundingResult {
    FundingSeries series;
    ImportReport report; ///< gaps, missing bars and interval stay 0
};

/// The options that differ from their defaults, as provenance keeps them.
Json toJson(const ImportOptions& options);

/// Fills in what a report says about the series itself: gaps, times, interval.
void describeSeries(const BarSeries& series, ImportReport& report);

} // namespace btcai
