#include <numbers>

#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

constexpr double kDegrees = 180.0 / std::numbers::pi;

/// Ehlers' discrete Hilbert transform: a filter of seven bars that turns the phase by a quarter, scaled for the period.
class HilbertFilter {
public:
    double next(double value, std::size_t parity, double scale)
    {
        auto& past = m_past[parity]; // 2, 4 and 6 bars ago
        // All of this waits for the value, and the value for the one before: what is known already is worked out meanwhile.
        const double known = 0.5769 * (past[0] - past[1]) - 0.0962 * past[2];
        const double filtered = value * (0.0962 * scale) + known * scale;
        past = {value, past[0], past[1]};
        return filtered;
    }

private:
    std::array<std::array<double, 3>, 2> m_past{};
};

/// The homodyne discriminator of Ehlers, "Rocket Science for Traders" (2001), chapter 7: the period of the dominant cycle
/// from the phase step of the analytic signal. It starts at bar `firstBar` from a state of zeros, which is when TA-Lib does.
template <int firstBar>
class DominantCycle {
public:
    /// Whether it has started.
    bool push(double price)
    {
        const double smooth = 0.1 * (4.0 * price + 3.0 * m_price[0] + 2.0 * m_price[1] + m_price[2]);
        m_price = {price, m_price[0], m_price[1]};
        if (m_bars < firstBar) {
            ++m_bars;
            return false;
        }
        m_parity ^= 1;
        const double scale = m_scale;
        const double detrended = m_detrend.next(smooth, m_parity, scale);
        m_quadrature = m_quadratureFilter.next(detrended, m_parity, scale);
        m_inPhase = m_detrended[2];
        m_detrended = {detrended, m_detrended[0], m_detrended[1]};
        const double turnedInPhase = m_inPhaseFilter.next(m_inPhase, m_parity, scale);
        const double turnedQuadrature = m_turnFilter.next(m_quadrature, m_parity, scale);
        discriminate((0.2 * m_inPhase + 0.8 * m_i2) - 0.2 * turnedQuadrature, 0.2 * m_quadrature + (0.2 * turnedInPhase + 0.8 * m_q2));
        return true;
    }

    double inPhase() const { return m_inPhase; }
    double quadrature() const { return m_quadrature; }
    double smoothPeriod() const { return m_smoothPeriod; }

private:
    void discriminate(double i2, double q2)
    {
        // i2 comes last.
        m_real = i2 * (0.2 * m_i2) + (q2 * (0.2 * m_q2) + 0.8 * m_real);
        m_imaginary = i2 * (0.2 * m_q2) + (0.8 * m_imaginary - q2 * (0.2 * m_i2));
        m_i2 = i2;
        m_q2 = q2;
        const double before = m_period;
        double period = before;
        if (m_imaginary != 0.0 && m_real != 0.0)
            period = 2.0 * std::numbers::pi / std::atan(m_imaginary / m_real);
        // Within 0.67 and 1.5 of the last, then within 6 and 50.
        period = std::max(std::min(period, std::clamp(1.5 * before, 6.0, 50.0)), std::clamp(0.67 * before, 6.0, 50.0));
        m_period = 0.2 * period + 0.8 * before;
        m_scale = 0.075 * 0.2 * period + (0.075 * 0.8 * before + 0.54);
        m_smoothPeriod = 0.33 * m_period + 0.67 * m_smoothPeriod;
    }

    int m_bars = 0;
    std::size_t m_parity = 0;
    std::array<double, 3> m_price{};
    std::array<double, 3> m_detrended{};
    HilbertFilter m_detrend, m_quadratureFilter, m_inPhaseFilter, m_turnFilter;
    double m_quadrature = 0.0, m_inPhase = 0.0, m_i2 = 0.0, m_q2 = 0.0;
    double m_real = 0.0, m_imaginary = 0.0, m_period = 0.0, m_smoothPeriod = 0.0;
    double m_scale = 0.54; ///< of the filters: 0.075 period + 0.54
};

class CyclePeriodCore {
public:
    double next(const Bar& bar)
    {
        const bool started = m_cycle.push(bar.close);
        m_valid += started ? 1 : 0;
        return m_valid > kSettle ? m_cycle.smoothPeriod() : kNotYet;
    }

private:
    static constexpr int kSettle = 20;
    DominantCycle<12> m_cycle;
    int m_valid = 0;
};

/// Ehlers' instantaneous trendline: the mean over one dominant cycle, smoothed over four bars.
class TrendlineCore {
public:
    double next(const Bar& bar)
    {
        m_place = m_place == 0 ? kLongest - 1 : m_place - 1;
        m_close[m_place] = m_close[m_place + kLongest] = bar.close;
        if (!m_cycle.push(bar.close))
            return kNotYet;
        const auto length = std::min(kLongest, static_cast<std::size_t>(m_cycle.smoothPeriod() + 0.5));
        const double mean = length == 0 ? 0.0 : newest(length) / static_cast<double>(length);
        const double trend = 0.1 * (4.0 * mean + 3.0 * m_means[0] + 2.0 * m_means[1] + m_means[2]);
        m_means = {mean, m_means[0], m_means[1]};
        return ++m_valid > kSettle ? trend : kNotYet;
    }

private:
    static constexpr int kSettle = 26;
    static constexpr std::size_t kLongest = 50; // the period is never longer

    /// The sum of the newest closes, in two chains so that the adder is kept busy.
    double newest(std::size_t length) const
    {
        const double* close = m_close.data() + m_place;
        double even = 0.0, odd = 0.0;
        std::size_t i = 0;
        for (; i + 1 < length; i += 2) {
            even += close[i];
            odd += close[i + 1];
        }
        return even + odd + (i < length ? close[i] : 0.0);
    }

    DominantCycle<37> m_cycle;
    std::array<double, 2 * kLongest> m_close{}; // every close twice, so that any window lies in one piece
    std::size_t m_place = 0;
    std::array<double, 3> m_means{};
    int m_valid = 0;
};

enum AdaptiveLine : std::size_t { kMama, kFama };

/// MESA adaptive average: the share follows the speed of the phase, between `slow` and `fast` (in hundredths).
template <int fast, int slow>
class MamaCore {
public:
    static constexpr std::size_t kLines = 2;

    void run(const BarBlock& bars, std::array<Piece, kLines>& lines, const std::array<bool, kLines>&)
    {
        for (std::size_t i = 0; i < bars.size(); ++i) {
            const bool known = push(bars.close[i]);
            lines[kMama][i] = known ? m_mama : kNotYet;
            lines[kFama][i] = known ? m_fama : kNotYet;
        }
    }

private:
    static constexpr int kSettle = 20;

    bool push(double close)
    {
        if (!m_cycle.push(close))
            return false;
        const double phase = m_cycle.inPhase() != 0.0 ? std::atan(m_cycle.quadrature() / m_cycle.inPhase()) * kDegrees : 0.0;
        const double step = std::max(m_phase - phase, 1.0);
        m_phase = phase;
        const double share = std::max(fast / 100.0 / step, slow / 100.0);
        m_mama = share * close + (1.0 - share) * m_mama;
        m_fama = 0.5 * share * m_mama + (1.0 - 0.5 * share) * m_fama;
        m_valid += m_valid <= kSettle ? 1 : 0;
        return m_valid > kSettle;
    }

    DominantCycle<12> m_cycle;
    double m_phase = 0.0, m_mama = 0.0, m_fama = 0.0;
    int m_valid = 0;
};

} // namespace

std::vector<FeatureInfo> cycleFeatures()
{
    constexpr auto group = FeatureGroup::Trend;
    constexpr auto level = FeatureScale::Level;
    constexpr const char* rocket = "Ehlers, Rocket Science for Traders (2001)";
    constexpr const char* mesa = "Ehlers, MESA Adaptive Moving Averages (2001)";
    return {
        {"HT_DCPERIOD", group, "period of the dominant cycle in bars, by Hilbert transform and homodyne discriminator", rocket, "", 33,
         FeatureRange{0.0, 50.0}, FeatureScale::Stationary, "HT_DCPERIOD", makeKernel<CyclePeriodCore>},
        {"HT_TRENDLINE", group, "mean of close over the dominant cycle, smoothed over 4 bars (price units)", rocket, "", 64, kNotNegative, level,
         "HT_TRENDLINE", makeKernel<TrendlineCore>},
        {"MAMA_0.5_0.05", group, "average whose share follows the speed of the phase, from 0 at bar 13 on (price units)", mesa,
         "fast 0.5, slow 0.05", 33, kNotNegative, level, "MAMA", makeLine<MamaCore<50, 5>, kMama>},
        {"FAMA_0.5_0.05", group, "MAMA smoothed by half its share (price units)", mesa, "fast 0.5, slow 0.05", 33, kNotNegative, level, "MAMA",
         makeLine<MamaCore<50, 5>, kFama>},
    };
}

} // namespace btcai
