#include "data/importers/LineReader.h"

#include <cstring>

#include "base/Error.h"

namespace btcai {

namespace {
constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
} // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : LineReader(openPart({path, {}, 0, path.string()}), path.string())
{
}

LineReader::LineReader(std::unique_ptr<ByteSource> source, std::string name)
    : m_source(std::move(source)), m_name(std::move(name)), m_buffer(kBufferBytes)
{
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
    const std::size_t got = m_source->read(std::span(m_buffer).subspan(m_end));
    m_atEnd = got == 0;
    m_end += got;
    return !m_atEnd;
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
            throw Error(ErrorKind::BadInput, "{}: line {} is longer than {} bytes; this is not a table of bars", m_name,
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
