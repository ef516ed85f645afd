#pragma once

#include <filesystem>
#include <span>

#include "data/importers/ImportResult.h"

namespace btcai {

/// Opens any data set this program knows, told by its content or by options.columns: tables and REST replies of exchanges, plain, gzip or zip, trades (made
/// into bars of options.intervalSeconds), and BarStore files. Nothing is repaired silently: what is wrong and decided by no option ends
/// the import. Throws Error(BadInput) for a file that is none ("FILE: is not a data set: ...") or has a bad row (file, line
/// and field), Error(Corrupt) for a damaged BarStore file, Error(Io) when it cannot be read.
/// A BarStore file states instrument and interval itself; of several series in it, "STORE.h5#INSTRUMENT" or "STORE.h5#INSTRUMENT/SECONDS" names
/// one, here and wherever a file is read, as options.instrument and options.intervalSeconds do. Error(BadInput) lists what the store holds when none fits.
ImportResult importSeries(const std::filesystem::path& path, const ImportOptions& options = {});

/// Merges several files, and all files of a folder, into one series. Times that stand in several with the same values are fine; where
/// they disagree, options.onConflict decides, or the import ends with both values. The files need not come in order of time.
ImportResult importSeries(std::span<const std::filesystem::path> inputs, const ImportOptions& options = {});

/// Reads what can be read and counts every fault in the report, by kind, with its first place: for `btcai check`. The series is for measuring, not
/// for use: rows with faults are left out, of several rows of a time the last stands. Throws only for what holds no series at all.
ImportResult inspectSeries(std::span<const std::filesystem::path> inputs, const ImportOptions& options = {});

/// Imports funding rates, of a BarStore file the only ones or those of "STORE.h5#INSTRUMENT". Throws as importSeries does, and for files that hold
/// something else.
FundingResult importFunding(std::span<const std::filesystem::path> inputs, const ImportOptions& options = {});

/// What the first of these files with any rows holds. Throws as importSeries does.
Content contentOf(std::span<const std::filesystem::path> inputs, const ImportOptions& options = {});

/// importSeries without the report and without hashing the file.
BarSeries loadSeries(const std::filesystem::path& path, const ImportOptions& options = {});

} // namespace btcai
