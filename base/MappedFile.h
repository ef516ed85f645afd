#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace btcai {

/// A whole file mapped into memory, read-only: processes that map the same file share its pages. What was mapped stays as it
/// was when the file is replaced by a rename (DurableFile), which is how every writer of this program replaces one.
/// A foreign program that shortens the file in place ends this process with SIGBUS when it reads there.
class MappedFile {
public:
    /// Throws Error(Io) naming the path, Error(BadInput) for a folder or device.
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    /// Starts on a page.
    std::string_view text() const { return {m_bytes, m_size}; }
    std::span<const std::byte> bytes() const { return std::as_bytes(std::span(m_bytes, m_size)); }

private:
    const char* m_bytes = nullptr; ///< at the start of a page; null for an empty file
    std::size_t m_size = 0;
};

} // namespace btcai
