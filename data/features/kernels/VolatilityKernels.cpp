#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

class TrueRangeKernel : public FeatureKernel {
public:
    double push(const Bar& bar) override
    {
        const double range = m_previous.known() ? trueRange(bar, m_previous) : kNotYet;
        m_previous.set(bar.close);
        return range;
    }

private:
    PreviousClose m_previous;
};

enum class AtrScale { Price, PercentOfClose };

class AtrKernel : public FeatureKernel {
public:
    AtrKernel(std::size_t period, AtrScale scale) : m_average(period), m_scale(scale) {}
    double push(const Bar& bar) override
    {
        if (m_previous.known())
            m_average.push(trueRange(bar, m_previous));
        m_previous.set(bar.close);
        if (!m_average.full())
            return kNotYet;
        return m_scale == AtrScale::Price ? m_average.value() : 100.0 * ratioOr(m_average.value(), bar.close, 0.0);
    }

private:
    WilderAverage m_average;
    AtrScale m_scale;
    PreviousClose m_previous;
};

enum class BandLine { Upper, Lower, Percent, Width };

class BollingerKernel : public FeatureKernel {
public:
    BollingerKernel(std::size_t period, int deviations, BandLine line)
        : m_moments(period), m_deviations(deviations), m_line(line)
    {
    }
    double push(const Bar& bar) override
    {
        m_moments.push(Moments::of(bar.close));
        if (!m_moments.full())
            return kNotYet;
        const Moments& moments = m_moments.value();
        const double reach = m_deviations * std::sqrt(moments.squares / moments.count);
        switch (m_line) {
        case BandLine::Upper: return moments.mean + reach;
        case BandLine::Lower: return moments.mean - reach;
        case BandLine::Percent: return 0.5 + 0.5 * ratioOr(bar.close - moments.mean, reach, 0.0);
        case BandLine::Width: return 2.0 * ratioOr(reach, moments.mean, 0.0);
        }
        return kNotYet;
    }

private:
    RollingMoments m_moments;
    double m_deviations;
    BandLine m_line;
};

class RealisedVolatilityKernel : public FeatureKernel {
public:
    explicit RealisedVolatilityKernel(std::size_t period) : m_squares(period), m_period(static_cast<double>(period)) {}
    double push(const Bar& bar) override
    {
        if (m_previous.known()) {
            const double change = std::log(bar.close / m_previous.value());
            m_squares.push(change * change);
        }
        m_previous.set(bar.close);
        return m_squares.full() ? std::sqrt(m_squares.value() / m_period) : kNotYet;
    }

private:
    RollingSum m_squares;
    double m_period;
    PreviousClose m_previous;
};

constexpr const char* kWilder = "Wilder, New Concepts in Technical Trading Systems (1978)";
constexpr const char* kBollinger = "Bollinger, Bollinger on Bollinger Bands (2001)";
constexpr const char* kRealised = "Andersen, Bollerslev, Diebold, Labys, Modeling and Forecasting Realized Volatility (2003)";

} // namespace

std::vector<FeatureInfo> volatilityFeatures()
{
    constexpr auto group = FeatureGroup::Volatility;
    using enum BandLine;
    return {
        {"TRANGE", group, "max(high, previous close) - min(low, previous close) (price units)", kWilder, 2, makeKernel<TrueRangeKernel>},
        {"ATR_14", group, "Wilder average of the true range over 14 bars (price units)", kWilder, 15,
         makeKernel<AtrKernel, 14, AtrScale::Price>},
        {"NATR_14", group, "100 ATR_14 / close", "Forman, Cross-Market Evaluations with Normalized Average True Range (2006)", 15,
         makeKernel<AtrKernel, 14, AtrScale::PercentOfClose>},
        {"BBANDS_UPPER_20_2", group, "mean + 2 population deviations of 20 closes (price units)", kBollinger, 20,
         makeKernel<BollingerKernel, 20, 2, Upper>},
        {"BBANDS_LOWER_20_2", group, "mean - 2 population deviations of 20 closes (price units)", kBollinger, 20,
         makeKernel<BollingerKernel, 20, 2, Lower>},
        {"BBANDS_PERCENT_20_2", group, "(close - lower) / (upper - lower) band; 0.5 without spread", kBollinger, 20,
         makeKernel<BollingerKernel, 20, 2, Percent>},
        {"BBANDS_WIDTH_20_2", group, "(upper - lower) / middle band", kBollinger, 20, makeKernel<BollingerKernel, 20, 2, Width>},
        {"RVOL_12", group, "root mean square of 12 one-bar log returns", kRealised, 13, makeKernel<RealisedVolatilityKernel, 12>},
        {"RVOL_48", group, "root mean square of 48 one-bar log returns", kRealised, 49, makeKernel<RealisedVolatilityKernel, 48>},
        {"RVOL_288", group, "root mean square of 288 one-bar log returns", kRealised, 289, makeKernel<RealisedVolatilityKernel, 288>},
    };
}

} // namespace btcai
