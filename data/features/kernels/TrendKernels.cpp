#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

enum class MacdLine { Macd, Signal, Histogram };

/// TA-Lib starts the fast average on the bars that end where the slow one starts, so that both begin together.
template <std::size_t fast, std::size_t slow, std::size_t signal, MacdLine line>
class MacdCore {
public:
    double next(const Bar& bar)
    {
        m_slow.push(bar.close);
        if (m_skip > 0)
            --m_skip;
        else
            m_fast.push(bar.close);
        if (!m_slow.full())
            return kNotYet;
        const double macd = m_fast.value() - m_slow.value();
        m_signal.push(macd);
        if (line == MacdLine::Macd)
            return macd;
        if (!m_signal.full())
            return kNotYet;
        return line == MacdLine::Signal ? m_signal.value() : macd - m_signal.value();
    }

private:
    std::size_t m_skip = slow - fast;
    Ema<fast> m_fast;
    Ema<slow> m_slow;
    Ema<signal> m_signal;
};

enum class OscillatorUnit { Price, Percent };

template <std::size_t fast, std::size_t slow, OscillatorUnit unit>
class PriceOscillatorCore {
public:
    double next(const Bar& bar)
    {
        m_fast.push(bar.close);
        m_slow.push(bar.close);
        if (!m_slow.full())
            return kNotYet;
        const double difference = m_fast.value() - m_slow.value();
        return unit == OscillatorUnit::Price ? difference : 100.0 * ratioOr(difference, m_slow.value(), 0.0);
    }

private:
    Ema<fast> m_fast;
    Ema<slow> m_slow;
};

template <std::size_t period>
class TrixCore {
public:
    double next(const Bar& bar)
    {
        const bool hadValue = m_chain.full();
        const double before = m_chain.value();
        m_chain.push(bar.close);
        return hadValue ? 100.0 * (ratioOr(m_chain.value(), before, 1.0) - 1.0) : kNotYet;
    }

private:
    EmaChain<period, 3> m_chain;
};

/// Wilder's directional movement and true range, summed and smoothed. His sums start over period - 1 bars, which is what
/// TA-Lib does.
template <std::size_t period>
class DirectionalSums {
public:
    void push(const Bar& bar)
    {
        if (m_previous.known()) {
            const double up = bar.high - m_high;
            const double down = m_low - bar.low;
            const double keep = ++m_count < period ? 1.0 : 1.0 - 1.0 / static_cast<double>(period);
            m_plus = m_plus * keep + (up > std::max(down, 0.0) ? up : 0.0);
            m_minus = m_minus * keep + (down > std::max(up, 0.0) ? down : 0.0);
            m_range = m_range * keep + trueRange(bar, m_previous);
        }
        m_previous.set(bar.close);
        m_high = bar.high;
        m_low = bar.low;
    }

    std::size_t count() const { return m_count; }
    double plus() const { return m_plus; }
    double minus() const { return m_minus; }
    double range() const { return m_range; }

private:
    PreviousClose m_previous;
    double m_high = 0.0, m_low = 0.0;
    double m_plus = 0.0, m_minus = 0.0, m_range = 0.0;
    std::size_t m_count = 0;
};

enum class DirectionalLine { PlusDm, MinusDm, PlusDi, MinusDi };

template <std::size_t period, DirectionalLine line>
class DirectionalCore {
public:
    double next(const Bar& bar)
    {
        m_sums.push(bar);
        constexpr bool sumOnly = line == DirectionalLine::PlusDm || line == DirectionalLine::MinusDm;
        if (m_sums.count() < (sumOnly ? period - 1 : period))
            return kNotYet;
        const double movement = line == DirectionalLine::PlusDm || line == DirectionalLine::PlusDi ? m_sums.plus() : m_sums.minus();
        return sumOnly ? movement : 100.0 * ratioOr(movement, m_sums.range(), 0.0);
    }

private:
    DirectionalSums<period> m_sums;
};

template <std::size_t period>
class DirectionalIndex {
public:
    bool push(const Bar& bar)
    {
        m_sums.push(bar);
        if (m_sums.count() < period)
            return false;
        // A market that does not move has no direction: DX keeps its last value (0 at first), as in TA-Lib.
        const double sum = m_sums.plus() + m_sums.minus();
        if (m_sums.range() > 0.0 && sum > 0.0)
            m_value = 100.0 * std::abs(m_sums.minus() - m_sums.plus()) / sum;
        return true;
    }
    double value() const { return m_value; }

private:
    DirectionalSums<period> m_sums;
    double m_value = 0.0;
};

template <std::size_t period>
class DxCore {
public:
    double next(const Bar& bar) { return m_dx.push(bar) ? m_dx.value() : kNotYet; }

private:
    DirectionalIndex<period> m_dx;
};

template <std::size_t period>
class AdxCore {
public:
    double next(const Bar& bar)
    {
        if (m_dx.push(bar))
            m_average.push(m_dx.value());
        return m_average.full() ? m_average.value() : kNotYet;
    }

private:
    DirectionalIndex<period> m_dx;
    WilderAverage<period> m_average;
};

template <std::size_t period>
class AdxrCore {
public:
    double next(const Bar& bar)
    {
        const double adx = m_adx.next(bar);
        if (std::isnan(adx))
            return kNotYet;
        m_past.push(adx);
        return m_past.full() ? 0.5 * (adx + m_past.oldest()) : kNotYet;
    }

private:
    AdxCore<period> m_adx;
    Delay<period - 1> m_past;
};

enum class AroonLine { Up, Down, Oscillator };

template <std::size_t period, AroonLine line>
class AroonCore {
public:
    double next(const Bar& bar)
    {
        if (line != AroonLine::Down)
            m_high.push({bar.high, m_index});
        if (line != AroonLine::Up)
            m_low.push({bar.low, m_index});
        const std::size_t index = m_index++;
        if (index < period)
            return kNotYet;
        const auto place = [index](const Dated& dated) { return static_cast<double>(dated.index + period) - static_cast<double>(index); };
        switch (line) {
        case AroonLine::Up: return 100.0 * place(m_high.value()) / static_cast<double>(period);
        case AroonLine::Down: return 100.0 * place(m_low.value()) / static_cast<double>(period);
        case AroonLine::Oscillator: return 100.0 * (place(m_high.value()) - place(m_low.value())) / static_cast<double>(period);
        }
        return kNotYet;
    }

private:
    RollingFold<Dated, LatestGreatest, period + 1> m_high;
    RollingFold<Dated, LatestSmallest, period + 1> m_low;
    std::size_t m_index = 0;
};

enum class VortexLine { Plus, Minus };

template <std::size_t period, VortexLine line>
class VortexCore {
public:
    double next(const Bar& bar)
    {
        if (m_previous.known()) {
            m_movement.push(std::abs(line == VortexLine::Plus ? bar.high - m_low : bar.low - m_high));
            m_range.push(trueRange(bar, m_previous));
        }
        m_previous.set(bar.close);
        m_high = bar.high;
        m_low = bar.low;
        return m_range.full() ? ratioOr(m_movement.value(), m_range.value(), 1.0) : kNotYet;
    }

private:
    RollingSum<period> m_movement, m_range;
    PreviousClose m_previous;
    double m_high = 0.0, m_low = 0.0;
};

/// The middle of the highest high and the lowest low.
template <std::size_t period>
class MiddlePrice {
public:
    void push(double high, double low)
    {
        m_high.push(high);
        m_low.push(low);
    }
    bool full() const { return m_high.full(); }
    double value() const { return 0.5 * (m_high.value() + m_low.value()); }

private:
    RollingMax<period> m_high;
    RollingMin<period> m_low;
};

template <std::size_t period>
class MidPointCore {
public:
    double next(const Bar& bar)
    {
        m_middle.push(bar.close, bar.close);
        return m_middle.full() ? m_middle.value() : kNotYet;
    }

private:
    MiddlePrice<period> m_middle;
};

template <std::size_t period>
class MidPriceCore {
public:
    double next(const Bar& bar)
    {
        m_middle.push(bar.high, bar.low);
        return m_middle.full() ? m_middle.value() : kNotYet;
    }

private:
    MiddlePrice<period> m_middle;
};

template <std::size_t conversion, std::size_t base>
class IchimokuCore {
public:
    double next(const Bar& bar)
    {
        m_conversion.push(bar.high, bar.low);
        m_base.push(bar.high, bar.low);
        return m_base.full() ? std::log(m_conversion.value() / m_base.value()) : kNotYet;
    }

private:
    MiddlePrice<conversion> m_conversion;
    MiddlePrice<base> m_base;
};

enum class SarUnit { Price, LogDistance };

/// Wilder's parabolic stop and reverse, with steps and limit in hundredths. As in TA-Lib, the first two bars choose the side:
/// short when the low fell by more than the high rose.
template <int step, int limit, SarUnit unit>
class SarCore {
public:
    double next(const Bar& bar)
    {
        ++m_bars;
        if (m_bars < 2) {
            remember(bar);
            return kNotYet;
        }
        if (m_bars == 2)
            start(bar);
        const double stop = m_long ? stepLong(bar) : stepShort(bar);
        remember(bar);
        return unit == SarUnit::Price ? stop : std::log(bar.close / stop);
    }

private:
    static constexpr double kStep = step / 100.0;
    static constexpr double kLimit = limit / 100.0;

    void remember(const Bar& bar)
    {
        m_high = bar.high;
        m_low = bar.low;
    }

    void start(const Bar& bar)
    {
        const double down = m_low - bar.low;
        m_long = !(down > 0.0 && down > bar.high - m_high);
        m_stop = m_long ? m_low : m_high;
        m_extreme = m_long ? bar.high : bar.low;
        remember(bar); // for the first step the bar counts as its own predecessor
    }

    void advance() { m_stop += m_factor * (m_extreme - m_stop); }

    /// A stop never comes nearer than the extremes of the last two bars.
    void keepBelow(const Bar& bar) { m_stop = std::min({m_stop, m_low, bar.low}); }
    void keepAbove(const Bar& bar) { m_stop = std::max({m_stop, m_high, bar.high}); }

    double stepLong(const Bar& bar)
    {
        if (bar.low <= m_stop) {
            m_stop = m_extreme;
            keepAbove(bar);
            return turn(bar.low, bar);
        }
        const double stop = m_stop;
        if (bar.high > m_extreme)
            pull(bar.high);
        advance();
        keepBelow(bar);
        return stop;
    }

    double stepShort(const Bar& bar)
    {
        if (bar.high >= m_stop) {
            m_stop = m_extreme;
            keepBelow(bar);
            return turn(bar.high, bar);
        }
        const double stop = m_stop;
        if (bar.low < m_extreme)
            pull(bar.low);
        advance();
        keepAbove(bar);
        return stop;
    }

    double turn(double extreme, const Bar& bar)
    {
        const double stop = m_stop;
        m_long = !m_long;
        m_factor = kStep;
        m_extreme = extreme;
        advance();
        m_long ? keepBelow(bar) : keepAbove(bar);
        return stop;
    }

    void pull(double extreme)
    {
        m_extreme = extreme;
        m_factor = std::min(m_factor + kStep, kLimit);
    }

    int m_bars = 0;
    bool m_long = true;
    double m_high = 0.0, m_low = 0.0;
    double m_stop = 0.0, m_extreme = 0.0, m_factor = kStep;
};

} // namespace

std::vector<FeatureInfo> trendFeatures()
{
    constexpr auto group = FeatureGroup::Trend;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr auto level = FeatureScale::Level;
    using enum DirectionalLine;
    constexpr const char* chande = "Chande, The Time Price Oscillator (1995)";
    constexpr const char* vortex = "Botes and Siepman, The Vortex Indicator (2010)";
    return {
        {"EMA_RATIO_12", group, "log(close / EMA_12)", kAppel, "period 12", 12, kOpen, ratio, "", makeKernel<EmaRatioCore<12>>},
        {"EMA_RATIO_48", group, "log(close / EMA_48)", kAppel, "period 48", 48, kOpen, ratio, "", makeKernel<EmaRatioCore<48>>},
        {"EMA_RATIO_288", group, "log(close / EMA_288)", kAppel, "period 288", 288, kOpen, ratio, "", makeKernel<EmaRatioCore<288>>},
        {"MACD_12_26_9", group, "EMA_12 - EMA_26, both from bar 26 on (price units)", kAppel, "fast 12, slow 26, signal 9", 26, kOpen, level,
         "MACD", makeKernel<MacdCore<12, 26, 9, MacdLine::Macd>>},
        {"MACDSIGNAL_12_26_9", group, "EMA_9 of MACD (price units)", kAppel, "fast 12, slow 26, signal 9", 34, kOpen, level, "MACD",
         makeKernel<MacdCore<12, 26, 9, MacdLine::Signal>>},
        {"MACDHIST_12_26_9", group, "MACD - its signal (price units)", kAppel, "fast 12, slow 26, signal 9", 34, kOpen, level, "MACD",
         makeKernel<MacdCore<12, 26, 9, MacdLine::Histogram>>},
        {"APO_12_26_EMA", group, "EMA_12 - EMA_26, each from its own first bars (price units)", kAppel, "fast 12, slow 26", 26, kOpen, level,
         "APO", makeKernel<PriceOscillatorCore<12, 26, OscillatorUnit::Price>>},
        {"PPO_12_26_EMA", group, "100 (EMA_12 - EMA_26) / EMA_26", kAppel, "fast 12, slow 26", 26, kOpen, ratio, "PPO",
         makeKernel<PriceOscillatorCore<12, 26, OscillatorUnit::Percent>>},
        {"TRIX_15", group, "percent change over one bar of close smoothed by three EMA_15", "Hutson, Good TRIX (1983)", "period 15", 44, kOpen,
         ratio, "TRIX", makeKernel<TrixCore<15>>},
        {"PLUS_DM_14", group, "sum of upward movement, smoothed over 14 bars (price units)", kWilder, "period 14", 14, kNotNegative, level,
         "PLUS_DM", makeKernel<DirectionalCore<14, PlusDm>>},
        {"MINUS_DM_14", group, "sum of downward movement, smoothed over 14 bars (price units)", kWilder, "period 14", 14, kNotNegative, level,
         "MINUS_DM", makeKernel<DirectionalCore<14, MinusDm>>},
        {"PLUS_DI_14", group, "100 +DM / TR, smoothed over 14 bars; 0 where nothing moved", kWilder, "period 14", 15, kPercent, ratio,
         "PLUS_DI", makeKernel<DirectionalCore<14, PlusDi>>},
        {"MINUS_DI_14", group, "100 -DM / TR, smoothed over 14 bars; 0 where nothing moved", kWilder, "period 14", 15, kPercent, ratio,
         "MINUS_DI", makeKernel<DirectionalCore<14, MinusDi>>},
        {"DX_14", group, "100 |+DI - -DI| / (+DI + -DI); keeps its last value (0 at first) where nothing moved", kWilder, "period 14", 15,
         kPercent, ratio, "DX", makeKernel<DxCore<14>>},
        {"ADX_14", group, "Wilder average of DX over 14 bars; 0 for a price that never moved", kWilder, "period 14", 28, kPercent, ratio, "ADX",
         makeKernel<AdxCore<14>>},
        {"ADXR_14", group, "mean of ADX_14 now and 13 bars ago", kWilder, "period 14", 41, kPercent, ratio, "ADXR", makeKernel<AdxrCore<14>>},
        {"AROON_UP_14", group, "100 (14 - bars since the high of 15 bars) / 14; of equals the latest", chande, "period 14", 15, kPercent, ratio,
         "AROON", makeKernel<AroonCore<14, AroonLine::Up>>},
        {"AROON_DOWN_14", group, "100 (14 - bars since the low of 15 bars) / 14; of equals the latest", chande, "period 14", 15, kPercent, ratio,
         "AROON", makeKernel<AroonCore<14, AroonLine::Down>>},
        {"AROONOSC_14", group, "100 (bars since the low - bars since the high) / 14, over 15 bars; of equals the latest", chande, "period 14",
         15, kSignedPercent, ratio, "AROONOSC", makeKernel<AroonCore<14, AroonLine::Oscillator>>},
        {"VORTEX_PLUS_14", group, "sum of |high - previous low| over 14 bars / sum of true range; 1 where nothing moved", vortex, "period 14",
         15, kNotNegative, ratio, "", makeKernel<VortexCore<14, VortexLine::Plus>>},
        {"VORTEX_MINUS_14", group, "sum of |low - previous high| over 14 bars / sum of true range; 1 where nothing moved", vortex, "period 14",
         15, kNotNegative, ratio, "", makeKernel<VortexCore<14, VortexLine::Minus>>},
        {"MIDPOINT_14", group, "(highest + lowest close) / 2 of 14 bars (price units)", kMurphy, "period 14", 14, kNotNegative, level, "MIDPOINT",
         makeKernel<MidPointCore<14>>},
        {"MIDPRICE_14", group, "(highest high + lowest low) / 2 of 14 bars (price units)", kMurphy, "period 14", 14, kNotNegative, level,
         "MIDPRICE", makeKernel<MidPriceCore<14>>},
        {"ICHIMOKU_RATIO_9_26", group, "log(conversion line / base line): middle prices of 9 and 26 bars",
         "Hosoda, Ichimoku Kinko Hyo (1969)", "conversion 9, base 26", 26, kOpen, ratio, "", makeKernel<IchimokuCore<9, 26>>},
        {"SAR_0.02_0.2", group, "parabolic stop and reverse (price units)", kWilder, "step 0.02, limit 0.2", 2, kNotNegative, level, "SAR",
         makeKernel<SarCore<2, 20, SarUnit::Price>>},
        {"SAR_RATIO_0.02_0.2", group, "log(close / parabolic stop)", kWilder, "step 0.02, limit 0.2", 2, kOpen, ratio, "",
         makeKernel<SarCore<2, 20, SarUnit::LogDistance>>},
    };
}

} // namespace btcai
