#include "base/Rng.h"

#include <cassert>
#include <cmath>
#include <numbers>

#include <Random123/philox.h>

namespace btcai {

namespace {

/// FNV-1a, 64 bits: stable across platforms, which std::hash is not.
std::uint64_t hashName(std::string_view name)
{
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : name) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3ULL;
    }
    return hash;
}

/// The finaliser of SplitMix64.
std::uint64_t mix(std::uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

} // namespace

Rng::Rng(std::uint64_t seed, std::string_view purpose, std::uint64_t index, std::uint64_t step)
{
    // The counter has room for the draw block, the step and the lower half of the index; the rest of the name goes into
    // the key. mix() is a bijection, so that under one (seed, purpose) two upper halves give two keys, and two pairs
    // (index, step) differ in the key or in the counter: none ever share a stream.
    const std::uint64_t key = mix(mix(seed ^ mix(hashName(purpose))) ^ high(index));
    m_key = {low(key), high(key)};
    m_counter = {0, low(step), high(step), low(index)};
}

void Rng::refill()
{
    using Philox = r123::Philox4x32; // ten rounds
    Philox::ctr_type counter{{m_counter[0], m_counter[1], m_counter[2], m_counter[3]}};
    Philox::key_type key{{m_key[0], m_key[1]}};
    const auto block = Philox{}(counter, key);
    for (unsigned i = 0; i < 4; ++i)
        m_block[i] = block[i];
    ++m_counter[0];
    m_used = 0;
}

std::uint32_t Rng::nextUint32()
{
    if (m_used == 4)
        refill();
    return m_block[m_used++];
}

std::uint64_t Rng::nextUint64()
{
    const std::uint64_t upper = nextUint32();
    return (upper << 32) | nextUint32();
}

double Rng::uniform() { return static_cast<double>(nextUint64() >> 11) * 0x1.0p-53; }

std::uint64_t Rng::below(std::uint64_t bound)
{
    assert(bound > 0);
    const std::uint64_t threshold = (0 - bound) % bound; // 2^64 mod bound
    for (;;) {
        const std::uint64_t draw = nextUint64();
        if (draw >= threshold)
            return draw % bound;
    }
}

double Rng::normal()
{
    if (m_hasSpare) {
        m_hasSpare = false;
        return m_spareNormal;
    }
    const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
    const double angle = 2.0 * std::numbers::pi * uniform();
    m_spareNormal = radius * std::sin(angle);
    m_hasSpare = true;
    return radius * std::cos(angle);
}

} // namespace btcai
