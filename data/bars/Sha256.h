#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace btcai {

/// SHA-256 over a sequence of fields, in hex. Numbers go in as little-endian 64-bit words and text with its
/// length in front, so that no two different sequences of fields share their bytes.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void addBytes(std::span<const std::uint8_t> bytes);
    void addText(std::string_view text);
    void addWord(std::uint64_t word);
    /// The bits of each value, in order.
    void addDoubles(std::span<const double> values);
    /// 64 lower-case hex digits. Call once, last.
    std::string hexDigest();

private:
    struct Context;
    std::unique_ptr<Context> m_context;
};

} // namespace btcai
