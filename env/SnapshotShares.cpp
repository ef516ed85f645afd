#include "env/SnapshotShares.h"

#include <algorithm>

namespace btcai {

namespace {

using WrittenVector = ByteWriter::WrittenVector;

/// A vector's length as it stands before its values.
std::uint64_t lengthAt(std::span<const std::uint8_t> bytes, std::size_t offset)
{
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data() + offset, sizeof length);
    return length;
}

void append(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void appendLength(std::vector<std::uint8_t>& to, std::uint64_t length)
{
    append(to, {reinterpret_cast<const std::uint8_t*>(&length), sizeof length});
}

constexpr std::size_t kLength = sizeof(std::uint64_t);

} // namespace

std::vector<std::uint8_t> joinSnapshots(const std::vector<WrittenVector>& layout, std::span<const std::vector<std::uint8_t>> shares)
{
    const std::span<const std::uint8_t> first = shares.front();
    const std::size_t size = layout.back().offset + kLength + layout.back().bytes;
    if (std::ranges::any_of(shares, [&](const auto& share) { return share.size() != size; }))
        throw Error(ErrorKind::Corrupt, "environment snapshot: a share of it has not the {} bytes that belong there", size);
    std::vector<std::uint8_t> whole;
    std::size_t done = 0;
    for (const WrittenVector& vector : layout) {
        append(whole, first.subspan(done, vector.offset - done));
        appendLength(whole, lengthAt(first, vector.offset) * shares.size());
        done = vector.offset + kLength + vector.bytes;
        for (const auto& share : shares)
            append(whole, std::span(share).subspan(vector.offset + kLength, vector.bytes));
    }
    return whole;
}

std::vector<std::uint8_t> shareOfSnapshot(const std::vector<WrittenVector>& layout, std::span<const std::uint8_t> whole, std::size_t index,
                                          std::size_t count)
{
    std::vector<std::uint8_t> share;
    std::size_t done = 0; // of the whole
    for (const WrittenVector& vector : layout) {
        const std::size_t plain = vector.offset - share.size();
        if (whole.size() - done < plain + kLength + vector.bytes * count)
            throw Error(ErrorKind::Corrupt, "environment snapshot: cut short, or not of {} equal shares", count);
        append(share, whole.subspan(done, plain));
        done += plain;
        const std::uint64_t length = lengthAt(whole, done);
        if (length % count != 0)
            throw Error(ErrorKind::Corrupt, "environment snapshot: {} values are not {} equal shares", length, count);
        appendLength(share, length / count);
        append(share, whole.subspan(done + kLength + index * vector.bytes, vector.bytes));
        done += kLength + count * vector.bytes;
    }
    append(share, whole.subspan(done));
    return share;
}

} // namespace btcai
