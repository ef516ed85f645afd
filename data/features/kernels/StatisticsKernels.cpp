#include <cstdint>
#include <numbers>

#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

enum class MomentLine { Skewness, ExcessKurtosis };

/// Central moments of log returns from sums of their powers: returns are spread around zero, so little cancels.
template <std::size_t period, MomentLine line>
class HigherMomentCore {
public:
    double next(const Bar& bar)
    {
        if (m_return.push(bar.close)) {
            const double r = m_return.value();
            m_powers.push({r, r * r, r * r * r, (r * r) * (r * r)});
        }
        return m_powers.full() ? value() : kNotYet;
    }

private:
    double value() const
    {
        constexpr auto count = static_cast<double>(period);
        const double mean = m_powers.value(0) / count;
        const double second = m_powers.value(1) / count;
        const double third = m_powers.value(2) / count;
        const double variance = second - mean * mean;
        if (!(variance > kSmallestSpread * second)) // equal returns: what is left is rounding
            return 0.0;
        if (line == MomentLine::Skewness)
            return (third - 3.0 * mean * second + 2.0 * mean * mean * mean) / (variance * std::sqrt(variance));
        const double fourth = m_powers.value(3) / count;
        return (fourth - 4.0 * mean * third + 6.0 * mean * mean * second - 3.0 * (mean * mean) * (mean * mean)) / (variance * variance) - 3.0;
    }

    static constexpr double kSmallestSpread = 1e-9;
    ReturnStep m_return;
    RollingSums<4, period> m_powers;
};

/// Pearson's correlation; 0 where one of the two does not vary.
double correlation(const PairMoments& moments)
{
    const double scale = std::sqrt(moments.squaresX * moments.squaresY);
    const double value = ratioOr(moments.products, scale, 0.0);
    return std::min(std::max(value, -1.0), 1.0);
}

template <std::size_t lag, std::size_t period>
class AutocorrelationCore {
public:
    double next(const Bar& bar)
    {
        if (m_return.push(bar.close)) {
            m_past.push(m_return.value());
            if (m_past.full())
                m_pairs.push({m_return.value(), m_past.oldest()});
        }
        return m_pairs.full() ? correlation(m_pairs.value()) : kNotYet;
    }

private:
    ReturnStep m_return;
    Delay<lag> m_past;
    RollingPairMoments<period> m_pairs;
};

template <std::size_t period>
class CloseVolumeCorrelationCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t count = bars.size(), early = m_pairs.early(count);
        Piece squaresX, squaresY, products;
        const auto read = [&](std::size_t i) { return Pair{bars.close[i], bars.volume[i]}; };
        m_pairs.run(count, read, [&](std::size_t i, const PairMoments& moments) {
            squaresX[i] = moments.squaresX;
            squaresY[i] = moments.squaresY;
            products[i] = moments.products;
        });
        for (std::size_t i = 0; i < count; ++i)
            values[i] = correlation({squaresX[i], squaresY[i], products[i]});
        leaveOut(values, early);
    }

private:
    RollingPairMoments<period> m_pairs;
};

/// Slope of the changes of the low over those of the high, by least squares.
template <std::size_t period>
class HighLowBetaCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        Piece high, low;
        const std::size_t first = m_previous.run(bars, [&](std::size_t i, const Bar& before) {
            high[i] = ratioOr(bars.high[i] - before.high, before.high, 0.0);
            low[i] = ratioOr(bars.low[i] - before.low, before.low, 0.0);
        });
        const std::size_t count = bars.size() - first, early = first + m_pairs.early(count);
        const auto read = [&](std::size_t i) { return Pair{high[first + i], low[first + i]}; };
        m_pairs.run(count, read, [&](std::size_t i, const PairMoments& moments) {
            values[first + i] = ratioOr(moments.products, moments.squaresX, 0.0);
        });
        leaveOut(values, early);
    }

private:
    PreviousBar m_previous;
    RollingPairMoments<period> m_pairs;
};

enum class RegressionLine { End, Slope, Start, AngleDegrees, Forecast };

/// Least squares of close over the bar's number.
template <std::size_t period, RegressionLine line>
class RegressionCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_ramp.early(bars.size());
        m_ramp.run(bars.size(), from(bars.close), [&](std::size_t i, const Ramp& ramp) { values[i] = valueOf(ramp); });
        leaveOut(values, early);
    }

private:
    static double valueOf(const Ramp& ramp)
    {
        constexpr auto n = static_cast<double>(period);
        const double mean = ramp.sum / n;
        const double slope = (ramp.weighted - 0.5 * (n + 1.0) * ramp.sum) / (n * (n * n - 1.0) / 12.0);
        switch (line) {
        case RegressionLine::End: return mean + slope * 0.5 * (n - 1.0);
        case RegressionLine::Slope: return slope;
        case RegressionLine::Start: return mean - slope * 0.5 * (n - 1.0);
        case RegressionLine::AngleDegrees: return std::atan(slope) * (180.0 / std::numbers::pi);
        case RegressionLine::Forecast: return mean + slope * 0.5 * (n + 1.0);
        }
        return kNotYet;
    }

    RollingRamp<period> m_ramp;
};

/// Mean squared `lag`-bar log returns against `lag` times those of one bar, over the same bars: the ratio of Lo and MacKinlay without
/// their correction for the mean, which is nothing over so few bars.
template <std::size_t lag, std::size_t period>
class VarianceRatioCore {
public:
    double next(const Bar& bar)
    {
        const double price = std::log(bar.close);
        const double oneBar = price - m_last;
        m_last = price;
        m_past.push(price);
        if (!m_past.full())
            return kNotYet;
        const double change = price - m_past.oldest();
        m_squares.push({oneBar * oneBar, change * change});
        return m_squares.full() ? ratioOr(m_squares.value(1), static_cast<double>(lag) * m_squares.value(0), 1.0) : kNotYet;
    }

private:
    double m_last = 0.0;
    Delay<lag> m_past;
    RollingSums<2, period> m_squares;
};

/// The generalised Hurst exponent of order 2: half the slope of log mean squared price change over log lag, by least squares at the
/// lags 1, 2, 4, 8 and 16. With these lags the five logarithms join into one.
template <std::size_t period>
class HurstCore {
public:
    double next(const Bar& bar)
    {
        const double price = std::log(bar.close);
        m_place = m_place == 0 ? kLongest : m_place - 1;
        m_past[m_place] = price;
        if (m_count < kLongest) {
            ++m_count;
            return kNotYet;
        }
        std::array<double, 5> squares;
        for (std::size_t k = 0; k < squares.size(); ++k) {
            const std::size_t place = m_place + (std::size_t{1} << k);
            const double change = price - m_past[place > kLongest ? place - kLongest - 1 : place];
            squares[k] = change * change;
        }
        m_squares.push(squares);
        return m_squares.full() ? value() : kNotYet;
    }

private:
    static constexpr std::size_t kLongest = 16;

    double value() const
    {
        const double ends = ratioOr(m_squares.value(4), m_squares.value(0), 0.0);
        const double inner = ratioOr(m_squares.value(3), m_squares.value(1), 0.0);
        if (!(ends > 0.0 && inner > 0.0)) // no movement at one of the lags
            return 0.5;
        return std::clamp(std::log2(ends * ends * inner) / 20.0, 0.0, 1.0);
    }

    std::array<double, kLongest + 1> m_past{};
    std::size_t m_place = 0;
    std::size_t m_count = 0;
    RollingSums<5, period> m_squares;
};

/// n log n for n = 0, 1, ..., `most`.
template <std::size_t most>
const std::array<double, most + 1>& countLogs()
{
    static const std::array<double, most + 1> table = [] {
        std::array<double, most + 1> logs{};
        for (std::size_t n = 1; n <= most; ++n)
            logs[n] = static_cast<double>(n) * std::log(static_cast<double>(n));
        return logs;
    }();
    return table;
}

/// The entropy of the order of three closes in a row, from exact counts of the six orders. Of equal closes the older counts as
/// the smaller.
template <std::size_t period>
class PermutationEntropyCore {
public:
    double next(const Bar& bar)
    {
        const double a = m_older, b = m_old, c = bar.close;
        m_older = b;
        m_old = c;
        if (++m_closes < 3)
            return kNotYet;
        m_closes = 3;
        const auto order = static_cast<std::uint8_t>((a <= b ? 4 : 0) + (b <= c ? 2 : 0) + (a <= c ? 1 : 0));
        if (m_full)
            --m_counts[m_ring[m_next]];
        ++m_counts[order];
        m_ring[m_next] = order;
        if (++m_next == period) {
            m_next = 0;
            m_full = true;
        }
        return m_full ? value() : kNotYet;
    }

private:
    double value() const
    {
        const auto& logs = *m_logs;
        double sum = 0.0;
        for (const std::uint32_t count : m_counts)
            sum += logs[count];
        constexpr auto n = static_cast<double>(period);
        return std::max(0.0, (logs[period] - sum) / (n * std::log(6.0)));
    }

    const std::array<double, period + 1>* m_logs = &countLogs<period>();
    double m_older = 0.0, m_old = 0.0;
    int m_closes = 0;
    bool m_full = false;
    std::size_t m_next = 0;
    std::array<std::uint8_t, period> m_ring{};
    std::array<std::uint32_t, 8> m_counts{}; // two of the eight can't happen
};

template <std::size_t period>
class ZScoreCore {
public:
    double next(const Bar& bar)
    {
        m_moments.push(bar.close);
        if (!m_moments.full())
            return kNotYet;
        const Moments& moments = m_moments.value();
        return ratioOr(bar.close - moments.mean, std::sqrt(moments.squares / static_cast<double>(period)), 0.0);
    }

private:
    RollingMoments<period> m_moments;
};

template <std::size_t period>
class DownsideShareCore {
public:
    double next(const Bar& bar)
    {
        if (m_return.push(bar.close)) {
            const double square = m_return.value() * m_return.value();
            m_squares.push({square, m_return.value() < 0.0 ? square : 0.0});
        }
        return m_squares.full() ? ratioOr(m_squares.value(1), m_squares.value(0), 0.5) : kNotYet;
    }

private:
    ReturnStep m_return;
    RollingSums<2, period> m_squares;
};

/// The part of the squared returns that bipower variation, which a single jump hardly moves, does not explain.
template <std::size_t period>
class JumpShareCore {
public:
    double next(const Bar& bar)
    {
        if (m_return.push(bar.close)) {
            const double size = std::abs(m_return.value());
            if (m_size.known())
                m_sums.push({size * size, size * m_size.value()});
            m_size.set(size);
        }
        if (!m_sums.full())
            return kNotYet;
        return std::max(0.0, 1.0 - 0.5 * std::numbers::pi * ratioOr(m_sums.value(1), m_sums.value(0), 1.0));
    }

private:
    ReturnStep m_return;
    PreviousClose m_size;
    RollingSums<2, period> m_sums;
};

template <RegressionLine line>
FeatureInfo regression(const char* name, const char* formula, FeatureRange range, const char* reference)
{
    return {name, FeatureGroup::Statistics, formula, "Draper and Smith, Applied Regression Analysis (1966)", "period 14", 14, range,
            FeatureScale::Level, reference, makeKernel<RegressionCore<14, line>>};
}

template <std::size_t period, MomentLine line>
FeatureInfo higherMoment()
{
    constexpr bool skew = line == MomentLine::Skewness;
    const std::string bars = std::to_string(period);
    return {(skew ? "SKEW_" : "KURT_") + bars, FeatureGroup::Statistics,
            std::string(skew ? "skewness" : "excess kurtosis") + " of " + bars + " one-bar log returns (population); 0 where all are equal",
            "Joanes and Gill, Comparing Measures of Sample Skewness and Kurtosis (1998), g1 and g2", "period " + bars,
            static_cast<int>(period) + 1, skew ? kOpen : FeatureRange{-2.0, kInfinity}, FeatureScale::Stationary, "",
            makeKernel<HigherMomentCore<period, line>>};
}

template <std::size_t lag, std::size_t period>
FeatureInfo autocorrelation()
{
    const std::string bars = std::to_string(period), back = std::to_string(lag);
    return {"AUTOCORR_" + back + "_" + bars, FeatureGroup::Statistics,
            "correlation of the one-bar log return with that of " + back + (lag == 1 ? " bar" : " bars") + " before, over " + bars
                + " pairs; 0 where one does not vary",
            "Box and Jenkins, Time Series Analysis (1970)", "lag " + back + ", period " + bars, static_cast<int>(lag + period) + 1, kSignedUnit,
            FeatureScale::Stationary, "", makeKernel<AutocorrelationCore<lag, period>>};
}

template <std::size_t period>
FeatureInfo permutationEntropy()
{
    const std::string bars = std::to_string(period);
    return {"PERM_ENTROPY_3_" + bars, FeatureGroup::Statistics,
            "entropy of the order of 3 closes in a row, over " + bars + " such triples, / log 6; of equal closes the older is the smaller",
            "Bandt and Pompe, Permutation Entropy (2002)", "order 3, period " + bars, static_cast<int>(period) + 2, kUnit,
            FeatureScale::Stationary, "", makeKernel<PermutationEntropyCore<period>>};
}

template <std::size_t period>
FeatureInfo zScore()
{
    const std::string bars = std::to_string(period);
    return {"ZSCORE_" + bars, FeatureGroup::Statistics, "(close - mean) / population deviation of " + bars + " closes; 0 without spread",
            "Chan, Golub, LeVeque (1979) for the moments", "period " + bars, static_cast<int>(period), kOpen, FeatureScale::Stationary, "",
            makeKernel<ZScoreCore<period>>};
}

} // namespace

std::vector<FeatureInfo> statisticsFeatures()
{
    constexpr auto group = FeatureGroup::Statistics;
    constexpr auto ratio = FeatureScale::Stationary;
    return {
        higherMoment<48, MomentLine::Skewness>(),
        higherMoment<288, MomentLine::Skewness>(),
        higherMoment<48, MomentLine::ExcessKurtosis>(),
        higherMoment<288, MomentLine::ExcessKurtosis>(),
        autocorrelation<1, 48>(),
        autocorrelation<1, 288>(),
        autocorrelation<12, 288>(),
        {"VARIANCE_RATIO_12_288", group, "mean squared 12-bar log return / 12 mean squared one-bar return, over 288 bars; 1 without movement",
         "Lo and MacKinlay, Stock Market Prices Do Not Follow Random Walks (1988)", "lag 12, period 288", 300, kNotNegative, ratio, "",
         makeKernel<VarianceRatioCore<12, 288>>},
        {"HURST_288", group,
         "half the least-squares slope of log mean squared log-price change over log lag, lags 1, 2, 4, 8, 16, over 288 bars, kept in [0, 1]; 0.5 "
         "without movement",
         "generalised Hurst exponent, q = 2: Di Matteo, Multi-scaling in Finance (2007)", "lags 1 to 16, period 288", 304, kUnit, ratio, "",
         makeKernel<HurstCore<288>>},
        permutationEntropy<96>(),
        permutationEntropy<288>(),
        zScore<48>(),
        zScore<288>(),
        {"DOWNSIDE_SHARE_288", group, "sum of squared negative log returns / of all, over 288; 0.5 without movement",
         "Barndorff-Nielsen, Kinnebrock, Shephard, Measuring Downside Risk: Realised Semivariance (2010)", "period 288", 289, kUnit, ratio, "",
         makeKernel<DownsideShareCore<288>>},
        {"JUMP_SHARE_288", group,
         "1 - (pi / 2) sum of |r_t| |r_t-1| / sum of r_t^2 over 288 log returns, at least 0; without movement 0",
         "Barndorff-Nielsen and Shephard, Power and Bipower Variation with Stochastic Volatility and Jumps (2004)", "period 288", 290, kUnit,
         ratio, "", makeKernel<JumpShareCore<288>>},
        {"CORREL_CLOSE_VOLUME_30", group, "Pearson's correlation of close and volume over 30 bars; 0 where one does not vary",
         "Pearson, Notes on Regression and Inheritance (1895)", "period 30", 30, kSignedUnit, ratio, "CORREL",
         makeKernel<CloseVolumeCorrelationCore<30>>},
        {"BETA_HIGH_LOW_5", group, "least-squares slope of the change of low over the change of high (both relative), over 5 bars; 0 where the high "
                                   "does not change",
         "Sharpe, Capital Asset Prices (1964); TA-Lib's argument order", "period 5", 6, kOpen, ratio, "BETA", makeKernel<HighLowBetaCore<5>>},
        regression<RegressionLine::End>("LINEARREG_14", "least-squares line through 14 closes, at the newest (price units)", kOpen, "LINEARREG"),
        regression<RegressionLine::Slope>("LINEARREG_SLOPE_14", "slope of the least-squares line through 14 closes (price units a bar)", kOpen,
                                          "LINEARREG_SLOPE"),
        regression<RegressionLine::Start>("LINEARREG_INTERCEPT_14", "least-squares line through 14 closes, at the oldest (price units)", kOpen,
                                          "LINEARREG_INTERCEPT"),
        regression<RegressionLine::AngleDegrees>("LINEARREG_ANGLE_14", "arctangent of LINEARREG_SLOPE_14 in degrees (depends on the price unit)",
                                                 FeatureRange{-90.0, 90.0}, "LINEARREG_ANGLE"),
        regression<RegressionLine::Forecast>("TSF_14", "least-squares line through 14 closes, one bar on (price units)", kOpen, "TSF"),
    };
}

} // namespace btcai
