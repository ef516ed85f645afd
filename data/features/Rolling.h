#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace btcai {

/// The building blocks of the kernels. All are O(1) per push (amortised over a window), hold their values in themselves
/// (nothing is ever allocated), and none drifts: nothing is ever subtracted from a running sum.

/// What a loop carries on from step to step stays in registers only where the step is inlined.
#define BTCAI_INLINED __attribute__((always_inline))

/// For run() of what stands below: the values of a column, and a column to be filled.
inline auto from(std::span<const double> column)
{
    return [column](std::size_t i) { return column[i]; };
}
inline auto into(std::span<double> column)
{
    return [column](std::size_t i, double value) { column[i] = value; };
}

/// Calls f(0), ..., f(count - 1), written out one by one where they are few: no processor guesses the end of every short loop.
template <std::size_t count, typename F>
BTCAI_INLINED inline void repeat(F f)
{
    const auto all = [&]<std::size_t... k>(std::index_sequence<k...>) BTCAI_INLINED { (static_cast<void>(f(k)), ...); };
    if constexpr (count <= 32)
        all(std::make_index_sequence<count>());
    else
        for (std::size_t k = 0; k < count; ++k)
            f(k);
}

/// Takes `count` values into blocks of `window` places, of which `position` are taken: step(i, place, isFirst, isLast, isFull, inOneGo)
/// for the i-th of them, where the flags are constants that tell the ends of a block, whether a block was full before, and whether
/// this whole block is among these values; endBlock(i, inOneGo) after the last place of one, with its first value's i in the last case.
template <std::size_t window, typename Step, typename EndBlock>
BTCAI_INLINED inline void walkBlocks(std::size_t& position, bool& full, std::size_t count, Step step, EndBlock endBlock)
{
    constexpr std::true_type yes;
    constexpr std::false_type no;
    constexpr std::bool_constant<window == 1> onlyOne;
    std::size_t i = 0;
    const auto walk = [&](std::size_t end, auto isFull) BTCAI_INLINED {
        std::size_t place = position;
        if (place == 0 && !onlyOne)
            step(i++, place++, yes, no, isFull, no);
        for (const std::size_t inner = std::min(end, window - 1); place < inner;)
            step(i++, place++, no, no, isFull, no);
        if (place < end)
            step(i++, place++, onlyOne, yes, isFull, no);
        position = place;
    };
    while (i < count) {
        const std::size_t end = std::min(window, position + (count - i));
        if (full && end - position == window) { // straight on, without a guess where it ends
            if constexpr (window > 1)
                step(i, 0, yes, no, yes, yes);
            repeat<(window > 1 ? window - 2 : 0)>(
                [&](std::size_t k) BTCAI_INLINED { step(i + k + 1, k + 1, no, no, yes, yes); });
            step(i + window - 1, window - 1, onlyOne, yes, yes, yes);
            endBlock(i, yes);
            i += window;
            continue;
        }
        full ? walk(end, yes) : walk(end, no);
        if (end == window) {
            position = 0;
            full = true;
            endBlock(i, no);
        }
    }
}

/// How many of the next `count` values are not yet those of a whole window.
template <std::size_t window>
std::size_t beforeWindow(std::size_t position, bool full, std::size_t count)
{
    return full ? 0 : std::min(count, window - 1 - position);
}

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
            m_position = 0;
            m_full = true;
            endBlock([this](std::size_t place) { return m_slots[place]; });
            return;
        }
        m_value = m_full ? fold(m_slots[next], m_prefix) : m_prefix;
        m_slots[m_position] = value;
        m_position = next;
    }

    /// Pushes read(0), ..., read(count - 1) and calls give(i, value) with what value() is after each: as push, to the bit.
    /// Values may be read again later: give must leave them as they are.
    template <typename Read, typename Give>
    void run(std::size_t count, Read read, Give give)
    {
        constexpr Operation fold{};
        T prefix = m_prefix, latest = m_value;
        const auto step = [&](std::size_t i, std::size_t place, auto isFirst, auto isLast, auto isFull, auto inOneGo) BTCAI_INLINED {
            const T value = read(i);
            if constexpr (isFirst)
                prefix = value;
            else
                prefix = fold(prefix, value);
            if constexpr (isFull && !isLast)
                latest = fold(m_slots[place + 1], prefix);
            else
                latest = prefix;
            if constexpr (!inOneGo)
                m_slots[place] = value;
            give(i, latest);
        };
        walkBlocks<window>(m_position, m_full, count, step, [&](std::size_t first, auto inOneGo) BTCAI_INLINED {
            endBlock([&](std::size_t place) BTCAI_INLINED {
                if constexpr (inOneGo)
                    return read(first + place);
                else
                    return m_slots[place];
            });
        });
        m_prefix = prefix;
        m_value = latest;
    }

    /// Whether a whole window was pushed. Before that, value() folds what there is.
    bool full() const { return m_full; }
    /// Of the next `count` pushes, those after which full() is still false.
    std::size_t early(std::size_t count) const { return beforeWindow<window>(m_position, m_full, count); }
    const T& value() const { return m_value; }

private:
    /// Turns the block's values into its suffix folds. The next block overwrites each after its last use.
    template <typename ValueAt>
    BTCAI_INLINED void endBlock(ValueAt valueAt)
    {
        constexpr Operation fold{};
        T suffix = m_slots[window - 1] = valueAt(window - 1);
        repeat<window - 1>([&](std::size_t k) BTCAI_INLINED {
            const std::size_t place = window - 2 - k;
            m_slots[place] = suffix = fold(valueAt(place), suffix);
        });
    }

    std::array<T, window> m_slots{}; ///< before m_position the values of this block, from it on the suffix folds of the last
    T m_prefix{};
    T m_value{};
    std::size_t m_position = 0;
    bool m_full = false;
};

/// A pair (x, y).
struct Pair {
    double x = 0.0, y = 0.0;
};

struct Plus {
    double operator()(double a, double b) const { return a + b; }
};
struct PlusPairs {
    Pair operator()(const Pair& a, const Pair& b) const { return {a.x + b.x, a.y + b.y}; }
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

/// Sums over the last `window` samples of what `Terms::of(sample, pivot)` makes of each, taken in blocks as RollingFold does.
///
/// The pivot is the newest block's first sample, which lies in every window that ends in the block. So distances from it are of the
/// size of the window's own spread: (mean - pivot)^2 is at most `window` - 1 times the variance. Chan, Golub and LeVeque, "Algorithms
/// for Computing the Sample Variance" (1983), section 3: sums of such shifted data hardly cancel, however large the level is.
template <typename Sample, typename Terms, std::size_t window>
class RollingShifted {
public:
    /// Pushes read(0), ..., read(count - 1) and calls give(i, sums, share, pivot) after each;
    /// share: one by how many samples the sums are of.
    template <typename Read, typename Give>
    void run(std::size_t count, Read read, Give give)
    {
        Sample pivot = m_pivot;
        Terms prefix = m_prefix;
        const auto step = [&](std::size_t i, std::size_t place, auto isFirst, auto isLast, auto isFull, auto) BTCAI_INLINED {
            const Sample sample = read(i);
            if constexpr (isFirst) {
                pivot = sample;
                prefix = Terms{};
                if constexpr (isFull && !isLast)
                    foldSuffixes(pivot);
            } else {
                prefix = prefix + Terms::of(sample, pivot);
            }
            m_samples[place] = sample;
            const double share = 1.0 / static_cast<double>(isFull ? window : place + 1);
            if constexpr (isFull && !isLast)
                give(i, m_suffixes[place + 1] + prefix, share, pivot);
            else
                give(i, prefix, share, pivot);
        };
        walkBlocks<window>(m_position, m_full, count, step, [](std::size_t, auto) {});
        m_pivot = pivot;
        m_prefix = prefix;
    }

    bool full() const { return m_full; }
    std::size_t early(std::size_t count) const { return beforeWindow<window>(m_position, m_full, count); }

private:
    /// The sums over the ends of the last block, as seen from the pivot of this one.
    void foldSuffixes(const Sample& pivot)
    {
        Terms suffix{};
        repeat<window - 1>([&](std::size_t k) BTCAI_INLINED {
            const std::size_t place = window - 1 - k;
            m_suffixes[place] = suffix = Terms::of(m_samples[place], pivot) + suffix;
        });
    }

    std::array<Sample, window> m_samples{}; ///< of this block, from m_position on of the last
    std::array<Terms, window> m_suffixes{};
    Sample m_pivot{};
    Terms m_prefix{};
    std::size_t m_position = 0;
    bool m_full = false;
};

/// Mean and sum of squared distances from it.
struct Moments {
    double mean = 0.0;
    double squares = 0.0;
};

template <std::size_t window>
class RollingMoments {
public:
    void push(double value)
    {
        run(1, [&](std::size_t) { return value; }, [&](std::size_t, const Moments& moments) { m_value = moments; });
    }
    /// Pushes read(0), ..., read(count - 1) and calls give(i, moments) after each; value() is left as it is.
    template <typename Read, typename Give>
    void run(std::size_t count, Read read, Give give)
    {
        m_sums.run(count, read, [&](std::size_t i, const Terms& sums, double share, double pivot) {
            const double distance = sums.distance * share;
            give(i, Moments{pivot + distance, sums.square - sums.distance * distance});
        });
    }
    bool full() const { return m_sums.full(); }
    std::size_t early(std::size_t count) const { return m_sums.early(count); }
    /// After the last push.
    const Moments& value() const { return m_value; }

private:
    struct Terms {
        double distance = 0.0, square = 0.0;

        static Terms of(double value, double pivot) { return {value - pivot, (value - pivot) * (value - pivot)}; }
        Terms operator+(const Terms& other) const { return {distance + other.distance, square + other.square}; }
    };

    RollingShifted<double, Terms, window> m_sums;
    Moments m_value;
};

/// The moments of pairs: sums of squared and of multiplied distances from their means.
struct PairMoments {
    double squaresX = 0.0, squaresY = 0.0, products = 0.0;
};

/// As RollingMoments, for pairs.
template <std::size_t window>
class RollingPairMoments {
public:
    void push(const Pair& pair)
    {
        run(1, [&](std::size_t) { return pair; }, [&](std::size_t, const PairMoments& moments) { m_value = moments; });
    }
    template <typename Read, typename Give>
    void run(std::size_t count, Read read, Give give)
    {
        m_sums.run(count, read, [&](std::size_t i, const Terms& sums, double share, const Pair&) {
            const double x = sums.x * share, y = sums.y * share;
            give(i, PairMoments{sums.squareX - sums.x * x, sums.squareY - sums.y * y, sums.product - sums.x * y});
        });
    }
    bool full() const { return m_sums.full(); }
    std::size_t early(std::size_t count) const { return m_sums.early(count); }
    const PairMoments& value() const { return m_value; }

private:
    struct Terms {
        double x = 0.0, y = 0.0, squareX = 0.0, squareY = 0.0, product = 0.0;

        static Terms of(const Pair& pair, const Pair& pivot)
        {
            const double x = pair.x - pivot.x, y = pair.y - pivot.y;
            return {x, y, x * x, y * y, x * y};
        }
        Terms operator+(const Terms& other) const
        {
            return {x + other.x, y + other.y, squareX + other.squareX, squareY + other.squareY, product + other.product};
        }
    };

    RollingShifted<Pair, Terms, window> m_sums;
    PairMoments m_value;
};

/// Sum of values, and of each value times its place 1, 2, ... from the oldest.
struct Ramp {
    double sum = 0.0;
    double weighted = 0.0;
};

/// The ramp of the last `window` values, taken in blocks as RollingFold does. Without its sum where nobody asks for it.
template <std::size_t window, bool withSum = true>
class RollingRamp {
public:
    void push(double value)
    {
        run(1, [&](std::size_t) { return value; }, [&](std::size_t, const Ramp& ramp) { m_value = ramp; });
    }
    /// Pushes read(0), ..., read(count - 1) and calls give(i, ramp) after each; value() is left as it is.
    template <typename Read, typename Give>
    void run(std::size_t count, Read read, Give give)
    {
        Newer prefix = m_prefix;
        const auto step = [&](std::size_t i, std::size_t place, auto isFirst, auto isLast, auto isFull, auto inOneGo) BTCAI_INLINED {
            const double value = read(i);
            if constexpr (isFirst)
                prefix = {value, 0.0};
            else
                prefix = {prefix.sum + value, prefix.aged + prefix.sum};
            if constexpr (!inOneGo)
                m_values[place] = value;
            // The newest value's place is the number of values; one of age k stands k places below it.
            const double newest = static_cast<double>(isFull ? window : place + 1);
            const double weighted = newest * prefix.sum - prefix.aged;
            if constexpr (isFull && !isLast)
                give(i, Ramp{m_sums[withSum ? place + 1 : 0] + prefix.sum, m_weighted[place + 1] + weighted});
            else
                give(i, Ramp{prefix.sum, weighted});
        };
        walkBlocks<window>(m_position, m_full, count, step, [&](std::size_t first, auto inOneGo) BTCAI_INLINED {
            endBlock([&](std::size_t place) BTCAI_INLINED {
                if constexpr (inOneGo)
                    return read(first + place);
                else
                    return m_values[place];
            });
        });
        m_prefix = prefix;
    }
    bool full() const { return m_full; }
    std::size_t early(std::size_t count) const { return beforeWindow<window>(m_position, m_full, count); }
    /// After the last push.
    const Ramp& value() const { return m_value; }

private:
    /// Sum of this block's values, and of each times its age: 0 for the newest.
    struct Newer {
        double sum = 0.0, aged = 0.0;
    };

    template <typename ValueAt>
    BTCAI_INLINED void endBlock(ValueAt valueAt)
    {
        Ramp suffix;
        repeat<window>([&](std::size_t k) BTCAI_INLINED {
            suffix.sum += valueAt(window - 1 - k);
            suffix.weighted += suffix.sum; // all places move up by one
            m_weighted[window - 1 - k] = suffix.weighted;
            if constexpr (withSum)
                m_sums[window - 1 - k] = suffix.sum;
        });
    }

    std::array<double, window> m_values{};
    std::array<double, window> m_weighted{};            ///< of the ends of the last block
    std::array<double, withSum ? window : 1> m_sums{}; ///< likewise
    Newer m_prefix;
    Ramp m_value;
    std::size_t m_position = 0;
    bool m_full = false;
};

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

/// The `lag` values before the next ones.
template <std::size_t lag>
class Past {
public:
    /// Calls f(i, value, valueThatManyBefore) for each value, and remembers the last. Of the first `lag` of all there is nothing
    /// before: zeros.
    template <typename F>
    void run(std::span<const double> values, F f)
    {
        const std::size_t old = std::min(lag, values.size());
        for (std::size_t i = 0; i < old; ++i)
            f(i, values[i], m_past[i]);
        for (std::size_t i = lag; i < values.size(); ++i)
            f(i, values[i], values[i - lag]);
        std::copy(m_past.begin() + static_cast<std::ptrdiff_t>(old), m_past.end(), m_past.begin());
        std::copy(values.end() - static_cast<std::ptrdiff_t>(old), values.end(), m_past.end() - static_cast<std::ptrdiff_t>(old));
        m_count = std::min(lag, m_count + values.size());
    }
    /// Of the next `count` values, those with nothing before them.
    std::size_t early(std::size_t count) const { return std::min(count, lag - m_count); }

private:
    std::array<double, lag> m_past{};
    std::size_t m_count = 0;
};

/// An average that starts as the mean of its first `seed` values and then moves a share `weight` towards each.
template <std::size_t seed>
class SeededAverage {
public:
    explicit SeededAverage(double weight) : m_weight(weight), m_keep(1.0 - weight) {}

    void push(double value)
    {
        if (m_count < seed) {
            m_sum += value;
            ++m_count;
            m_value = m_sum / static_cast<double>(m_count);
        } else {
            move(value);
        }
    }
    /// As push, once full. Only a product and a sum wait for the value before.
    double move(double value) { return m_value = m_keep * m_value + m_weight * value; }
    bool full() const { return m_count == seed; }
    /// Of the next `count` pushes, those after which full() is still false.
    std::size_t early(std::size_t count) const { return m_count < seed ? std::min(count, seed - 1 - m_count) : 0; }
    double value() const { return m_value; }

private:
    double m_weight, m_keep;
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
    /// Pushes read(0), ..., read(count - 1) and calls give(i, values) after each once full(); values[k] is that of stage k + 1.
    /// Returns how many came before.
    template <typename Read, typename Give>
    std::size_t run(std::size_t count, Read read, Give give)
    {
        std::size_t early = 0;
        for (; !full() && early < count; ++early)
            push(read(early));
        const std::size_t first = early > 0 && full() ? early - 1 : early;
        auto stages = m_stages;
        std::array<double, depth> values;
        const auto show = [&](std::size_t i) BTCAI_INLINED {
            repeat<depth>([&](std::size_t k) BTCAI_INLINED { values[k] = stages[k].value(); });
            give(i, values);
        };
        if (first < early)
            show(first);
        for (std::size_t i = early; i < count; ++i) {
            double value = read(i);
            repeat<depth>([&](std::size_t k) BTCAI_INLINED { value = stages[k].move(value); });
            show(i);
        }
        m_stages = stages;
        return first;
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
inline double ratioOr(double a, double b, double otherwise)
{
    const double ratio = a / b; // always: a division that nobody uses costs less than a branch
    return b != 0.0 ? ratio : otherwise;
}

} // namespace btcai
