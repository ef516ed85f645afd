#pragma once

#include <cstdint>
#include <vector>

namespace btcai {

/// The numbers 0 ... count - 1 in a random order, by draws that (seed, iteration, epoch) name: what an epoch's minibatches are cut from.
std::vector<std::int64_t> minibatchOrder(std::int64_t count, std::uint64_t seed, std::int64_t iteration, std::int64_t epoch);

} // namespace btcai
