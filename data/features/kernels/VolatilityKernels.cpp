#include <numbers>

#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

class TrueRangeCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_previous.run(bars, [&](std::size_t i, const Bar& before) {
            values[i] = trueRange(bars.high[i], bars.low[i], before.close);
        });
        leaveOut(values, early);
    }

private:
    PreviousBar m_previous;
};

/// All lines of Bollinger's bands.
template <std::size_t period, int deviations>
class BandsCore {
public:
    static constexpr std::size_t kLines = 5;

    void run(const BarBlock& bars, std::array<Piece, kLines>& lines, const std::array<bool, kLines>& wanted)
    {
        using enum BandLine;
        const std::size_t early = m_moments.early(bars.size());
        Piece mean, squares;
        m_moments.run(bars.size(), from(bars.close), [&](std::size_t i, const Moments& moments) {
            mean[i] = moments.mean;
            squares[i] = moments.squares;
        });
        const auto fill = [&]<BandLine line>() {
            Piece& values = lines[static_cast<std::size_t>(line)];
            for (std::size_t i = 0; i < bars.size() && wanted[static_cast<std::size_t>(line)]; ++i)
                values[i] = bandValue<period, deviations>(line, {mean[i], squares[i]}, bars.close[i]);
            leaveOut(values, early);
        };
        fill.template operator()<Upper>();
        fill.template operator()<Middle>();
        fill.template operator()<Lower>();
        fill.template operator()<Percent>();
        fill.template operator()<Width>();
    }

private:
    RollingMoments<period> m_moments;
};

enum class SpreadLine { Deviation, Variance };

template <std::size_t period, SpreadLine line>
class SpreadCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_moments.early(bars.size());
        m_moments.run(bars.size(), from(bars.close),
                      [&](std::size_t i, const Moments& moments) { values[i] = moments.squares * (1.0 / static_cast<double>(period)); });
        for (std::size_t i = 0; line == SpreadLine::Deviation && i < bars.size(); ++i)
            values[i] = std::sqrt(values[i]);
        leaveOut(values, early);
    }

private:
    RollingMoments<period> m_moments;
};

template <std::size_t period>
class RealisedVolatilityCore {
public:
    double next(const Bar& bar)
    {
        if (m_return.push(bar.close))
            m_volatility.push(m_return.value());
        return m_volatility.full() ? m_volatility.value() : kNotYet;
    }

private:
    ReturnStep m_return;
    RealisedVolatility<period> m_volatility;
};

// The variance that one bar's range tells, per estimator.
struct Parkinson {
    static double variance(const Bar& bar)
    {
        const double range = std::log(bar.high / bar.low);
        return range * range / (4.0 * std::numbers::ln2);
    }
};
struct GarmanKlass {
    static double variance(const Bar& bar)
    {
        const double range = std::log(bar.high / bar.low);
        const double body = std::log(bar.close / bar.open);
        return 0.5 * range * range - (2.0 * std::numbers::ln2 - 1.0) * body * body;
    }
};
struct RogersSatchell {
    static double variance(const Bar& bar)
    {
        const double body = std::log(bar.close / bar.open);
        const double up = std::log(bar.high / bar.open);
        const double down = std::log(bar.low / bar.open);
        return up * (up - body) + down * (down - body);
    }
};

template <std::size_t period, typename Estimator>
class RangeVolatilityCore {
public:
    double next(const Bar& bar)
    {
        m_sum.push(Estimator::variance(bar));
        // Garman and Klass's can be a rounding error below zero.
        return m_sum.full() ? std::sqrt(std::max(m_sum.value() / static_cast<double>(period), 0.0)) : kNotYet;
    }

private:
    RollingSum<period> m_sum;
};

template <std::size_t period>
class UlcerCore {
public:
    double next(const Bar& bar)
    {
        m_high.push(bar.close);
        if (!m_high.full())
            return kNotYet;
        const double drawdown = 100.0 * (1.0 - ratioOr(bar.close, m_high.value(), 1.0));
        m_squares.push(drawdown * drawdown);
        return m_squares.full() ? std::sqrt(m_squares.value() / static_cast<double>(period)) : kNotYet;
    }

private:
    RollingMax<period> m_high;
    RollingSum<period> m_squares;
};

template <std::size_t period, std::size_t atrPeriod>
class KeltnerCore {
public:
    double next(const Bar& bar)
    {
        m_ema.push(bar.close);
        const double range = m_range.next(bar);
        return m_ema.full() ? 0.5 + 0.25 * ratioOr(bar.close - m_ema.value(), range, 0.0) : kNotYet;
    }

private:
    Ema<period> m_ema;
    AtrCore<atrPeriod, AtrUnit::Price> m_range;
};

template <std::size_t period>
FeatureInfo realisedVolatility()
{
    constexpr const char* source = "Andersen, Bollerslev, Diebold, Labys, Modeling and Forecasting Realized Volatility (2003)";
    const std::string bars = std::to_string(period);
    return {"RVOL_" + bars, FeatureGroup::Volatility, "root mean square of " + bars + " one-bar log returns", source, "period " + bars,
            static_cast<int>(period) + 1, kNotNegative, FeatureScale::Stationary, "", makeKernel<RealisedVolatilityCore<period>>};
}

template <BandLine line>
FeatureInfo bollinger(const char* name, const char* formula, FeatureRange range, FeatureScale scale)
{
    return {name, FeatureGroup::Volatility, formula, kBollinger, "period 20, 2 deviations", 20, range, scale,
            scale == FeatureScale::Level ? "BBANDS" : "", makeLine<BandsCore<20, 2>, line>};
}

} // namespace

std::vector<FeatureInfo> volatilityFeatures()
{
    constexpr auto group = FeatureGroup::Volatility;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr auto level = FeatureScale::Level;
    using enum BandLine;
    return {
        {"TRANGE", group, "max(high, previous close) - min(low, previous close) (price units)", kWilder, "", 2, kNotNegative, level, "TRANGE",
         makeKernel<TrueRangeCore>},
        {"ATR_14", group, "Wilder average of the true range over 14 bars (price units)", kWilder, "period 14", 15, kNotNegative, level, "ATR",
         makeKernel<AtrCore<14, AtrUnit::Price>>},
        {"NATR_14", group, "100 ATR_14 / close", "Forman, Cross-Market Evaluations with Normalized Average True Range (2006)", "period 14", 15,
         kNotNegative, ratio, "NATR", makeKernel<AtrCore<14, AtrUnit::PercentOfClose>>},
        bollinger<Upper>("BBANDS_UPPER_20_2", "mean + 2 population deviations of 20 closes (price units)", kNotNegative, level),
        bollinger<Middle>("BBANDS_MIDDLE_20_2", "mean of 20 closes (price units)", kNotNegative, level),
        bollinger<Lower>("BBANDS_LOWER_20_2", "mean - 2 population deviations of 20 closes (price units)", kOpen, level),
        bollinger<Percent>("BBANDS_PERCENT_20_2", "(close - lower) / (upper - lower) band; 0.5 without spread", kOpen, ratio),
        bollinger<Width>("BBANDS_WIDTH_20_2", "(upper - lower) / middle band", kNotNegative, ratio),
        {"STDDEV_20", group, "population deviation of 20 closes (price units)", "Chan, Golub, LeVeque (1979)", "period 20", 20, kNotNegative,
         level, "STDDEV", makeKernel<SpreadCore<20, SpreadLine::Deviation>>},
        {"VAR_20", group, "population variance of 20 closes (squared price units)", "Chan, Golub, LeVeque (1979)", "period 20", 20, kNotNegative,
         level, "VAR", makeKernel<SpreadCore<20, SpreadLine::Variance>>},
        realisedVolatility<12>(),
        realisedVolatility<48>(),
        realisedVolatility<288>(),
        {"PARKINSON_48", group, "root of the mean of log(high / low)^2 / (4 log 2) over 48 bars",
         "Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of Return (1980)", "period 48", 48, kNotNegative, ratio, "",
         makeKernel<RangeVolatilityCore<48, Parkinson>>},
        {"GARMAN_KLASS_48", group, "root of the mean of log(high / low)^2 / 2 - (2 log 2 - 1) log(close / open)^2 over 48 bars",
         "Garman and Klass, On the Estimation of Security Price Volatilities from Historical Data (1980)", "period 48", 48, kNotNegative, ratio,
         "", makeKernel<RangeVolatilityCore<48, GarmanKlass>>},
        {"ROGERS_SATCHELL_48", group, "root of the mean of u (u - c) + d (d - c) over 48 bars; u, d, c: log of high, low, close over open",
         "Rogers and Satchell, Estimating Variance from High, Low and Closing Prices (1991)", "period 48", 48, kNotNegative, ratio, "",
         makeKernel<RangeVolatilityCore<48, RogersSatchell>>},
        {"ULCER_14", group, "root mean square over 14 bars of the percentage below the highest of 14 closes",
         "Martin and McCann, The Investor's Guide to Fidelity Funds (1989)", "period 14", 27, kPercent, ratio, "", makeKernel<UlcerCore<14>>},
        {"KELTNER_PERCENT_20_10_2", group, "place of close between EMA_20 - 2 ATR_10 and EMA_20 + 2 ATR_10; 0.5 without range",
         "Keltner, How to Make Money in Commodities (1960); Raschke's form", "EMA 20, ATR 10, factor 2", 20, kOpen, ratio, "",
         makeKernel<KeltnerCore<20, 10>>},
    };
}

} // namespace btcai
