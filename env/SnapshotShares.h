#pragma once

#include "env/ByteArchive.h"

namespace btcai {

/// The snapshot of one environment, made of those of its shares: environments with equal parts of its stretches, in order. `layout` is that
/// of a share, which ends with a vector; what is no vector is taken from the first. Throws Error(Corrupt) when one is of another length.
std::vector<std::uint8_t> joinSnapshots(const std::vector<ByteWriter::WrittenVector>& layout,
                                        std::span<const std::vector<std::uint8_t>> shares);

/// The other way: the snapshot of share `index` of `count`. Throws Error(Corrupt) when `whole` is not so many shares of this layout.
std::vector<std::uint8_t> shareOfSnapshot(const std::vector<ByteWriter::WrittenVector>& layout, std::span<const std::uint8_t> whole,
                                          std::size_t index, std::size_t count);

} // namespace btcai
