#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace btcai {

/// The building blocks of the kernels. All are O(1) per push (amortised over a window), allocate only when they are
/// made, and none drifts: nothing is ever subtracted from a running sum.

/// The fold of the last `window` values under an associative operation, in order of age (oldest first).
///
/// Values are taken in blocks of one window (van Herk, "A fast algorithm for local minimum and maximum filters",
/// 1992): a window spans the end of one block and the start of the next, so it is the suffix fold of the one combined
/// with the prefix fold of the other. Sums made this way are fresh sums of at most `window` terms at every bar, exactly
/// zero when all terms are, and the same whatever came before the window.
template <typename T, typename Operation>
class RollingFold {
public:
    explicit RollingFold(std::size_t window, Operation operation = {})
        : m_operation(operation), m_values(window), m_suffix(window)
    {
    }

    void push(const T& value)
    {
        m_values[m_position] = value;
        m_prefix = m_position == 0 ? value : m_operation(m_prefix, value);
        const bool blockEnds = m_position + 1 == m_values.size();
        m_value = blockEnds ? m_prefix : m_hasSuffix ? m_operation(m_suffix[m_position + 1], m_prefix) : m_prefix;
        m_full = m_full || blockEnds;
        ++m_position;
        if (blockEnds)
            startBlock();
    }

    /// Whether a whole window was pushed. Before that, value() folds what there is.
    bool full() const { return m_full; }
    const T& value() const { return m_value; }

private:
    void startBlock()
    {
        m_suffix.back() = m_values.back();
        for (std::size_t i = m_values.size() - 1; i-- > 0;)
            m_suffix[i] = m_operation(m_values[i], m_suffix[i + 1]);
        m_position = 0;
        m_hasSuffix = true;
    }

    Operation m_operation;
    std::vector<T> m_values;
    std::vector<T> m_suffix;
    T m_prefix{};
    T m_value{};
    std::size_t m_position = 0;
    bool m_hasSuffix = false;
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

using RollingSum = RollingFold<double, Plus>;
using RollingMax = RollingFold<double, Greater>;
using RollingMin = RollingFold<double, Smaller>;

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

using RollingMoments = RollingFold<Moments, MergeMoments>;

/// A value and the push it came with.
struct Dated {
    double value = 0.0;
    std::size_t index = 0;
};
/// Of equal extremes the latest counts, as in TA-Lib.
struct LatestGreatest {
    Dated operator()(const Dated& older, const Dated& newer) const { return newer.value >= older.value ? newer : older; }
};
struct LatestSmallest {
    Dated operator()(const Dated& older, const Dated& newer) const { return newer.value <= older.value ? newer : older; }
};

/// The value pushed `lag` pushes before the newest.
class Delay {
public:
    explicit Delay(std::size_t lag) : m_ring(lag + 1) {}

    void push(double value)
    {
        m_ring[m_next] = value;
        m_next = m_next + 1 == m_ring.size() ? 0 : m_next + 1;
        m_count += m_count < m_ring.size() ? 1 : 0;
    }
    bool full() const { return m_count == m_ring.size(); }
    double oldest() const { return m_ring[m_next]; }

private:
    std::vector<double> m_ring;
    std::size_t m_next = 0;
    std::size_t m_count = 0;
};

/// An average that starts as the mean of its first `period` values and then moves a share `weight` towards each.
class SeededAverage {
public:
    SeededAverage(std::size_t period, double weight) : m_period(period), m_weight(weight) {}

    void push(double value)
    {
        if (m_count < m_period) {
            m_sum += value;
            ++m_count;
            m_value = m_sum / static_cast<double>(m_count);
        } else {
            m_value += m_weight * (value - m_value);
        }
    }
    bool full() const { return m_count == m_period; }
    double value() const { return m_value; }

private:
    std::size_t m_period;
    double m_weight;
    std::size_t m_count = 0;
    double m_sum = 0.0;
    double m_value = 0.0;
};

/// Exponential moving average, weight 2 / (period + 1), seeded with the simple mean (as TA-Lib).
struct Ema : SeededAverage {
    explicit Ema(std::size_t period) : SeededAverage(period, 2.0 / (static_cast<double>(period) + 1.0)) {}
};

/// Wilder's smoothing, weight 1 / period: "New Concepts in Technical Trading Systems" (1978).
struct WilderAverage : SeededAverage {
    explicit WilderAverage(std::size_t period) : SeededAverage(period, 1.0 / static_cast<double>(period)) {}
};

inline constexpr double kNotYet = std::numeric_limits<double>::quiet_NaN();

/// a / b, and `otherwise` where b is zero.
inline double ratioOr(double a, double b, double otherwise) { return b != 0.0 ? a / b : otherwise; }

} // namespace btcai
