#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace btcai {

/// A stream of random numbers that is a pure function of (seed, purpose, index, step): Philox4x32-10 of
/// Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011). The order in which streams are used
/// never changes a draw, so results do not depend on threads, and resuming needs only the counters that name the
/// stream.
///
/// Key: a 64-bit hash of seed, purpose and the upper half of the index. Counter: 32 bits of draw block, the step and
/// the lower half of the index. So no two (index, step) of one seed and purpose share a stream, and those of different
/// seeds or purposes do with a chance of 2^-64. A stream gives at most 2^34 32-bit draws, then repeats.
///
/// A value type: a copy goes on from where the original stands. Not for several threads at once.
class Rng {
public:
    Rng(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0, std::uint64_t step = 0);

    std::uint32_t nextUint32();
    std::uint64_t nextUint64();
    /// Uniform in [0, 1), 53 bits.
    double uniform();
    /// Uniform in {0, ..., bound - 1}, without modulo bias. bound must be positive.
    std::uint64_t below(std::uint64_t bound);
    /// Standard normal, by Box and Muller.
    double normal();

private:
    void refill();

    std::array<std::uint32_t, 2> m_key;
    std::array<std::uint32_t, 4> m_counter;
    std::array<std::uint32_t, 4> m_block{};
    unsigned m_used = 4;
    double m_spareNormal = 0.0;
    bool m_hasSpare = false;
};

} // namespace btcai
