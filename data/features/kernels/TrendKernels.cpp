#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

class SmaKernel : public FeatureKernel {
public:
    explicit SmaKernel(std::size_t period) : m_sum(period), m_period(static_cast<double>(period)) {}
    double push(const Bar& bar) override
    {
        m_sum.push(bar.close);
        return m_sum.full() ? m_sum.value() / m_period : kNotYet;
    }

private:
    RollingSum m_sum;
    double m_period;
};

class EmaKernel : public FeatureKernel {
public:
    explicit EmaKernel(std::size_t period) : m_ema(period) {}
    double push(const Bar& bar) override
    {
        m_ema.push(bar.close);
        return m_ema.full() ? m_ema.value() : kNotYet;
    }

private:
    Ema m_ema;
};

class EmaRatioKernel : public FeatureKernel {
public:
    explicit EmaRatioKernel(std::size_t period) : m_ema(period) {}
    double push(const Bar& bar) override
    {
        m_ema.push(bar.close);
        return m_ema.full() ? std::log(bar.close / m_ema.value()) : kNotYet;
    }

private:
    Ema m_ema;
};

enum class MacdLine { Macd, Signal, Histogram };

/// TA-Lib starts the fast average on the bars that end where the slow one starts, so that both begin together.
class MacdKernel : public FeatureKernel {
public:
    MacdKernel(std::size_t fast, std::size_t slow, std::size_t signal, MacdLine line)
        : m_skip(slow - fast), m_fast(fast), m_slow(slow), m_signal(signal), m_line(line)
    {
    }
    double push(const Bar& bar) override
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
        if (m_line == MacdLine::Macd)
            return macd;
        if (!m_signal.full())
            return kNotYet;
        return m_line == MacdLine::Signal ? m_signal.value() : macd - m_signal.value();
    }

private:
    std::size_t m_skip;
    Ema m_fast, m_slow, m_signal;
    MacdLine m_line;
};

class PpoKernel : public FeatureKernel {
public:
    PpoKernel(std::size_t fast, std::size_t slow) : m_fast(fast), m_slow(slow) {}
    double push(const Bar& bar) override
    {
        m_fast.push(bar.close);
        m_slow.push(bar.close);
        return m_slow.full() ? 100.0 * ratioOr(m_fast.value() - m_slow.value(), m_slow.value(), 0.0) : kNotYet;
    }

private:
    Ema m_fast, m_slow;
};

class TrixKernel : public FeatureKernel {
public:
    explicit TrixKernel(std::size_t period) : m_first(period), m_second(period), m_third(period) {}
    double push(const Bar& bar) override
    {
        m_first.push(bar.close);
        if (!m_first.full())
            return kNotYet;
        m_second.push(m_first.value());
        if (!m_second.full())
            return kNotYet;
        const bool hadThird = m_third.full();
        const double before = m_third.value();
        m_third.push(m_second.value());
        return hadThird ? 100.0 * (ratioOr(m_third.value(), before, 1.0) - 1.0) : kNotYet;
    }

private:
    Ema m_first, m_second, m_third;
};

enum class DirectionalLine { Plus, Minus, Dx, Adx };

/// Wilder's directional movement. His sums start over period - 1 bars, which is what TA-Lib does.
class DirectionalKernel : public FeatureKernel {
public:
    DirectionalKernel(std::size_t period, DirectionalLine line)
        : m_period(period), m_adx(period), m_line(line)
    {
    }

    double push(const Bar& bar) override
    {
        if (m_previous.known())
            addMovement(bar);
        m_previous.set(bar.close);
        m_high = bar.high;
        m_low = bar.low;
        return m_count >= m_period ? value() : kNotYet;
    }

private:
    void addMovement(const Bar& bar)
    {
        const double up = bar.high - m_high;
        const double down = m_low - bar.low;
        const double plus = up > 0.0 && up > down ? up : 0.0;
        const double minus = down > 0.0 && down > up ? down : 0.0;
        const double range = trueRange(bar, m_previous);
        ++m_count;
        const double keep = m_count < m_period ? 1.0 : 1.0 - 1.0 / static_cast<double>(m_period);
        m_plus = m_plus * keep + plus;
        m_minus = m_minus * keep + minus;
        m_range = m_range * keep + range;
        if (m_count >= m_period)
            updateDx();
    }

    void updateDx()
    {
        // A market that does not move has no direction: DX keeps its last value (0 at first), as in TA-Lib.
        const double sum = m_plus + m_minus;
        if (m_range > 0.0 && sum > 0.0)
            m_dx = 100.0 * std::abs(m_minus - m_plus) / sum;
        m_adx.push(m_dx);
    }

    double value() const
    {
        switch (m_line) {
        case DirectionalLine::Plus: return 100.0 * ratioOr(m_plus, m_range, 0.0);
        case DirectionalLine::Minus: return 100.0 * ratioOr(m_minus, m_range, 0.0);
        case DirectionalLine::Dx: return m_dx;
        case DirectionalLine::Adx: return m_adx.full() ? m_adx.value() : kNotYet;
        }
        return kNotYet;
    }

    std::size_t m_period;
    WilderAverage m_adx;
    DirectionalLine m_line;
    PreviousClose m_previous;
    double m_high = 0.0, m_low = 0.0;
    double m_plus = 0.0, m_minus = 0.0, m_range = 0.0, m_dx = 0.0;
    std::size_t m_count = 0;
};

class AroonOscillatorKernel : public FeatureKernel {
public:
    explicit AroonOscillatorKernel(std::size_t period)
        : m_high(period + 1), m_low(period + 1), m_period(static_cast<double>(period))
    {
    }
    double push(const Bar& bar) override
    {
        m_high.push({bar.high, m_index});
        m_low.push({bar.low, m_index});
        ++m_index;
        if (!m_high.full())
            return kNotYet;
        const auto highIndex = static_cast<double>(m_high.value().index);
        const auto lowIndex = static_cast<double>(m_low.value().index);
        return 100.0 * (highIndex - lowIndex) / m_period;
    }

private:
    RollingFold<Dated, LatestGreatest> m_high;
    RollingFold<Dated, LatestSmallest> m_low;
    double m_period;
    std::size_t m_index = 0;
};

constexpr const char* kAppel = "Appel, Technical Analysis: Power Tools for Active Investors (2005)";
constexpr const char* kWilder = "Wilder, New Concepts in Technical Trading Systems (1978)";

} // namespace

std::vector<FeatureInfo> trendFeatures()
{
    constexpr auto group = FeatureGroup::Trend;
    using enum DirectionalLine;
    return {
        {"SMA_20", group, "mean of 20 closes (price units)", "TA-Lib SMA", 20, makeKernel<SmaKernel, 20>},
        {"EMA_20", group, "EMA of close over 20 bars, seeded with the SMA (price units)", "TA-Lib EMA", 20, makeKernel<EmaKernel, 20>},
        {"EMA_RATIO_12", group, "log(close / EMA_12)", kAppel, 12, makeKernel<EmaRatioKernel, 12>},
        {"EMA_RATIO_48", group, "log(close / EMA_48)", kAppel, 48, makeKernel<EmaRatioKernel, 48>},
        {"EMA_RATIO_288", group, "log(close / EMA_288)", kAppel, 288, makeKernel<EmaRatioKernel, 288>},
        {"MACD_12_26_9", group, "EMA_12 - EMA_26, both from bar 26 on (price units)", kAppel, 26,
         makeKernel<MacdKernel, 12, 26, 9, MacdLine::Macd>},
        {"MACDSIGNAL_12_26_9", group, "EMA_9 of MACD (price units)", kAppel, 34, makeKernel<MacdKernel, 12, 26, 9, MacdLine::Signal>},
        {"MACDHIST_12_26_9", group, "MACD - its signal (price units)", kAppel, 34, makeKernel<MacdKernel, 12, 26, 9, MacdLine::Histogram>},
        {"PPO_12_26_EMA", group, "100 (EMA_12 - EMA_26) / EMA_26", kAppel, 26, makeKernel<PpoKernel, 12, 26>},
        {"TRIX_15", group, "percent change over one bar of close smoothed by three EMA_15", "Hutson, Good TRIX (1983)", 44,
         makeKernel<TrixKernel, 15>},
        {"PLUS_DI_14", group, "100 +DM / TR, smoothed over 14 bars; 0 where nothing moved", kWilder, 15,
         makeKernel<DirectionalKernel, 14, Plus>},
        {"MINUS_DI_14", group, "100 -DM / TR, smoothed over 14 bars; 0 where nothing moved", kWilder, 15,
         makeKernel<DirectionalKernel, 14, Minus>},
        {"DX_14", group, "100 |+DI - -DI| / (+DI + -DI); keeps its last value (0 at first) where nothing moved", kWilder, 15,
         makeKernel<DirectionalKernel, 14, Dx>},
        {"ADX_14", group, "Wilder average of DX over 14 bars; 0 for a price that never moved", kWilder, 28,
         makeKernel<DirectionalKernel, 14, Adx>},
        {"AROONOSC_14", group, "100 (bars since the low - bars since the high) / 14, over 15 bars; of equals the latest",
         "Chande, The Time Price Oscillator (1995)", 15, makeKernel<AroonOscillatorKernel, 14>},
    };
}

} // namespace btcai
