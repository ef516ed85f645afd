#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/Hash.h"

namespace btcai {

static_assert(std::endian::native == std::endian::little, "numbers are hashed as they lie in memory");

/// SHA-256 over a sequence of fields. Numbers go in as little-endian words and text with its length in front, so
/// that no two different sequences of fields share their bytes.
class FieldHash {
public:
    void addText(std::string_view text)
    {
        addWord(text.size());
        m_stream.update(text);
    }
    void addWord(std::uint64_t word) { m_stream.update(std::as_bytes(std::span(&word, 1))); }
    void addBytes(std::span<const std::uint8_t> bytes) { m_stream.update(std::as_bytes(bytes)); }
    /// The bits of each value, in order.
    void addDoubles(std::span<const double> values) { m_stream.update(std::as_bytes(values)); }
    /// 64 lower-case hex digits. Call once, last.
    std::string hexDigest() { return m_stream.finishHex(); }

private:
    Sha256Stream m_stream;
};

} // namespace btcai
