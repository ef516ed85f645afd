#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace btcai::protocol {

/// Cuts a byte stream into lines. A line beyond kMaxLineBytes throws Error(Protocol) before more of it is stored; after
/// that the reader must not be fed again.
class LineReader {
public:
    /// `source` names the stream in messages ("events.jsonl").
    explicit LineReader(std::string source = "stream") : m_source(std::move(source)) {}

    /// Calls `onLine` (without the newline) for each line completed by these bytes; empty lines are passed over.
    void feed(std::string_view bytes, const std::function<void(std::string_view)>& onLine);
    /// Bytes of a last line that has no newline yet.
    const std::string& rest() const { return m_buffer; }
    /// The number of the line that is being passed to `onLine`, from 1, empty ones counted; as an editor shows it.
    std::int64_t lineNumber() const { return m_lineNumber; }

private:
    std::string m_source;
    std::int64_t m_lineNumber = 0;
    std::string m_buffer;
};

} // namespace btcai::protocol
