#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/features/FeatureKernel.h"
#include "data/features/Rolling.h"

namespace btcai {

/// The entries of one group; featureCatalog() joins them in this order.
std::vector<FeatureInfo> trendFeatures();
std::vector<FeatureInfo> averageFeatures();
std::vector<FeatureInfo> cycleFeatures();
std::vector<FeatureInfo> momentumFeatures();
std::vector<FeatureInfo> volatilityFeatures();
std::vector<FeatureInfo> volumeFeatures();
std::vector<FeatureInfo> statisticsFeatures();
std::vector<FeatureInfo> candleFeatures();
std::vector<FeatureInfo> patternFeatures();
std::vector<FeatureInfo> levelFeatures();
std::vector<FeatureInfo> timeframeFeatures();
std::vector<FeatureInfo> timeFeatures();
std::vector<FeatureInfo> fundingFeatures();
std::vector<FeatureInfo> regimeFeatures();

/// Bars that a core takes in one go: the columns it works with stay in the nearest cache.
inline constexpr std::size_t kPieceBars = 256;
/// A column that a core works with. The places left over keep a row of these from standing a multiple of 4,096 bytes apart, where
/// the processor takes a write to one for a write to the next.
using Piece = std::array<double, kPieceBars + 40>;

inline BarBlock blockOf(const Bar& bar)
{
    return {{&bar.timestamp, 1}, {&bar.open, 1}, {&bar.high, 1}, {&bar.low, 1}, {&bar.close, 1}, {&bar.volume, 1}};
}

/// A core that is given a piece of bars at a time (at most kPieceBars), with the values to fill.
template <typename Core>
concept PieceCore = requires(Core core, const BarBlock& bars, std::span<double> values) { core.run(bars, values); };

/// A kernel from its core, a plain copyable class: either with `double next(const Bar&)` or a PieceCore. Live trading and the batch
/// call that one function, the batch without a virtual call between two bars.
template <typename Core>
class KernelOf final : public FeatureKernel {
public:
    template <typename... Arguments>
    explicit KernelOf(Arguments... arguments) : m_core(arguments...)
    {
    }

    double push(const Bar& bar) override
    {
        if constexpr (PieceCore<Core>) {
            double value = 0.0;
            m_core.run(blockOf(bar), {&value, 1});
            return value;
        } else {
            return m_core.next(bar);
        }
    }

    void run(const BarBlock& bars, std::span<double> values) override
    {
        if constexpr (PieceCore<Core>) {
            for (std::size_t i = 0; i < bars.size(); i += kPieceBars) {
                const std::size_t count = std::min(kPieceBars, bars.size() - i);
                m_core.run(bars.subspan(i, count), values.subspan(i, count));
            }
        } else if constexpr (sizeof(Core) <= kSmall) {
            Core core = m_core; // a local's fields may stay in registers: `values` can't point into it
            loop(core, bars, values);
            m_core = core;
        } else {
            loop(m_core, bars, values);
        }
    }

    void settle(const FundingRate& rate) override
    {
        if constexpr (requires { m_core.settle(rate); })
            m_core.settle(rate);
    }

private:
    static constexpr std::size_t kSmall = 8192;

    static void loop(Core& core, const BarBlock& bars, std::span<double> values)
    {
        for (std::size_t i = 0; i < bars.size(); ++i)
            values[i] = core.next(bars[i]);
    }

    Core m_core;
};

/// Says of the first values that there are none yet.
inline void leaveOut(std::span<double> values, std::size_t early) { std::fill_n(values.begin(), early, kNotYet); }

/// A core that works out several lines, `Core::kLines` of them: core.run(bars, lines, wanted) fills those that are wanted.
template <typename Core>
class LineSource {
public:
    using Lines = std::array<Piece, Core::kLines>;

    void want(std::size_t line) { m_wanted[line] = true; }

    /// The next values of a line, of these bars. What a bar gives for other lines waits until they are asked for it.
    void take(std::size_t line, const BarBlock& bars, std::span<double> values)
    {
        std::vector<double>& waiting = m_waiting[line];
        const std::size_t known = std::min(waiting.size(), bars.size());
        std::copy_n(waiting.begin(), known, values.begin());
        waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(known));
        Lines lines;
        for (std::size_t i = known; i < bars.size(); i += kPieceBars) {
            const std::size_t count = std::min(kPieceBars, bars.size() - i);
            m_core.run(bars.subspan(i, count), lines, m_wanted);
            std::copy_n(lines[line].begin(), count, values.begin() + static_cast<std::ptrdiff_t>(i));
            for (std::size_t k = 0; k < lines.size(); ++k)
                if (k != line && m_wanted[k])
                    m_waiting[k].insert(m_waiting[k].end(), lines[k].begin(), lines[k].begin() + static_cast<std::ptrdiff_t>(count));
        }
    }

private:
    Core m_core;
    std::array<bool, Core::kLines> m_wanted{};
    std::array<std::vector<double>, Core::kLines> m_waiting;
};

/// The kernel of one line of such a core.
template <typename Core>
class LineOf final : public FeatureKernel {
public:
    explicit LineOf(std::size_t line) : m_line(line), m_source(std::make_shared<LineSource<Core>>()) { m_source->want(line); }

    double push(const Bar& bar) override
    {
        double value = 0.0;
        m_source->take(m_line, blockOf(bar), {&value, 1});
        return value;
    }
    void run(const BarBlock& bars, std::span<double> values) override { m_source->take(m_line, bars, values); }
    bool share(FeatureKernel& other) override
    {
        const auto* same = dynamic_cast<LineOf*>(&other);
        if (same == nullptr)
            return false;
        m_source = same->m_source;
        m_source->want(m_line);
        return true;
    }

private:
    std::size_t m_line;
    std::shared_ptr<LineSource<Core>> m_source;
};

template <typename Core, auto line>
std::unique_ptr<FeatureKernel> makeLine(std::int64_t)
{
    return std::make_unique<LineOf<Core>>(static_cast<std::size_t>(line));
}

/// A maker for FeatureInfo::make. The core is given the interval where it has a constructor for it.
template <typename Core>
std::unique_ptr<FeatureKernel> makeKernel([[maybe_unused]] std::int64_t intervalSeconds)
{
    if constexpr (std::is_constructible_v<Core, std::int64_t>)
        return std::make_unique<KernelOf<Core>>(intervalSeconds);
    else
        return std::make_unique<KernelOf<Core>>();
}

// What a catalogue entry says of its range.
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr FeatureRange kOpen{};
inline constexpr FeatureRange kNotNegative{0.0, kInfinity};
inline constexpr FeatureRange kNotPositive{-kInfinity, 0.0};
inline constexpr FeatureRange kPercent{0.0, 100.0};
inline constexpr FeatureRange kSignedPercent{-100.0, 100.0};
inline constexpr FeatureRange kUnit{0.0, 1.0};
inline constexpr FeatureRange kSignedUnit{-1.0, 1.0};

/// The previous bar's close (or another of its numbers), and whether there was one.
class PreviousClose {
public:
    bool known() const { return m_known; }
    double value() const { return m_close; }
    void set(double close)
    {
        m_close = close;
        m_known = true;
    }

private:
    double m_close = 0.0;
    bool m_known = false;
};

/// The bar before each.
class PreviousBar {
public:
    /// Calls f(i, bar before bars[i]) for each bar that has one: all but the very first.
    /// Returns how many have none.
    template <typename F>
    std::size_t run(const BarBlock& bars, F f)
    {
        if (bars.empty())
            return 0;
        const std::size_t without = m_known ? 0 : 1;
        if (m_known)
            f(0, m_bar);
        for (std::size_t i = 1; i < bars.size(); ++i)
            f(i, bars[i - 1]);
        m_bar = bars[bars.size() - 1];
        m_known = true;
        return without;
    }

private:
    Bar m_bar;
    bool m_known = false;
};

/// Wilder's true range, of a bar and the close before it.
inline double trueRange(double high, double low, double closeBefore) { return std::max(high, closeBefore) - std::min(low, closeBefore); }

/// The same; the first bar has no previous close and gives its own range.
inline double trueRange(const Bar& bar, const PreviousClose& previous)
{
    if (!previous.known())
        return bar.high - bar.low;
    return trueRange(bar.high, bar.low, previous.value());
}

inline double typicalPrice(const Bar& bar) { return (bar.high + bar.low + bar.close) / 3.0; }

} // namespace btcai
