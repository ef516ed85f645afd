#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/bars/BarStore.h"
#include "base/MappedFile.h"

/// The bytes of a bar store: what BarStore.h says of the layout, done here. Errors name no file; BarStore adds it.
namespace btcai::store {

inline constexpr std::string_view kMagic = "BTCAI-BARS\n";
inline constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
inline constexpr std::size_t kSmallestUserBlock = 512;
inline constexpr std::size_t kMostSeries = 10'000;
inline constexpr JsonLimits kIndexLimits{.maxBytes = 256 << 20};
inline constexpr const char* kPriceNames[] = {"open", "high", "low", "close", "volume"};

/// A series with what is kept about it. Of bars and funding one is in use, as the kind says.
struct Entry {
    SeriesKind kind = SeriesKind::Bars;
    BarSeries bars{};
    FundingSeries funding{};
    std::vector<Provenance> provenance{};

    SeriesId id() const;
    StoredSeries describe() const;
};

/// The whole file, schema version 2. Throws Error(BadInput) for what it cannot hold.
std::string encode(const std::vector<Entry>& entries);

/// A store of schema version 1 or 2, open for reading.
class File {
public:
    /// Verifies all but the columns (in version 1: everything).
    explicit File(const std::filesystem::path& path);

    const std::vector<StoredSeries>& list() const { return m_list; }
    /// Series i of list(), its columns verified.
    Entry load(std::size_t i) const;

private:
    using Offsets = std::map<std::string, std::size_t, std::less<>>;

    void readIndex();
    void readSeriesIndex(const Json& json);
    void checkStructure(const std::string& expected) const;
    template <typename T>
    std::span<const T> column(std::size_t i, const char* name) const;

    std::shared_ptr<const MappedFile> m_mapped;
    std::size_t m_userBlock = 0;
    std::vector<StoredSeries> m_list;
    std::vector<std::int64_t> m_startTimes; ///< of the grids, like m_offsets one a series
    std::vector<Offsets> m_offsets;         ///< of the columns, from the start of the file
    std::vector<Entry> m_version1;          ///< its one series, read at once
};

/// The series of a file of schema version 1: the whole file, its checksum verified.
BarSeries decodeVersion1(std::string_view file);

} // namespace btcai::store
