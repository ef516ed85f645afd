#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace btcai {

/// The building blocks of the kernels. All are O(1) per push (amortised over a window), hold their values in themselves
/// (nothing is ever allocated), and none drifts: nothing is ever subtracted from a running sum.

/// The fold of the last `window` values under an associative operation, in order of age (oldest first).
///
/// Values are taken in blocks of one window (van Herk, "A fast algorithm for local minimum and maximum filters",
/// 1992): a window spans the end of one block and the start of the next, so it is the suffix fold of the one combined
/// with the prefix fold of the other. Sums made this way are fresh sums of at most `window` terms at every bar, exactly
/// zero when all terms are, and the same whatever came before the window.
template <typename T, typename Operation, std::size_t window>
class RollingFold {
public:
    void push(const T& value)
    {
        constexpr Operation fold{};
        m_prefix = m_position == 0 ? value : fold(m_prefix, value);
        const std::size_t next = m_position + 1;
        if (next == window) {
            m_slots[m_position] = value;
            m_value = m_prefix;
            endBlock();
            return;
        }
        m_value = m_full ? fold(m_slots[next], m_prefix) : m_prefix;
        m_slots[m_position] = value;
        m_position = next;
    }

    /// Whether a whole window was pushed. Before that, value() folds what there is.
    bool full() const { return m_full; }
    const T& value() const { return m_value; }

private:
    /// Turns the block's values into its suffix folds. The next block overwrites each after its last use.
    void endBlock()
    {
        constexpr Operation fold{};
        for (std::size_t i = window - 1; i-- > 0;)
            m_slots[i] = fold(m_slots[i], m_slots[i + 1]);
        m_position = 0;
        m_full = true;
    }

    std::array<T, window> m_slots{}; ///< before m_position the values of this block, from it on the suffix folds of the last
    T m_prefix{};
    T m_value{};
    std::size_t m_position = 0;
    bool m_full = false;
};

struct Plus {
    double operator()(double a, double b) const { return a + b; }
};
struct Greater {
    double operator()(double a, double b) const { return std::max(a, b); }
};
struct Smaller {
    double operator()(double a, double b) const { return std::min(a, b); }
};

template <std::size_t window>
using RollingSum = RollingFold<double, Plus, window>;
template <std::size_t window>
using RollingMax = RollingFold<double, Greater, window>;
template <std::size_t window>
using RollingMin = RollingFold<double, Smaller, window>;

/// Several sums over one window.
template <std::size_t count, std::size_t window>
class RollingSums {
public:
    void push(const std::array<double, count>& values)
    {
        for (std::size_t i = 0; i < count; ++i)
            m_sums[i].push(values[i]);
    }
    bool full() const { return m_sums[0].full(); }
    double value(std::size_t i) const { return m_sums[i].value(); }

private:
    std::array<RollingSum<window>, count> m_sums;
};

/// Count, mean and sum of squared distances from the mean.
struct Moments {
    double count = 0.0;
    double mean = 0.0;
    double squares = 0.0;

    static Moments of(double value) { return {1.0, value, 0.0}; }
};

/// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979):
/// no cancellation, however large the level is against the spread.
struct MergeMoments {
    Moments operator()(const Moments& a, const Moments& b) const
    {
        const double count = a.count + b.count;
        const double distance = b.mean - a.mean;
        const double share = b.count / count;
        return {count, a.mean + distance * share, a.squares + b.squares + distance * distance * a.count * share};
    }
};

template <std::size_t window>
using RollingMoments = RollingFold<Moments, MergeMoments, window>;

/// The moments of pairs (x, y): means and sums of squared and of multiplied distances from them.
struct PairMoments {
    double count = 0.0;
    double meanX = 0.0, meanY = 0.0;
    double squaresX = 0.0, squaresY = 0.0, products = 0.0;

    static PairMoments of(double x, double y) { return {1.0, x, y, 0.0, 0.0, 0.0}; }
};

/// As MergeMoments, for pairs.
struct MergePairMoments {
    PairMoments operator()(const PairMoments& a, const PairMoments& b) const
    {
        const double count = a.count + b.count;
        const double share = b.count / count;
        const double x = b.meanX - a.meanX;
        const double y = b.meanY - a.meanY;
        const double weight = a.count * share;
        return {count, a.meanX + x * share, a.meanY + y * share, a.squaresX + b.squaresX + x * x * weight,
                a.squaresY + b.squaresY + y * y * weight, a.products + b.products + x * y * weight};
    }
};

template <std::size_t window>
using RollingPairMoments = RollingFold<PairMoments, MergePairMoments, window>;

/// Sum of values, and of each value times its place 1, 2, ... from the oldest.
struct Ramp {
    double count = 0.0;
    double sum = 0.0;
    double weighted = 0.0;

    static Ramp of(double value) { return {1.0, value, value}; }
};
/// The newer part's places move up by the count of the older.
struct JoinRamps {
    Ramp operator()(const Ramp& older, const Ramp& newer) const
    {
        return {older.count + newer.count, older.sum + newer.sum, older.weighted + (newer.weighted + older.count * newer.sum)};
    }
};

template <std::size_t window>
using RollingRamp = RollingFold<Ramp, JoinRamps, window>;

/// A value and the push it came with.
struct Dated {
    double value = 0.0;
    std::size_t index = 0;
};
/// The index of the newer or the older one, without a branch: which one wins is a matter of chance.
inline std::size_t latestIf(bool newerWins, const Dated& older, const Dated& newer)
{
    return older.index + (newer.index - older.index) * static_cast<std::size_t>(newerWins);
}

/// Of equal extremes the latest counts, as in TA-Lib.
struct LatestGreatest {
    Dated operator()(const Dated& older, const Dated& newer) const
    {
        return {std::max(older.value, newer.value), latestIf(newer.value >= older.value, older, newer)};
    }
};
struct LatestSmallest {
    Dated operator()(const Dated& older, const Dated& newer) const
    {
        return {std::min(older.value, newer.value), latestIf(newer.value <= older.value, older, newer)};
    }
};

/// The value pushed `lag` pushes before the newest.
template <std::size_t lag>
class Delay {
public:
    void push(double value)
    {
        m_ring[m_next] = value;
        m_next = m_next == lag ? 0 : m_next + 1;
        m_count += m_count <= lag ? 1 : 0;
    }
    bool full() const { return m_count > lag; }
    double oldest() const { return m_ring[m_next]; }

private:
    std::array<double, lag + 1> m_ring{};
    std::size_t m_next = 0;
    std::size_t m_count = 0;
};

/// An average that starts as the mean of its first `seed` values and then moves a share `weight` towards each.
template <std::size_t seed>
class SeededAverage {
public:
    explicit SeededAverage(double weight) : m_weight(weight) {}

    void push(double value)
    {
        if (m_count < seed) {
            m_sum += value;
            ++m_count;
            m_value = m_sum / static_cast<double>(m_count);
        } else {
            m_value += m_weight * (value - m_value);
        }
    }
    bool full() const { return m_count == seed; }
    double value() const { return m_value; }

private:
    double m_weight;
    std::size_t m_count = 0;
    double m_sum = 0.0;
    double m_value = 0.0;
};

/// The weight of an exponential moving average of this period.
constexpr double emaWeight(std::size_t period) { return 2.0 / (static_cast<double>(period) + 1.0); }

/// Exponential moving average, weight 2 / (period + 1), seeded with the simple mean (as TA-Lib).
template <std::size_t period>
struct Ema : SeededAverage<period> {
    Ema() : SeededAverage<period>(emaWeight(period)) {}
};

/// Wilder's smoothing, weight 1 / period: "New Concepts in Technical Trading Systems" (1978).
template <std::size_t period>
struct WilderAverage : SeededAverage<period> {
    WilderAverage() : SeededAverage<period>(1.0 / static_cast<double>(period)) {}
};

/// An EMA of an EMA of ..., each starting when the one before it has its first value.
template <std::size_t period, std::size_t depth>
class EmaChain {
public:
    void push(double value)
    {
        for (Ema<period>& ema : m_stages) {
            ema.push(value);
            if (!ema.full())
                return;
            value = ema.value();
        }
    }
    /// Whether all have a value.
    bool full() const { return m_stages.back().full(); }
    /// Of the EMA taken `stage` times, from 1.
    double value(std::size_t stage = depth) const { return m_stages[stage - 1].value(); }

private:
    std::array<Ema<period>, depth> m_stages;
};

inline constexpr double kNotYet = std::numeric_limits<double>::quiet_NaN();

/// a / b, and `otherwise` where b is zero.
inline double ratioOr(double a, double b, double otherwise) { return b != 0.0 ? a / b : otherwise; }

} // namespace btcai
