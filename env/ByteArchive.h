#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/Error.h"

namespace btcai {

/// Writes plain values and vectors of them one after the other, for snapshots. Little-endian machines only, as all
/// that we build for.
class ByteWriter {
public:
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    void write(const T& value)
    {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        m_bytes.insert(m_bytes.end(), bytes, bytes + sizeof value);
    }
    template <typename T> void write(const std::vector<T>& values)
    {
        m_vectors.push_back({m_bytes.size(), values.size() * sizeof(T)});
        write(static_cast<std::uint64_t>(values.size()));
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
        m_bytes.insert(m_bytes.end(), bytes, bytes + values.size() * sizeof(T));
    }
    std::vector<std::uint8_t> take() { return std::move(m_bytes); }

    /// Where a vector was written: its length, 8 bytes, and behind it its values.
    struct WrittenVector {
        std::size_t offset = 0, bytes = 0;
    };
    const std::vector<WrittenVector>& vectors() const { return m_vectors; }

private:
    std::vector<WrittenVector> m_vectors;
    std::vector<std::uint8_t> m_bytes;
};

/// Reads what a ByteWriter wrote. Throws Error(Corrupt) naming `what` when bytes are missing, left over, or a vector
/// has another length than the one it is read into.
class ByteReader {
public:
    ByteReader(std::span<const std::uint8_t> bytes, std::string_view what) : m_bytes(bytes), m_what(what) {}

    template <typename T>
        requires std::is_trivially_copyable_v<T>
    void read(T& value)
    {
        std::memcpy(&value, take(sizeof value), sizeof value);
    }
    /// The stored length must be that of `values`.
    template <typename T> void read(std::vector<T>& values)
    {
        std::uint64_t size = 0;
        read(size);
        if (size != values.size())
            throw Error(ErrorKind::Corrupt, "{}: holds {} values where {} belong", m_what, size, values.size());
        if (size > 0)
            std::memcpy(values.data(), take(size * sizeof(T)), size * sizeof(T));
    }
    void expectEnd() const
    {
        if (!m_bytes.empty())
            throw Error(ErrorKind::Corrupt, "{}: {} bytes left over", m_what, m_bytes.size());
    }

private:
    const std::uint8_t* take(std::size_t size)
    {
        if (size > m_bytes.size())
            throw Error(ErrorKind::Corrupt, "{}: cut short", m_what);
        const std::uint8_t* const data = m_bytes.data();
        m_bytes = m_bytes.subspan(size);
        return data;
    }

    std::span<const std::uint8_t> m_bytes;
    std::string_view m_what;
};

} // namespace btcai
