#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace btcai {

/// A stream of random numbers that is a pure function of (seed, purpose, index, step): Philox4x32-10 of
/// Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011). The order in which streams are used
/// never changes a draw, so results do not depend on threads, and resuming needs only the counters that name the
/// stream. Streams with different names are independent.
///
/// Key: the seed. Counter: 32 bits of draw block, a 32-bit hash of the purpose mixed with the index, and the step.
/// A stream gives at most 2^34 32-bit draws.
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
