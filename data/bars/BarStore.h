#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/DurableFile.h"
#include "base/Json.h"
#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"
#include "data/bars/Provenance.h"

namespace btcai {

enum class SeriesKind { Bars, Funding };

/// The name of a series within a store.
struct SeriesId {
    SeriesKind kind = SeriesKind::Bars;
    std::string instrument;
    std::int64_t intervalSeconds = 0; ///< of bars; 0 for funding

    static SeriesId bars(std::string instrument, std::int64_t intervalSeconds) { return {SeriesKind::Bars, std::move(instrument), intervalSeconds}; }
    static SeriesId funding(std::string instrument) { return {SeriesKind::Funding, std::move(instrument), 0}; }
    /// "BTCUSD 300 s" or "BTCUSD funding".
    std::string toString() const;
    auto operator<=>(const SeriesId&) const = default;
};

/// What a store says of one of its series.
struct StoredSeries {
    SeriesId id;
    std::size_t rows = 0;         ///< of the grid; of funding: settlements
    std::size_t present = 0;      ///< bars that are there; of funding: all
    std::int64_t firstTime = 0;   ///< of the first and of the last that is there, UTC seconds; 0 when there is none
    std::int64_t lastTime = 0;
    std::string contentHash{};    ///< of BarSeries or FundingSeries
    std::vector<Provenance> provenance{}; ///< in the order of the imports

    Json toJson() const;
};

/// What an append did, in bars or settlements.
struct AppendResult {
    std::size_t added = 0;  ///< before the first or after the last stored one
    std::size_t filled = 0; ///< where one was missing
    std::size_t equal = 0;  ///< stored already, the same
};

/// Bar and funding series of several instruments and intervals in one HDF5 file, which other programs can read (h5py, h5dump).
///
/// Schema version 2. The file begins with HDF5's user block, a power of two of bytes: the magic word, the version, the SHA-256
/// and the length of an index, each on a line, then the index (JSON), then zeros. The index names each series, the
/// SHA-256 of its content, where in the file its columns lie, its provenance, and the SHA-256 of all bytes that belong to no column. The
/// HDF5 content repeats the names as attributes of the groups series-0, series-1, ...; in a group lies one contiguous,
/// uncompressed data set a column: open, high, low, close, volume (float64, NaN where missing), present (uint8); time (int64)
/// and rate (float64) of funding.
///
/// So reading needs no HDF5 library: the file is mapped, and a series stands on its pages, which all workers of a machine share.
/// Opening verifies the index, the bytes between the columns and the columns of the series that is read, all by SHA-256; columns of other
/// series are verified when they are read (or by verify). Half a million bars open in some 25 ms where the processor has SHA instructions.
/// A writer replaces the file as a whole and durably, so an append costs time in proportion to the file, a crash leaves the old
/// store or the new one, and whoever reads goes on with what was there. Writers of one folder wait for each other (FolderLock).
///
/// Schema version 1 (one series, compressed, at the root) is still read; the first append makes version 2 of it.
///
/// All functions may run in several threads and processes at once. They throw Error(Io) when the file cannot be read or written,
/// Error(BadInput) when it is not a bar store (a foreign HDF5 file, say), Error(Corrupt) when it is cut short or damaged,
/// Error(Unsupported) when its schema is newer than this build. After an error the file is as it was.
class BarStore {
public:
    static constexpr int kSchemaVersion = 2;

    /// Replaces `path` by a store of this one series.
    static void write(const BarSeries& series, const std::filesystem::path& path, FileSystemOps& ops = posixFileSystem());
    static void write(const BarSeries& series, const std::filesystem::path& path, const Provenance& provenance,
                      FileSystemOps& ops = posixFileSystem());

    /// Adds bars to the series of the same instrument and interval, or adds the series, or makes the store. Bars that are stored already
    /// are accepted when equal (volumes to 1e-12 of their size); Error(BadInput) names times and both values where one differs. When nothing
    /// is new, the file is not touched, and the provenance not kept.
    static AppendResult append(const BarSeries& series, const std::filesystem::path& path, const Provenance& provenance,
                               FileSystemOps& ops = posixFileSystem());
    static AppendResult append(const FundingSeries& series, const std::filesystem::path& path, const Provenance& provenance,
                               FileSystemOps& ops = posixFileSystem());

    /// What is in the store, in the order of SeriesId.
    static std::vector<StoredSeries> list(const std::filesystem::path& path);

    /// The bars of the store. Error(BadInput) lists what there is when it holds several series of bars, or none.
    static BarSeries read(const std::filesystem::path& path);
    /// One of several. Error(BadInput) lists what there is when it isn't among them.
    static BarSeries read(const std::filesystem::path& path, const SeriesId& id);
    static FundingSeries readFunding(const std::filesystem::path& path, const std::string& instrument);

    /// Checks every byte: throws what read would throw for any series.
    static void verify(const std::filesystem::path& path);

    /// Whether the file starts as a bar store or any HDF5 file; false when it cannot be read.
    static bool looksLikeOne(const std::filesystem::path& path);
};

} // namespace btcai
