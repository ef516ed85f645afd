#pragma once

#include <filesystem>

#include "base/DurableFile.h"
#include "data/bars/BarSeries.h"

namespace btcai {

/// A BarSeries in one HDF5 file, readable by other programs (h5py, h5dump).
///
/// Layout, schema version 1. The first 512 bytes are HDF5's user block and hold four lines of text, zero padded: the magic
/// word, the version, the SHA-256 and the number of the bytes that follow. They are checked before the HDF5 library sees
/// the file, so a cut or flipped byte anywhere is found. Root attributes: schema, schema_version, instrument,
/// interval_seconds, start_time, content_sha256 (BarSeries::contentHash). Data sets, one value a grid row, chunked,
/// shuffled, deflated: open, high, low, close, volume (float64, NaN where missing), present (uint8).
///
/// Thread-safe: calls wait for each other, since the HDF5 library is not.
class BarStore {
public:
    static constexpr int kSchemaVersion = 1;

    /// Replaces `path` durably; on failure the old file stands. Throws Error(Io).
    static void write(const BarSeries& series, const std::filesystem::path& path, FileSystemOps& ops = posixFileSystem());

    /// Throws Error(Io) when the file cannot be read, Error(BadInput) when it is not a bar store (a foreign HDF5 file, say),
    /// Error(Corrupt) when it is cut short or damaged, Error(Unsupported) when its schema is newer than this build.
    static BarSeries read(const std::filesystem::path& path);

    /// Whether the file starts as a bar store or any HDF5 file; false when it cannot be read.
    static bool looksLikeOne(const std::filesystem::path& path);
};

} // namespace btcai
