#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

class LogReturnKernel : public FeatureKernel {
public:
    explicit LogReturnKernel(std::size_t lag) : m_close(lag) {}
    double push(const Bar& bar) override
    {
        m_close.push(bar.close);
        return m_close.full() ? std::log(bar.close / m_close.oldest()) : kNotYet;
    }

private:
    Delay m_close;
};

class RocKernel : public FeatureKernel {
public:
    explicit RocKernel(std::size_t lag) : m_close(lag) {}
    double push(const Bar& bar) override
    {
        m_close.push(bar.close);
        return m_close.full() ? 100.0 * (ratioOr(bar.close, m_close.oldest(), 1.0) - 1.0) : kNotYet;
    }

private:
    Delay m_close;
};

enum class StrengthLine { Rsi, Cmo };

class StrengthKernel : public FeatureKernel {
public:
    StrengthKernel(std::size_t period, StrengthLine line) : m_gain(period), m_loss(period), m_line(line) {}
    double push(const Bar& bar) override
    {
        if (m_previous.known()) {
            const double change = bar.close - m_previous.value();
            m_gain.push(std::max(change, 0.0));
            m_loss.push(std::max(-change, 0.0));
        }
        m_previous.set(bar.close);
        if (!m_gain.full())
            return kNotYet;
        const double gain = m_gain.value();
        const double loss = m_loss.value();
        return 100.0 * ratioOr(m_line == StrengthLine::Rsi ? gain : gain - loss, gain + loss, 0.0);
    }

private:
    WilderAverage m_gain, m_loss;
    StrengthLine m_line;
    PreviousClose m_previous;
};

class WilliamsKernel : public FeatureKernel {
public:
    explicit WilliamsKernel(std::size_t period) : m_high(period), m_low(period) {}
    double push(const Bar& bar) override
    {
        m_high.push(bar.high);
        m_low.push(bar.low);
        if (!m_high.full())
            return kNotYet;
        return 100.0 * ratioOr(bar.close - m_high.value(), m_high.value() - m_low.value(), 0.0);
    }

private:
    RollingMax m_high;
    RollingMin m_low;
};

enum class StochasticLine { K, D };

class StochasticKernel : public FeatureKernel {
public:
    StochasticKernel(std::size_t period, std::size_t slowK, std::size_t slowD, StochasticLine line)
        : m_high(period), m_low(period), m_slowK(slowK), m_slowD(slowD), m_kBars(static_cast<double>(slowK)),
          m_dBars(static_cast<double>(slowD)), m_line(line)
    {
    }
    double push(const Bar& bar) override
    {
        m_high.push(bar.high);
        m_low.push(bar.low);
        if (!m_high.full())
            return kNotYet;
        m_slowK.push(100.0 * ratioOr(bar.close - m_low.value(), m_high.value() - m_low.value(), 0.0));
        if (!m_slowK.full())
            return kNotYet;
        m_slowD.push(m_slowK.value() / m_kBars);
        if (m_line == StochasticLine::K)
            return m_slowK.value() / m_kBars;
        return m_slowD.full() ? m_slowD.value() / m_dBars : kNotYet;
    }

private:
    RollingMax m_high;
    RollingMin m_low;
    RollingSum m_slowK, m_slowD;
    double m_kBars, m_dBars;
    StochasticLine m_line;
};

/// The mean absolute deviation has no constant-time update (its centre moves with every bar): one pass over the window.
class CciKernel : public FeatureKernel {
public:
    explicit CciKernel(std::size_t period) : m_sum(period), m_ring(period) {}
    double push(const Bar& bar) override
    {
        const double typical = (bar.high + bar.low + bar.close) / 3.0;
        m_sum.push(typical);
        m_ring[m_next] = typical;
        m_next = m_next + 1 == m_ring.size() ? 0 : m_next + 1;
        if (!m_sum.full())
            return kNotYet;
        const auto period = static_cast<double>(m_ring.size());
        const double mean = m_sum.value() / period;
        double deviation = 0.0;
        double widest = 0.0;
        for (const double value : m_ring) {
            deviation += std::abs(value - mean);
            widest = std::max(widest, std::abs(value - m_ring.front()));
        }
        // The mean of equal numbers is off by a rounding error, which 0 / 0 would blow up.
        return widest > 0.0 ? (typical - mean) / (0.015 * deviation / period) : 0.0;
    }

private:
    RollingSum m_sum;
    std::vector<double> m_ring;
    std::size_t m_next = 0;
};

class UltimateKernel : public FeatureKernel {
public:
    UltimateKernel(std::size_t fast, std::size_t middle, std::size_t slow)
        : m_terms{{RollingSum(fast), RollingSum(fast), 4.0},
                  {RollingSum(middle), RollingSum(middle), 2.0},
                  {RollingSum(slow), RollingSum(slow), 1.0}}
    {
    }
    double push(const Bar& bar) override
    {
        if (!m_previous.known()) {
            m_previous.set(bar.close);
            return kNotYet;
        }
        const double pressure = bar.close - std::min(bar.low, m_previous.value());
        const double range = trueRange(bar, m_previous);
        m_previous.set(bar.close);
        double sum = 0.0;
        for (Term& term : m_terms) {
            term.pressure.push(pressure);
            term.range.push(range);
            sum += term.weight * ratioOr(term.pressure.value(), term.range.value(), 0.0);
        }
        return m_terms[2].range.full() ? 100.0 * sum / 7.0 : kNotYet;
    }

private:
    struct Term {
        RollingSum pressure, range;
        double weight;
    };
    Term m_terms[3];
    PreviousClose m_previous;
};

constexpr const char* kWilder = "Wilder, New Concepts in Technical Trading Systems (1978)";
constexpr const char* kReturns = "Campbell, Lo, MacKinlay, The Econometrics of Financial Markets (1997), 1.4";
constexpr const char* kLane = "Lane, Lane's Stochastics (1984)";

} // namespace

std::vector<FeatureInfo> momentumFeatures()
{
    constexpr auto group = FeatureGroup::Momentum;
    return {
        {"LOGRET_1", group, "log(close / close 1 present bar ago)", kReturns, 2, makeKernel<LogReturnKernel, 1>},
        {"LOGRET_3", group, "log(close / close 3 present bars ago)", kReturns, 4, makeKernel<LogReturnKernel, 3>},
        {"LOGRET_12", group, "log(close / close 12 present bars ago)", kReturns, 13, makeKernel<LogReturnKernel, 12>},
        {"LOGRET_48", group, "log(close / close 48 present bars ago)", kReturns, 49, makeKernel<LogReturnKernel, 48>},
        {"LOGRET_144", group, "log(close / close 144 present bars ago)", kReturns, 145, makeKernel<LogReturnKernel, 144>},
        {"LOGRET_288", group, "log(close / close 288 present bars ago)", kReturns, 289, makeKernel<LogReturnKernel, 288>},
        {"ROC_10", group, "100 (close / close 10 bars ago - 1)", "TA-Lib ROC", 11, makeKernel<RocKernel, 10>},
        {"RSI_14", group, "100 gain / (gain + loss), Wilder averages over 14 changes; 0 for a price that never moved, as in TA-Lib",
         kWilder, 15, makeKernel<StrengthKernel, 14, StrengthLine::Rsi>},
        {"CMO_14", group, "100 (gain - loss) / (gain + loss), averaged as RSI; 0 for a price that never moved",
         "Chande, The New Technical Trader (1994); TA-Lib CMO", 15, makeKernel<StrengthKernel, 14, StrengthLine::Cmo>},
        {"WILLR_14", group, "-100 (highest - close) / (highest - lowest) of 14 bars; 0 without range",
         "Williams, How I Made One Million Dollars (1973)", 14, makeKernel<WilliamsKernel, 14>},
        {"STOCH_K_14_3_3", group, "SMA_3 of 100 (close - lowest) / (highest - lowest) of 14 bars; 0 without range", kLane, 16,
         makeKernel<StochasticKernel, 14, 3, 3, StochasticLine::K>},
        {"STOCH_D_14_3_3", group, "SMA_3 of STOCH_K_14_3_3", kLane, 18, makeKernel<StochasticKernel, 14, 3, 3, StochasticLine::D>},
        {"CCI_20", group, "(typical price - its mean) / (0.015 mean absolute deviation) over 20 bars; 0 where all are equal",
         "Lambert, Commodity Channel Index (1980)", 20, makeKernel<CciKernel, 20>},
        {"ULTOSC_7_14_28", group, "100 (4 a_7 + 2 a_14 + a_28) / 7, a_n buying pressure / true range over n bars; 0 where nothing moved",
         "Williams, The Ultimate Oscillator (1985)", 29, makeKernel<UltimateKernel, 7, 14, 28>},
    };
}

} // namespace btcai
