#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

enum class ChangeUnit { Price, Percent };

template <std::size_t lag, ChangeUnit unit>
class ChangeCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_past.early(bars.size());
        m_past.run(bars.close, [&](std::size_t i, double close, double before) {
            values[i] = unit == ChangeUnit::Price ? close - before : 100.0 * (ratioOr(close, before, 1.0) - 1.0);
        });
        leaveOut(values, early);
    }

private:
    Past<lag> m_past;
};

template <std::size_t period>
class WilliamsCore {
public:
    double next(const Bar& bar)
    {
        m_high.push(bar.high);
        m_low.push(bar.low);
        if (!m_high.full())
            return kNotYet;
        return 100.0 * ratioOr(bar.close - m_high.value(), m_high.value() - m_low.value(), 0.0);
    }

private:
    RollingMax<period> m_high;
    RollingMin<period> m_low;
};

enum class StochasticLine { K, D };

/// Lane's oscillator of any value between two bounds: 100 (value - lowest) / (highest - lowest) of a window, 0 without range,
/// then smoothed by means of slowK and of slowD values.
template <std::size_t period, std::size_t slowK, std::size_t slowD, StochasticLine line>
class Stochastic {
public:
    double next(double high, double low, double value)
    {
        m_high.push(high);
        m_low.push(low);
        if (!m_high.full())
            return kNotYet;
        m_slowK.push(100.0 * ratioOr(value - m_low.value(), m_high.value() - m_low.value(), 0.0));
        if (!m_slowK.full())
            return kNotYet;
        const double k = m_slowK.value() / static_cast<double>(slowK);
        if (line == StochasticLine::K)
            return k;
        m_slowD.push(k);
        return m_slowD.full() ? m_slowD.value() / static_cast<double>(slowD) : kNotYet;
    }

private:
    RollingMax<period> m_high;
    RollingMin<period> m_low;
    RollingSum<slowK> m_slowK;
    RollingSum<slowD> m_slowD;
};

template <StochasticLine line>
class StochasticCore {
public:
    double next(const Bar& bar) { return m_stochastic.next(bar.high, bar.low, bar.close); }

private:
    Stochastic<14, 3, 3, line> m_stochastic;
};

template <StochasticLine line>
class StochasticStrengthCore {
public:
    double next(const Bar& bar)
    {
        const double strength = m_strength.next(bar);
        return std::isnan(strength) ? kNotYet : m_stochastic.next(strength, strength, strength);
    }

private:
    StrengthCore<14, StrengthLine::Rsi> m_strength;
    Stochastic<14, 1, 3, line> m_stochastic;
};

/// The mean absolute deviation has no constant-time update (its centre moves with every bar): one pass over the window, in
/// four sums so that the adder is kept busy.
template <std::size_t period>
class CciCore {
    static_assert(period % 4 == 0);

public:
    double next(const Bar& bar)
    {
        const double typical = typicalPrice(bar);
        m_sum.push(typical);
        m_ring[m_next] = typical;
        m_next = m_next + 1 == period ? 0 : m_next + 1;
        if (!m_sum.full())
            return kNotYet;
        const double mean = m_sum.value() / static_cast<double>(period);
        std::array<double, 4> sums{};
        for (std::size_t i = 0; i < period; i += 4)
            for (std::size_t k = 0; k < 4; ++k)
                sums[k] += std::abs(m_ring[i + k] - mean);
        const double deviation = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<double>(period);
        // The mean of equal numbers is off by a rounding error, which 0 / 0 would blow up.
        return deviation > kRounding * mean ? (typical - mean) / (0.015 * deviation) : 0.0;
    }

private:
    static constexpr double kRounding = 1e-14;
    RollingSum<period> m_sum;
    std::array<double, period> m_ring{};
    std::size_t m_next = 0;
};

template <std::size_t fast, std::size_t middle, std::size_t slow>
class UltimateCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        Piece pressure, range;
        const std::size_t first = m_previous.run(bars, [&](std::size_t i, const Bar& before) {
            pressure[i] = bars.close[i] - std::min(bars.low[i], before.close);
            range[i] = trueRange(bars.high[i], bars.low[i], before.close);
        });
        const std::size_t count = bars.size() - first, early = first + m_slow.early(count);
        std::ranges::fill(values, 0.0);
        const auto add = [&](auto& term, double weight) {
            Piece pressures, ranges;
            const auto read = [&](std::size_t i) { return Pair{pressure[first + i], range[first + i]}; };
            term.run(count, read, [&](std::size_t i, const Pair& sums) {
                pressures[i] = sums.x;
                ranges[i] = sums.y;
            });
            for (std::size_t i = 0; i < count; ++i)
                values[first + i] += weight * ratioOr(pressures[i], ranges[i], 0.0);
        };
        add(m_fast, 4.0);
        add(m_middle, 2.0);
        add(m_slow, 1.0);
        for (double& value : values)
            value = 100.0 * value / 7.0;
        leaveOut(values, early);
    }

private:
    PreviousBar m_previous;
    RollingFold<Pair, PlusPairs, fast> m_fast;
    RollingFold<Pair, PlusPairs, middle> m_middle;
    RollingFold<Pair, PlusPairs, slow> m_slow;
};

template <std::size_t slow, std::size_t fast>
class TrueStrengthCore {
public:
    double next(const Bar& bar)
    {
        if (m_previous.known()) {
            m_change.push(bar.close - m_previous.value());
            m_size.push(std::abs(bar.close - m_previous.value()));
        }
        m_previous.set(bar.close);
        return m_size.full() ? 100.0 * ratioOr(m_change.value(), m_size.value(), 0.0) : kNotYet;
    }

private:
    class Twice {
    public:
        void push(double value)
        {
            m_slow.push(value);
            if (m_slow.full())
                m_fast.push(m_slow.value());
        }
        bool full() const { return m_fast.full(); }
        double value() const { return m_fast.value(); }

    private:
        Ema<slow> m_slow;
        Ema<fast> m_fast;
    };

    Twice m_change, m_size;
    PreviousClose m_previous;
};

template <std::size_t lag>
FeatureInfo logReturn()
{
    const std::string bars = std::to_string(lag);
    return {"LOGRET_" + bars, FeatureGroup::Momentum, "log(close / close " + bars + (lag == 1 ? " present bar ago)" : " present bars ago)"),
            kReturns, "lag " + bars, static_cast<int>(lag) + 1, kOpen, FeatureScale::Stationary, "", makeKernel<LogReturnCore<lag>>};
}

} // namespace

std::vector<FeatureInfo> momentumFeatures()
{
    constexpr auto group = FeatureGroup::Momentum;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr const char* lane = "Lane, Lane's Stochastics (1984)";
    constexpr const char* chande = "Chande and Kroll, The New Technical Trader (1994)";
    return {
        logReturn<1>(),
        logReturn<3>(),
        logReturn<12>(),
        logReturn<48>(),
        logReturn<144>(),
        logReturn<288>(),
        {"MOM_10", group, "close - close 10 bars ago (price units)", kMurphy, "lag 10", 11, kOpen, FeatureScale::Level, "MOM",
         makeKernel<ChangeCore<10, ChangeUnit::Price>>},
        {"ROC_10", group, "100 (close / close 10 bars ago - 1)", kMurphy, "lag 10", 11, FeatureRange{-100.0, kInfinity}, ratio, "ROC",
         makeKernel<ChangeCore<10, ChangeUnit::Percent>>},
        {"RSI_14", group, "100 gain / (gain + loss), Wilder averages over 14 changes; 0 for a price that never moved, as in TA-Lib", kWilder,
         "period 14", 15, kPercent, ratio, "RSI", makeKernel<StrengthCore<14, StrengthLine::Rsi>>},
        {"CMO_14", group, "100 (gain - loss) / (gain + loss), averaged as RSI; 0 for a price that never moved", chande, "period 14", 15,
         kSignedPercent, ratio, "CMO", makeKernel<StrengthCore<14, StrengthLine::Cmo>>},
        {"STOCHRSI_K_14_14_3", group, "100 (RSI_14 - its lowest) / (highest - lowest) of 14 bars; 0 without range", chande,
         "RSI period 14, window 14, slow D 3", 28, kPercent, ratio, "STOCHRSI", makeKernel<StochasticStrengthCore<StochasticLine::K>>},
        {"STOCHRSI_D_14_14_3", group, "SMA_3 of STOCHRSI_K_14_14_3", chande, "RSI period 14, window 14, slow D 3", 30, kPercent, ratio,
         "STOCHRSI", makeKernel<StochasticStrengthCore<StochasticLine::D>>},
        {"WILLR_14", group, "-100 (highest - close) / (highest - lowest) of 14 bars; 0 without range",
         "Williams, How I Made One Million Dollars (1973)", "period 14", 14, FeatureRange{-100.0, 0.0}, ratio, "WILLR",
         makeKernel<WilliamsCore<14>>},
        {"STOCH_K_14_3_3", group, "SMA_3 of 100 (close - lowest) / (highest - lowest) of 14 bars; 0 without range", lane,
         "window 14, slow K 3, slow D 3", 16, kPercent, ratio, "STOCH", makeKernel<StochasticCore<StochasticLine::K>>},
        {"STOCH_D_14_3_3", group, "SMA_3 of STOCH_K_14_3_3", lane, "window 14, slow K 3, slow D 3", 18, kPercent, ratio, "STOCH",
         makeKernel<StochasticCore<StochasticLine::D>>},
        {"CCI_20", group, "(typical price - its mean) / (0.015 mean absolute deviation) over 20 bars; 0 where all are equal",
         "Lambert, Commodity Channel Index (1980)", "period 20", 20, kOpen, ratio, "CCI", makeKernel<CciCore<20>>},
        {"ULTOSC_7_14_28", group, "100 (4 a_7 + 2 a_14 + a_28) / 7, a_n buying pressure / true range over n bars; 0 where nothing moved",
         "Williams, The Ultimate Oscillator (1985)", "periods 7, 14, 28", 29, kPercent, ratio, "ULTOSC", makeKernel<UltimateCore<7, 14, 28>>},
        {"TSI_25_13", group, "100 EMA_13 of EMA_25 of the change of close / the same of its size; 0 for a price that never moved",
         "Blau, Momentum, Direction and Divergence (1995)", "slow 25, fast 13", 38, kSignedPercent, ratio, "",
         makeKernel<TrueStrengthCore<25, 13>>},
    };
}

} // namespace btcai
