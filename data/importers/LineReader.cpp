#include "data/importers/LineReader.h"

#include <cerrno>
#include <cstring>

#include <zlib.h>

#include "base/Error.h"

namespace btcai {

namespace {
constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
} // namespace

struct LineReader::File {
    gzFile handle = nullptr;
    ~File()
    {
        if (handle != nullptr)
            gzclose_r(handle);
    }
};

LineReader::LineReader(const std::filesystem::path& path)
    : m_file(std::make_unique<File>()), m_path(path.string()), m_buffer(kBufferBytes)
{
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (!std::filesystem::exists(status))
        throw Error(ErrorKind::Io, "{}: there is no such file", m_path);
    if (!std::filesystem::is_regular_file(status))
        throw Error(ErrorKind::BadInput, "{}: is not a data set: it is a {}", m_path,
                    std::filesystem::is_directory(status) ? "folder" : "special file");
    m_file->handle = gzopen(m_path.c_str(), "rbe");
    if (m_file->handle == nullptr)
        throw Error(ErrorKind::Io, "{}: cannot be opened for reading: {}", m_path, std::strerror(errno));
    gzbuffer(m_file->handle, kBufferBytes);
}

LineReader::~LineReader() = default;

void LineReader::failRead() const
{
    int code = Z_OK;
    gzerror(m_file->handle, &code);
    if (code == Z_ERRNO)
        throw Error(ErrorKind::Io, "{}: cannot be read after line {}: {}", m_path, m_lineNumber, std::strerror(errno));
    throw Error(ErrorKind::BadInput, "{}: the gzip data is damaged or cut short after line {}; fetch the file again", m_path, m_lineNumber);
}

bool LineReader::fill()
{
    if (m_atEnd)
        return false;
    if (m_begin > 0) {
        std::memmove(m_buffer.data(), m_buffer.data() + m_begin, m_end - m_begin);
        m_end -= m_begin;
        m_begin = 0;
    }
    const int got = gzread(m_file->handle, m_buffer.data() + m_end, static_cast<unsigned>(m_buffer.size() - m_end));
    if (got < 0)
        failRead();
    if (got == 0) {
        int code = Z_OK;
        gzerror(m_file->handle, &code); // Z_BUF_ERROR: the compressed stream has no end
        if (code != Z_OK && code != Z_STREAM_END)
            failRead();
        m_atEnd = true;
        return false;
    }
    m_end += static_cast<std::size_t>(got);
    return true;
}

bool LineReader::next(std::string_view& line)
{
    std::size_t searched = 0;
    const char* newline = nullptr;
    for (;;) {
        const char* from = m_buffer.data() + m_begin + searched;
        newline = static_cast<const char*>(std::memchr(from, '\n', m_end - m_begin - searched));
        searched = newline != nullptr ? static_cast<std::size_t>(newline - (m_buffer.data() + m_begin)) : m_end - m_begin;
        if (searched > kLongestLine)
            throw Error(ErrorKind::BadInput, "{}: line {} is longer than {} bytes; this is not a table of bars", m_path,
                        m_lineNumber + 1, kLongestLine);
        if (newline != nullptr || !fill())
            break;
    }
    if (newline == nullptr && searched == 0)
        return false;
    line = {m_buffer.data() + m_begin, searched};
    m_begin += searched + (newline != nullptr ? 1 : 0);
    ++m_lineNumber;
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    if (m_lineNumber == 1 && line.starts_with(kByteOrderMark))
        line.remove_prefix(kByteOrderMark.size());
    return true;
}

} // namespace btcai
