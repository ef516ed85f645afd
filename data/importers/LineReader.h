#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/importers/InputFile.h"

namespace btcai {

/// Reads a text file, plain or packed (see ByteSource), line by line. Holds one buffer, whatever the file claims.
class LineReader {
public:
    static constexpr std::size_t kLongestLine = 4096;

    /// Throws Error(Io) when the file cannot be opened, Error(BadInput) when it is no regular file.
    explicit LineReader(const std::filesystem::path& path);
    /// `name` is for messages.
    LineReader(std::unique_ptr<ByteSource> source, std::string name);

    /// Moves to the next line and gives it without its end (LF or CR LF) and without a byte order mark. False at the end.
    /// The view holds until the next call. Throws Error(BadInput) for a line above kLongestLine, and what ByteSource throws.
    bool next(std::string_view& line);
    /// Of the line given last, from 1.
    std::size_t lineNumber() const { return m_lineNumber; }

private:
    bool fill();

    std::unique_ptr<ByteSource> m_source;
    std::string m_name;
    std::vector<char> m_buffer;
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::size_t m_lineNumber = 0;
    bool m_atEnd = false;
};

} // namespace btcai
