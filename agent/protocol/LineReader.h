#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace btcai::protocol {

/// Cuts a byte stream into lines. A line beyond kMaxLineBytes throws Error(Protocol) before more of it is stored; after
/// that the reader must not be fed again.
class LineReader {
public:
    /// Calls `onLine` (without the newline) for each line completed by these bytes; empty lines are passed over.
    void feed(std::string_view bytes, const std::function<void(std::string_view)>& onLine);
    /// Bytes of a last line that has no newline yet.
    const std::string& rest() const { return m_buffer; }

private:
    std::string m_buffer;
};

} // namespace btcai::protocol
