#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

template <std::size_t period>
class VolumeRatioCore {
public:
    double next(const Bar& bar)
    {
        m_average.push(bar.volume);
        if (!m_average.full())
            return kNotYet;
        // Bounded below, so that a bar without volume is a low value and not minus infinity.
        return std::log(std::max(ratioOr(bar.volume, m_average.value(), 1.0), kFloor));
    }

private:
    static constexpr double kFloor = 1e-3;
    Ema<period> m_average;
};

template <std::size_t period>
class VolumeSumCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_sum.early(bars.size());
        m_sum.run(bars.size(), from(bars.volume), into(values));
        leaveOut(values, early);
    }

private:
    RollingSum<period> m_sum;
};

template <std::size_t period>
class MoneyFlowCore {
public:
    double next(const Bar& bar)
    {
        const double typical = typicalPrice(bar);
        if (m_previous.known()) {
            const double flow = typical * bar.volume;
            m_in.push(typical > m_previous.value() ? flow : 0.0);
            m_out.push(typical < m_previous.value() ? flow : 0.0);
        }
        m_previous.set(typical);
        return m_in.full() ? 100.0 * ratioOr(m_in.value(), m_in.value() + m_out.value(), 0.0) : kNotYet;
    }

private:
    RollingSum<period> m_in, m_out;
    PreviousClose m_previous;
};

/// Turns steps into the totals they lead to from `total`; returns the last.
double accumulate(std::span<double> steps, double total)
{
    for (double& step : steps)
        step = total += step;
    return total;
}

/// The volume with the sign of the price's change; 0 at the first bar.
double signedVolume(const Bar& bar, const PreviousClose& previous)
{
    const double change = previous.known() ? bar.close - previous.value() : 0.0;
    return change > 0.0 ? bar.volume : change < 0.0 ? -bar.volume : 0.0;
}

/// Granville's running total. As in TA-Lib it starts at the first bar's volume.
class OnBalanceCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t first = m_previous.run(bars, [&](std::size_t i, const Bar& before) {
            const double change = bars.close[i] - before.close, volume = bars.volume[i];
            values[i] = (change > 0.0 ? volume : 0.0) - (change < 0.0 ? volume : 0.0);
        });
        if (first > 0)
            values[0] = bars.volume[0];
        m_total = accumulate(values, m_total);
    }

private:
    PreviousBar m_previous;
    double m_total = 0.0;
};

/// The change of on-balance volume over a window as a share of the volume traded in it.
template <std::size_t period>
class OnBalanceShareCore {
public:
    double next(const Bar& bar)
    {
        if (m_previous.known()) {
            m_signed.push(signedVolume(bar, m_previous));
            m_volume.push(bar.volume);
        }
        m_previous.set(bar.close);
        return m_signed.full() ? ratioOr(m_signed.value(), m_volume.value(), 0.0) : kNotYet;
    }

private:
    RollingSum<period> m_signed, m_volume;
    PreviousClose m_previous;
};

/// Chaikin's multiplier, where in the bar's range the close lies from -1 to 1, times the volume.
double accumulation(const Bar& bar)
{
    return ratioOr((bar.close - bar.low) - (bar.high - bar.close), bar.high - bar.low, 0.0) * bar.volume;
}

class AccumulationCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        for (std::size_t i = 0; i < bars.size(); ++i)
            values[i] = accumulation(bars[i]);
        m_total = accumulate(values, m_total);
    }

private:
    double m_total = 0.0;
};

/// Both averages start at the first bar's value, as in TA-Lib.
template <std::size_t fast, std::size_t slow>
class AccumulationOscillatorCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = std::min(bars.size(), slow - 1 - m_early);
        auto fastAverage = m_fast;
        auto slowAverage = m_slow;
        double total = m_total;
        // A few bars at a time: the flows of the next are worked out while the averages, each waiting for its last, catch up.
        for (std::size_t first = 0; first < bars.size(); first += kFew) {
            const std::size_t end = std::min(bars.size(), first + kFew);
            for (std::size_t i = first; i < end; ++i)
                values[i] = accumulation(bars[i]);
            std::size_t i = first;
            if (!fastAverage.full()) {
                total = values[i++];
                fastAverage.push(total);
                slowAverage.push(total);
                values[0] = 0.0;
            }
            for (; i < end; ++i) {
                total += values[i];
                values[i] = fastAverage.move(total) - slowAverage.move(total);
            }
        }
        m_fast = fastAverage;
        m_slow = slowAverage;
        m_total = total;
        leaveOut(values, early);
        m_early += early;
    }

private:
    double m_total = 0.0;
    SeededAverage<1> m_fast{emaWeight(fast)}, m_slow{emaWeight(slow)};
    static constexpr std::size_t kFew = 16;
    std::size_t m_early = 0; ///< bars that were left out
};

template <std::size_t period>
class ChaikinMoneyFlowCore {
public:
    double next(const Bar& bar)
    {
        m_flow.push(accumulation(bar));
        m_volume.push(bar.volume);
        return m_flow.full() ? ratioOr(m_flow.value(), m_volume.value(), 0.0) : kNotYet;
    }

private:
    RollingSum<period> m_flow, m_volume;
};

template <std::size_t period>
class VwapRatioCore {
public:
    double next(const Bar& bar)
    {
        m_money.push(typicalPrice(bar) * bar.volume);
        m_volume.push(bar.volume);
        if (!m_money.full())
            return kNotYet;
        return m_volume.value() > 0.0 ? std::log(bar.close * m_volume.value() / m_money.value()) : 0.0;
    }

private:
    RollingSum<period> m_money, m_volume;
};

/// Log of Amihud's illiquidity over a short window against that over a long one.
template <std::size_t shortPeriod, std::size_t longPeriod>
class IlliquidityRatioCore {
public:
    double next(const Bar& bar)
    {
        if (m_return.push(bar.close)) {
            const double impact = ratioOr(std::abs(m_return.value()), bar.close * bar.volume, 0.0);
            m_short.push(impact);
            m_long.push(impact);
        }
        if (!m_long.full())
            return kNotYet;
        constexpr double scale = static_cast<double>(longPeriod) / static_cast<double>(shortPeriod);
        return std::log(std::max(ratioOr(scale * m_short.value(), m_long.value(), 1.0), kFloor));
    }

private:
    static constexpr double kFloor = 1e-3;
    ReturnStep m_return;
    RollingSum<shortPeriod> m_short;
    RollingSum<longPeriod> m_long;
};

} // namespace

std::vector<FeatureInfo> volumeFeatures()
{
    constexpr auto group = FeatureGroup::Volume;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr auto level = FeatureScale::Level;
    constexpr const char* average = "Karpoff, The Relation Between Price Changes and Trading Volume (1987)";
    constexpr const char* granville = "Granville, Granville's New Key to Stock Market Profits (1963)";
    constexpr const char* chaikin = "Chaikin; Achelis, Technical Analysis from A to Z (1995)";
    constexpr const char* vwap = "Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE (1988)";
    return {
        {"VOLUME_RATIO_12", group, "log(volume / EMA_12 of volume), at least log 0.001; 0 where none traded at all", average, "period 12", 12,
         kOpen, ratio, "", makeKernel<VolumeRatioCore<12>>},
        {"VOLUME_RATIO_288", group, "log(volume / EMA_288 of volume), at least log 0.001; 0 where none traded at all", average, "period 288", 288,
         kOpen, ratio, "", makeKernel<VolumeRatioCore<288>>},
        {"SUM_VOLUME_20", group, "volume of 20 bars (volume units)", kMurphy, "period 20", 20, kNotNegative, level, "SUM",
         makeKernel<VolumeSumCore<20>>},
        {"MFI_14", group, "100 inflow / (inflow + outflow) of typical price times volume over 14 bars; 0 where nothing moved",
         "Quong and Soudack, Volume-Weighted RSI: Money Flow (1989)", "period 14", 15, kPercent, ratio, "MFI", makeKernel<MoneyFlowCore<14>>},
        {"OBV", group, "running sum of volume, with the sign of the change of close (volume units; from the first bar on)", granville, "", 1,
         kOpen, level, "OBV", makeKernel<OnBalanceCore>},
        {"OBV_SHARE_20", group, "change of on-balance volume over 20 bars / volume of them; 0 without volume", granville, "period 20", 21,
         kSignedUnit, ratio, "", makeKernel<OnBalanceShareCore<20>>},
        {"AD", group, "running sum of ((close - low) - (high - close)) / (high - low) volume (volume units; from the first bar on)", chaikin, "",
         1, kOpen, level, "AD", makeKernel<AccumulationCore>},
        {"ADOSC_3_10", group, "EMA_3 - EMA_10 of AD, each started at its first value (volume units)", chaikin, "fast 3, slow 10", 10, kOpen, level,
         "ADOSC", makeKernel<AccumulationOscillatorCore<3, 10>>},
        {"CMF_20", group, "sum of ((close - low) - (high - close)) / (high - low) volume over 20 bars / volume of them; 0 without volume",
         chaikin, "period 20", 20, kSignedUnit, ratio, "", makeKernel<ChaikinMoneyFlowCore<20>>},
        {"VWAP_RATIO_48", group, "log(close / volume-weighted typical price of 48 bars); 0 without volume", vwap, "period 48", 48, kOpen, ratio,
         "", makeKernel<VwapRatioCore<48>>},
        {"VWAP_RATIO_288", group, "log(close / volume-weighted typical price of 288 bars); 0 without volume", vwap, "period 288", 288, kOpen,
         ratio, "", makeKernel<VwapRatioCore<288>>},
        {"ILLIQUIDITY_RATIO_12_288", group,
         "log of the mean of |log return| / (close volume) over 12 bars over that of 288, at least log 0.001; a bar without volume counts 0",
         "Amihud, Illiquidity and Stock Returns (2002)", "short 12, long 288", 289, kOpen, ratio, "", makeKernel<IlliquidityRatioCore<12, 288>>},
    };
}

} // namespace btcai
