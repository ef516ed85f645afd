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
/// TA-Lib does. Only what is asked for is kept.
template <std::size_t period, bool usePlus, bool useMinus, bool useRange>
class DirectionalSums {
public:
    struct Lines {
        Piece plus, minus, range;
    };

    /// The sums after each bar (those before the second are not set). Returns how many are of less than `least` changes.
    std::size_t run(const BarBlock& bars, Lines& lines, std::size_t least)
    {
        const std::size_t first = m_previous.run(bars, [&](std::size_t i, const Bar& before) {
            const double up = bars.high[i] - before.high, down = before.low - bars.low[i];
            if (usePlus)
                lines.plus[i] = up > std::max(down, 0.0) ? up : 0.0;
            if (useMinus)
                lines.minus[i] = down > std::max(up, 0.0) ? down : 0.0;
            if (useRange)
                lines.range[i] = trueRange(bars.high[i], bars.low[i], before.close);
        });
        const std::size_t changes = bars.size() - first;
        const std::size_t early = first + (m_count < least ? std::min(changes, least - 1 - m_count) : 0);
        const std::size_t summed = first + (m_count < period ? std::min(changes, period - 1 - m_count) : 0);
        smooth(lines, first, summed, bars.size());
        m_count = std::min(period, m_count + changes);
        return early;
    }

private:
    /// In one loop: each waits for its own value before, not for the others.
    void smooth(Lines& lines, std::size_t first, std::size_t summed, std::size_t end)
    {
        double plusSum = m_plus, minusSum = m_minus, rangeSum = m_range;
        const auto smoothOver = [&](std::size_t from, std::size_t to, double keep) {
            for (std::size_t i = from; i < to; ++i) {
                if (usePlus)
                    lines.plus[i] = plusSum = plusSum * keep + lines.plus[i];
                if (useMinus)
                    lines.minus[i] = minusSum = minusSum * keep + lines.minus[i];
                if (useRange)
                    lines.range[i] = rangeSum = rangeSum * keep + lines.range[i];
            }
        };
        smoothOver(first, summed, 1.0);
        smoothOver(summed, end, 1.0 - 1.0 / static_cast<double>(period));
        m_plus = plusSum;
        m_minus = minusSum;
        m_range = rangeSum;
    }

    PreviousBar m_previous;
    double m_plus = 0.0, m_minus = 0.0, m_range = 0.0;
    std::size_t m_count = 0; ///< changes, up to `period`
};

enum class DirectionalLine { PlusDm, MinusDm, PlusDi, MinusDi };

template <std::size_t period, DirectionalLine line>
class DirectionalCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        typename Sums::Lines lines;
        const std::size_t early = m_sums.run(bars, lines, kSumOnly ? period - 1 : period);
        const Piece& movement = kPlus ? lines.plus : lines.minus;
        for (std::size_t i = early; i < bars.size(); ++i)
            values[i] = kSumOnly ? movement[i] : 100.0 * ratioOr(movement[i], lines.range[i], 0.0);
        leaveOut(values, early);
    }

private:
    static constexpr bool kSumOnly = line == DirectionalLine::PlusDm || line == DirectionalLine::MinusDm;
    static constexpr bool kPlus = line == DirectionalLine::PlusDm || line == DirectionalLine::PlusDi;
    using Sums = DirectionalSums<period, kPlus, !kPlus, !kSumOnly>;
    Sums m_sums;
};

template <std::size_t period>
class DxCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        typename Sums::Lines lines;
        const std::size_t early = m_sums.run(bars, lines, period);
        for (std::size_t i = early; i < bars.size(); ++i) {
            // A market that does not move has no direction: DX keeps its last value (0 at first), as in TA-Lib.
            const double sum = lines.plus[i] + lines.minus[i];
            const bool moves = lines.range[i] > 0.0 && sum > 0.0;
            values[i] = moves ? 100.0 * std::abs(lines.minus[i] - lines.plus[i]) / sum : kNone;
        }
        double latest = m_value;
        for (std::size_t i = early; i < bars.size(); ++i)
            values[i] = latest = values[i] == kNone ? latest : values[i];
        m_value = latest;
        leaveOut(values, early);
    }

private:
    using Sums = DirectionalSums<period, true, true, true>;
    static constexpr double kNone = -1.0;
    Sums m_sums;
    double m_value = 0.0;
};

template <std::size_t period>
class AdxCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        m_dx.run(bars, values);
        WilderAverage<period> average = m_average;
        for (double& value : values) {
            if (std::isnan(value))
                continue;
            average.push(value);
            value = average.full() ? average.value() : kNotYet;
        }
        m_average = average;
    }

private:
    DxCore<period> m_dx;
    WilderAverage<period> m_average;
};

template <std::size_t period>
class AdxrCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        m_adx.run(bars, values);
        const auto firstValue = std::ranges::find_if(values, [](double value) { return !std::isnan(value); });
        const std::size_t first = static_cast<std::size_t>(firstValue - values.begin());
        Piece now;
        std::ranges::copy(firstValue, values.end(), now.begin());
        const std::span<const double> known(now.data(), bars.size() - first);
        const std::size_t early = first + m_past.early(known.size());
        m_past.run(known, [&](std::size_t i, double adx, double before) { values[first + i] = 0.5 * (adx + before); });
        leaveOut(values, early);
    }

private:
    AdxCore<period> m_adx;
    Past<period - 1> m_past;
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
/// short when the low fell by more than the high rose. While short all prices are taken negative, so that the stop is below throughout.
template <int step, int limit, SarUnit unit>
class SarCore {
public:
    double next(const Bar& bar)
    {
        if (m_bars < 2 && ++m_bars == 1) {
            m_first = bar;
            return kNotYet;
        }
        if (m_side == 0.0)
            start(bar);
        const double high = m_side * bar.high, low = m_side * bar.low;
        const double ahead = advance(std::max(high, low), std::min(high, low));
        const double stop = m_side * ahead;
        return unit == SarUnit::Price ? stop : std::log(bar.close / stop);
    }

private:
    static constexpr double kStep = step / 100.0;
    static constexpr double kLimit = limit / 100.0;
    static constexpr std::array<double, 2> kSteps{0.0, kStep};

    void start(const Bar& bar)
    {
        const double down = m_first.low - bar.low;
        const bool isShort = down > 0.0 && down > bar.high - m_first.high;
        m_side = isShort ? -1.0 : 1.0;
        m_stop = isShort ? -m_first.high : m_first.low;
        m_extreme = isShort ? -bar.low : bar.high;
        m_low = isShort ? -bar.high : bar.low; // for the first step the bar counts as its own predecessor
        m_high = m_extreme;
    }

    /// The stop for this bar, on the side it turns to if it turns.
    double advance(double high, double low)
    {
        double stop = m_stop;
        if (low <= stop) {
            m_side = -m_side;
            // Seen from the other side: high and low change places, and the stop is the extreme, but no nearer than the last two bars.
            stop = std::min(-m_extreme, std::min(-m_high, -high));
            const double lowBefore = -m_high;
            m_extreme = -low;
            m_factor = kStep;
            follow(stop, -high, lowBefore);
            m_high = -low;
            m_low = -high;
            return stop;
        }
        // By a table: a branch would be wrong at one new extreme in two.
        m_factor = std::min(m_factor + kSteps[high > m_extreme ? 1 : 0], kLimit);
        m_extreme = std::max(m_extreme, high);
        follow(stop, low, m_low);
        m_high = high;
        m_low = low;
        return stop;
    }

    /// Moves the stop towards the extreme, but no nearer than the lows of the last two bars.
    void follow(double stop, double low, double lowBefore)
    {
        m_stop = std::min(stop + m_factor * (m_extreme - stop), std::min(low, lowBefore));
    }

    int m_bars = 0;
    Bar m_first;
    double m_side = 0.0; ///< 1 long, -1 short
    double m_high = 0.0, m_low = 0.0; ///< of the bar before
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
