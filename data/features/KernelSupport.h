#pragma once

#include <algorithm>
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

/// A kernel from its core, a plain copyable class with `double next(const Bar&)`: live trading and the batch call that one
/// function, the batch without a virtual call between two bars.
template <typename Core>
class KernelOf final : public FeatureKernel {
public:
    template <typename... Arguments>
    explicit KernelOf(Arguments... arguments) : m_core(arguments...)
    {
    }

    double push(const Bar& bar) override { return m_core.next(bar); }

    void run(std::span<const Bar> bars, std::span<double> values) override
    {
        if constexpr (sizeof(Core) <= kSmall) {
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

    static void loop(Core& core, std::span<const Bar> bars, std::span<double> values)
    {
        for (std::size_t i = 0; i < bars.size(); ++i)
            values[i] = core.next(bars[i]);
    }

    Core m_core;
};

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

/// Wilder's true range; the first bar has no previous close and gives its own range.
inline double trueRange(const Bar& bar, const PreviousClose& previous)
{
    if (!previous.known())
        return bar.high - bar.low;
    return std::max(bar.high, previous.value()) - std::min(bar.low, previous.value());
}

inline double typicalPrice(const Bar& bar) { return (bar.high + bar.low + bar.close) / 3.0; }

} // namespace btcai
