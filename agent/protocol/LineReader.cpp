#include "agent/protocol/LineReader.h"

#include <utility>

#include "agent/protocol/Messages.h"
#include "base/Error.h"

namespace btcai::protocol {

void LineReader::feed(std::string_view bytes, const std::function<void(std::string_view)>& onLine)
{
    while (!bytes.empty()) {
        const std::size_t newline = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, newline);
        if (m_buffer.size() + piece.size() >= kMaxLineBytes)
            throw Error(ErrorKind::Protocol, "{}:{}: a line is longer than the {} bytes allowed", m_source, m_lineNumber + 1, kMaxLineBytes);
        if (newline == std::string_view::npos) {
            m_buffer += piece;
            return;
        }
        bytes.remove_prefix(newline + 1);
        ++m_lineNumber;
        if (m_buffer.empty()) {
            if (!piece.empty())
                onLine(piece);
            continue;
        }
        m_buffer += piece;
        const std::string line = std::exchange(m_buffer, {});
        onLine(line);
    }
}

} // namespace btcai::protocol
