#pragma once

#include <algorithm>

#include "data/features/KernelSupport.h"

namespace btcai {

/// Joins bars into those of a higher timeframe (epoch-aligned, UTC). A higher bar may be used only once it is complete: at the close
/// of the bar that ends it, or, where that one is missing, when the first bar after it arrives. It holds what was present;
/// of a stretch without any bar there is none. Bars as long as the timeframe or longer are taken as they come.
template <std::int64_t timeframe>
class Aggregation {
public:
    explicit Aggregation(std::int64_t intervalSeconds) : m_interval(intervalSeconds) {}

    /// Calls `complete` with each higher bar that this bar's close completes, at most two, in order.
    template <typename Complete>
    void push(const Bar& bar, Complete&& complete)
    {
        if (m_open && bar.timestamp >= m_end) {
            m_open = false;
            complete(m_bar);
        }
        if (!m_open) {
            const std::int64_t start = bar.timestamp - ((bar.timestamp % timeframe) + timeframe) % timeframe;
            m_end = start + timeframe;
            m_bar = bar;
            m_bar.timestamp = start;
            m_open = true;
        } else {
            m_bar.high = std::max(m_bar.high, bar.high);
            m_bar.low = std::min(m_bar.low, bar.low);
            m_bar.close = bar.close;
            m_bar.volume += bar.volume;
        }
        if (bar.timestamp + m_interval >= m_end) {
            m_open = false;
            complete(m_bar);
        }
    }

private:
    std::int64_t m_interval;
    std::int64_t m_end = 0;
    bool m_open = false;
    Bar m_bar;
};

/// A core run on the bars of a higher timeframe; between two of them it keeps its value.
template <std::int64_t timeframe, typename Core>
class HigherCore {
public:
    explicit HigherCore(std::int64_t intervalSeconds) : m_bars(intervalSeconds) {}

    double next(const Bar& bar)
    {
        m_bars.push(bar, [this](const Bar& complete) { m_value = m_core.next(complete); });
        return m_value;
    }

private:
    Aggregation<timeframe> m_bars;
    Core m_core;
    double m_value = kNotYet;
};

inline constexpr std::int64_t kMinute = 60;
inline constexpr std::int64_t kHour = 3600;
inline constexpr std::int64_t kDay = 86400;

} // namespace btcai
