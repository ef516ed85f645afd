#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace btcai {

/// A file mapped read-only, its pages shared with every process that maps it. It may be renamed or deleted while it is mapped,
/// never cut short: that would end the readers.
class MappedFile {
public:
    /// Throws Error(Io) naming the path and the reason; a folder or an empty file can't be mapped.
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    /// Starts on a page.
    std::span<const std::byte> bytes() const { return m_bytes; }

private:
    std::span<const std::byte> m_bytes;
};

} // namespace btcai
