#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/Rng.h"

namespace btcai {

/// Exponential back-off with jitter: the n-th wait is drawn uniformly from [d/2, d] with d = min(first * 2^n, longest), so that
/// many clients cut off at once don't come back at once.
class Backoff {
public:
    Backoff(double firstSeconds, double longestSeconds, std::uint64_t seed)
        : m_first(firstSeconds), m_longest(longestSeconds), m_rng(seed, "remote-backoff")
    {
    }

    double nextSeconds()
    {
        const double full = std::min(m_longest, m_first * std::exp2(std::min(m_tries++, 60)));
        return full * (0.5 + 0.5 * m_rng.uniform());
    }
    /// After a success.
    void reset() { m_tries = 0; }
    /// Waits since the last success.
    int tries() const { return m_tries; }

private:
    double m_first;
    double m_longest;
    int m_tries = 0;
    Rng m_rng;
};

} // namespace btcai
