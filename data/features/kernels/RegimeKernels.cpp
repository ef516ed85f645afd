#include <algorithm>

#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

template <std::size_t period>
class EfficiencyCore {
public:
    double next(const Bar& bar)
    {
        m_efficiency.push(bar.close);
        return m_efficiency.full() ? m_efficiency.value() : kNotYet;
    }

private:
    Efficiency<period> m_efficiency;
};

template <std::size_t period>
class ChoppinessCore {
public:
    double next(const Bar& bar)
    {
        if (m_previous.known()) {
            m_walked.push(trueRange(bar, m_previous));
            m_high.push(std::max(bar.high, m_previous.value()));
            m_low.push(std::min(bar.low, m_previous.value()));
        }
        m_previous.set(bar.close);
        if (!m_walked.full())
            return kNotYet;
        const double ratio = ratioOr(m_walked.value(), m_high.value() - m_low.value(), static_cast<double>(period));
        return 100.0 * std::clamp(std::log(ratio) / std::log(static_cast<double>(period)), 0.0, 1.0);
    }

private:
    RollingSum<period> m_walked;
    RollingMax<period> m_high;
    RollingMin<period> m_low;
    PreviousClose m_previous;
};

/// How much of the spread of the closes a straight line through them explains, with the sign of its slope.
template <std::size_t period>
class TrendFitCore {
public:
    double next(const Bar& bar)
    {
        m_ramp.push(bar.close);
        m_moments.push(bar.close);
        if (!m_ramp.full())
            return kNotYet;
        constexpr auto n = static_cast<double>(period);
        const double products = m_ramp.value().weighted - 0.5 * (n + 1.0) * m_ramp.value().sum;
        const double fit = ratioOr(products * std::abs(products), m_moments.value().squares * (n * (n * n - 1.0) / 12.0), 0.0);
        return std::clamp(fit, -1.0, 1.0);
    }

private:
    RollingRamp<period> m_ramp;
    RollingMoments<period> m_moments;
};

/// Volatility now against that of a long window.
template <std::size_t shortPeriod, std::size_t longPeriod>
class VolatilityRatio {
public:
    void push(double close)
    {
        if (!m_return.push(close))
            return;
        m_short.push(m_return.value());
        m_long.push(m_return.value());
    }
    bool full() const { return m_long.full(); }
    double value() const { return std::sqrt(ratioOr(m_short.variance(), m_long.variance(), 1.0)); }

private:
    ReturnStep m_return;
    RealisedVolatility<shortPeriod> m_short;
    RealisedVolatility<longPeriod> m_long;
};

template <std::size_t shortPeriod, std::size_t longPeriod>
class VolatilityRatioCore {
public:
    double next(const Bar& bar)
    {
        m_ratio.push(bar.close);
        return m_ratio.full() ? std::log(std::max(m_ratio.value(), kFloor)) : kNotYet;
    }

private:
    static constexpr double kFloor = 1e-3;
    VolatilityRatio<shortPeriod, longPeriod> m_ratio;
};

enum class Regime { Trend, Range, Volatile };

/// Exactly one of the three regimes holds. Agitation counts first, since a move in a storm says little about direction. A random
/// walk of 48 steps has an efficiency near 1 / sqrt(48) = 0.14 and reaches 0.3 about once in twenty.
template <Regime regime>
class RegimeCore {
public:
    double next(const Bar& bar)
    {
        m_ratio.push(bar.close);
        m_efficiency.push(bar.close);
        if (!m_ratio.full())
            return kNotYet;
        const bool trend = m_efficiency.moved() && m_efficiency.value() >= 0.3;
        const Regime now = m_ratio.value() >= 1.5 ? Regime::Volatile : trend ? Regime::Trend : Regime::Range;
        return now == regime ? 1.0 : 0.0;
    }

private:
    VolatilityRatio<12, 288> m_ratio;
    Efficiency<48> m_efficiency;
};

template <std::size_t period>
FeatureInfo efficiency()
{
    const std::string bars = std::to_string(period);
    return {"EFFICIENCY_" + bars, FeatureGroup::Regime,
            "|close - close " + bars + " bars ago| / sum of the " + bars + " changes between; 1 without movement", kKaufman, "period " + bars,
            static_cast<int>(period) + 1, kUnit, FeatureScale::Stationary, "", makeKernel<EfficiencyCore<period>>};
}

} // namespace

std::vector<FeatureInfo> regimeFeatures()
{
    constexpr auto group = FeatureGroup::Regime;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr const char* regimes = "rule of this program on Kaufman's efficiency and realised volatility";
    return {
        efficiency<48>(),
        efficiency<288>(),
        {"CHOP_14", group, "100 log(sum of true range / (highest - lowest of 14 true ranges)) / log 14, kept in 0 to 100; 100 without range",
         "Dreiss, Choppiness Index (1993)", "period 14", 15, kPercent, ratio, "", makeKernel<ChoppinessCore<14>>},
        {"TREND_FIT_48", group, "R squared of the least-squares line through 48 closes, with the sign of its slope; 0 without spread",
         "Draper and Smith, Applied Regression Analysis (1966)", "period 48", 48, kSignedUnit, ratio, "", makeKernel<TrendFitCore<48>>},
        {"RVOL_RATIO_12_288", group, "log(RVOL_12 / RVOL_288), at least log 0.001; 0 without movement",
         "Corsi, A Simple Approximate Long-Memory Model of Realized Volatility (2009)", "short 12, long 288", 289, kOpen, ratio, "",
         makeKernel<VolatilityRatioCore<12, 288>>},
        {"REGIME_VOLATILE", group, "1 where RVOL_12 is at least 1.5 RVOL_288, else 0", regimes, "short 12, long 288, limit 1.5", 289, kUnit, ratio,
         "", makeKernel<RegimeCore<Regime::Volatile>>},
        {"REGIME_TREND", group, "1 where not REGIME_VOLATILE and EFFICIENCY_48 is at least 0.3, else 0; 0 without movement", regimes,
         "period 48, limit 0.3", 289, kUnit, ratio, "", makeKernel<RegimeCore<Regime::Trend>>},
        {"REGIME_RANGE", group, "1 where neither REGIME_VOLATILE nor REGIME_TREND, else 0", regimes, "", 289, kUnit, ratio, "",
         makeKernel<RegimeCore<Regime::Range>>},
    };
}

} // namespace btcai
