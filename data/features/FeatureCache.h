#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "data/features/FeatureMatrix.h"

namespace btcai {

/// $XDG_CACHE_HOME/btcai/features, or ~/.cache/btcai/features where that is not set (or not absolute, as its standard demands).
std::filesystem::path defaultFeatureCacheFolder();

struct FeatureCacheOptions {
    std::filesystem::path folder = defaultFeatureCacheFolder();
    /// The files together stay within this; the least recently used go first. A matrix above it is not stored at all.
    std::uint64_t maxBytes = std::uint64_t{16} << 30;
    /// Also checks the values against their hash at each opening (about a second per GB). Without it an opening checks the header
    /// and the size, which no file that a crash tore can pass.
    bool verifyValues = false;
};

/// Feature matrices on disk, one file each, named by a hash of all that their values follow from. Every process of a machine maps
/// the same file read-only, so the values stand in memory once.
///
/// A file is written aside, synced and renamed (base/DurableFile.h): a reader sees a whole file or none, and of two writers of one
/// matrix, which compute the same bits, the last stands. A file that is damaged all the same (cut, a changed header) is
/// reported in the log, removed and computed anew. The cache never makes anything fail: where the folder can't be written the
/// matrix stays in memory, with a warning. Not for several threads at once; several objects and processes may share a folder.
class FeatureCache {
public:
    explicit FeatureCache(FeatureCacheOptions options = {});

    /// The matrix of FeatureMatrix::compute: mapped from the cache, where needed after computing and storing it. Throws as compute().
    /// `dataHash` is the series' contentHash() where the caller has it already; hashing is most of the time of an opening.
    FeatureMatrix get(const BarSeries& series, std::span<const std::string> names, const FeatureMatrixOptions& options = {},
                      std::string_view dataHash = {});

    /// Names data (by contentHash), funding, catalogue version, choice with its order, and the format of the file: 64 hex digits.
    static std::string key(std::string_view dataHash, std::span<const std::string> names, const FundingSeries* funding = nullptr);
    std::filesystem::path fileOf(const std::string& key) const;

    /// The stored matrix of a key, or nothing where there is none. A damaged file is removed and counts as none. Opening counts as use.
    std::optional<FeatureMatrix> open(const std::string& key);
    /// Stores a matrix and makes room for it first. Returns false for one above the limit. Throws Error(Io).
    bool store(const std::string& key, const FeatureMatrix& matrix);

    /// Reads a whole file and checks every byte of it. Throws Error(Corrupt) naming what is wrong, Error(Io).
    static void verify(const std::filesystem::path& file);

private:
    void makeRoom(std::uint64_t bytes);

    FeatureCacheOptions m_options;
};

} // namespace btcai
