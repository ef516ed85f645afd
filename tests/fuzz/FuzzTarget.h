#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace btcai::fuzz {

/// A file in memory that holds these bytes, under a path that can be opened and seeked like any other. Gone with the object.
class MemoryFile {
public:
    explicit MemoryFile(std::string_view bytes);
    ~MemoryFile();
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    const std::filesystem::path& path() const { return m_path; }

private:
    int m_descriptor;
    std::filesystem::path m_path;
};

inline std::string_view bytesOf(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// Runs a call and lets it fail with an Error, the only way in which input from outside may be refused. Anything else ends
/// the process.
template <typename Call>
void mayRefuse(Call&& call);

} // namespace btcai::fuzz

#include "base/Error.h"

template <typename Call>
void btcai::fuzz::mayRefuse(Call&& call)
{
    try {
        call();
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::Internal || std::string_view(error.what()).empty())
            throw;
    }
}
