#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

template <std::size_t period>
class SmaCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_sum.early(bars.size());
        constexpr double share = 1.0 / static_cast<double>(period);
        m_sum.run(bars.size(), from(bars.close), [&](std::size_t i, double sum) { values[i] = share * sum; });
        leaveOut(values, early);
    }

private:
    RollingSum<period> m_sum;
};

template <std::size_t period>
class EmaCore {
public:
    double next(const Bar& bar)
    {
        m_ema.push(bar.close);
        return m_ema.full() ? m_ema.value() : kNotYet;
    }

private:
    Ema<period> m_ema;
};

template <std::size_t period>
class WmaCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_ramp.early(bars.size());
        constexpr double share = 1.0 / static_cast<double>(period * (period + 1) / 2);
        m_ramp.run(bars.size(), from(bars.close), [&](std::size_t i, const Ramp& ramp) { values[i] = share * ramp.weighted; });
        leaveOut(values, early);
    }

private:
    RollingRamp<period, false> m_ramp;
};

template <std::size_t period>
class DemaCore {
public:
    double next(const Bar& bar)
    {
        m_chain.push(bar.close);
        return m_chain.full() ? 2.0 * m_chain.value(1) - m_chain.value(2) : kNotYet;
    }

private:
    EmaChain<period, 2> m_chain;
};

template <std::size_t period>
class TemaCore {
public:
    double next(const Bar& bar)
    {
        m_chain.push(bar.close);
        return m_chain.full() ? 3.0 * m_chain.value(1) - 3.0 * m_chain.value(2) + m_chain.value(3) : kNotYet;
    }

private:
    EmaChain<period, 3> m_chain;
};

/// Three times the generalised DEMA, (1 + v) EMA - v EMA(EMA), multiplied out; v in tenths.
template <std::size_t period, int tenths>
class T3Core {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        constexpr double v = tenths / 10.0;
        constexpr double w = 1.0 + v;
        leaveOut(values, m_chain.run(bars.size(), from(bars.close), [&](std::size_t i, const auto& ema) {
            values[i] = w * w * w * ema[2] - 3.0 * w * w * v * ema[3] + 3.0 * w * v * v * ema[4] - v * v * v * ema[5];
        }));
    }

private:
    EmaChain<period, 6> m_chain;
};

/// A mean of means whose windows make the weights rise to the middle and fall again.
template <std::size_t period>
class TrimaCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t early = m_first.early(bars.size());
        Piece sums;
        m_first.run(bars.size(), from(bars.close), into(sums));
        const std::span<double> rest = values.subspan(early);
        const std::size_t earlyRest = m_second.early(rest.size());
        constexpr double share = 1.0 / static_cast<double>(kFirst * kSecond);
        m_second.run(rest.size(), from(std::span(sums).subspan(early)), [&](std::size_t i, double sum) { rest[i] = share * sum; });
        leaveOut(values, early + earlyRest);
    }

private:
    static constexpr std::size_t kFirst = (period + 1) / 2;
    static constexpr std::size_t kSecond = period + 1 - kFirst;
    RollingSum<kFirst> m_first;
    RollingSum<kSecond> m_second;
};

enum class KamaUnit { Price, LogDistance };

/// The share moves with the efficiency ratio between those of an EMA of 2 and of 30 bars; the first mean is a close.
template <std::size_t period, KamaUnit unit>
class KamaCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t count = bars.size();
        Piece moved, steps;
        m_before.run(bars.close, [&](std::size_t i, double close, double before) { moved[i] = std::abs(close - before); });
        const std::size_t first = m_started || count == 0 ? 0 : 1; // the first step is from nowhere
        m_previous.run(bars.close, [&](std::size_t i, double close, double before) { steps[i] = std::abs(close - before); });
        const std::size_t early = first + m_walked.early(count - first);
        if (early > 0)
            m_mean = bars.close[early - 1];
        m_started = true;
        double mean = m_mean;
        m_walked.run(count - first, [&](std::size_t i) { return steps[first + i]; }, [&](std::size_t i, double walked) {
            if (first + i < early)
                return;
            constexpr double slow = emaWeight(30);
            const double efficiency = std::min(1.0, moved[first + i] / walked); // 1 too where nothing moved and the ratio is no number
            const double root = efficiency * (emaWeight(2) - slow) + slow;
            const double share = root * root;
            mean = (1.0 - share) * mean + share * bars.close[first + i];
            values[first + i] = mean;
        });
        m_mean = mean;
        if (unit == KamaUnit::LogDistance)
            for (std::size_t i = 0; i < count; ++i)
                values[i] = std::log(bars.close[i] / values[i]);
        leaveOut(values, early);
    }

private:
    Past<period> m_before;
    Past<1> m_previous;
    RollingSum<period> m_walked;
    bool m_started = false;
    double m_mean = 0.0;
};

struct AveragePrice {
    double next(const Bar& bar) const { return (bar.high + bar.low + bar.close + bar.open) / 4.0; }
};
struct MedianPrice {
    double next(const Bar& bar) const { return (bar.high + bar.low) / 2.0; }
};
struct TypicalPrice {
    double next(const Bar& bar) const { return typicalPrice(bar); }
};
struct WeightedClose {
    double next(const Bar& bar) const { return (bar.high + bar.low + 2.0 * bar.close) / 4.0; }
};

} // namespace

std::vector<FeatureInfo> averageFeatures()
{
    constexpr auto group = FeatureGroup::Trend;
    constexpr auto level = FeatureScale::Level;
    constexpr const char* mulloy = "Mulloy, Smoothing Data with Faster Moving Averages (1994)";
    return {
        {"SMA_20", group, "mean of 20 closes (price units)", kMurphy, "period 20", 20, kNotNegative, level, "SMA", makeKernel<SmaCore<20>>},
        {"EMA_20", group, "EMA of close over 20 bars, seeded with the SMA (price units)", kMurphy, "period 20", 20, kNotNegative, level, "EMA",
         makeKernel<EmaCore<20>>},
        {"WMA_20", group, "mean of 20 closes with weights 1 (oldest) to 20 (price units)", kMurphy, "period 20", 20, kNotNegative, level, "WMA",
         makeKernel<WmaCore<20>>},
        {"DEMA_20", group, "2 EMA_20 - EMA_20 of EMA_20 (price units)", mulloy, "period 20", 39, kOpen, level, "DEMA", makeKernel<DemaCore<20>>},
        {"TEMA_20", group, "3 EMA_20 - 3 EMA_20 taken twice + EMA_20 taken three times (price units)", mulloy, "period 20", 58, kOpen, level,
         "TEMA", makeKernel<TemaCore<20>>},
        {"TRIMA_20", group, "mean of 20 closes with weights 1 to 10, then 10 to 1 (price units)", kMurphy, "period 20", 20, kNotNegative, level,
         "TRIMA", makeKernel<TrimaCore<20>>},
        {"T3_10_0.7", group, "1.7 EMA_10 - 0.7 EMA_10 of it, taken three times (price units)",
         "Tillson, Smoothing Techniques for More Accurate Signals (1998)", "period 10, volume factor 0.7", 55, kOpen, level, "T3",
         makeKernel<T3Core<10, 7>>},
        {"KAMA_20", group, "average that moves a share (efficiency ratio_20 (2/3 - 2/31) + 2/31)^2 towards each close (price units)", kKaufman,
         "period 20, fast 2, slow 30", 21, kNotNegative, level, "KAMA", makeKernel<KamaCore<20, KamaUnit::Price>>},
        {"KAMA_RATIO_20", group, "log(close / KAMA_20)", kKaufman, "period 20, fast 2, slow 30", 21, kOpen, FeatureScale::Stationary, "",
         makeKernel<KamaCore<20, KamaUnit::LogDistance>>},
        {"AVGPRICE", group, "(open + high + low + close) / 4 (price units)", kMurphy, "", 1, kNotNegative, level, "AVGPRICE",
         makeKernel<AveragePrice>},
        {"MEDPRICE", group, "(high + low) / 2 (price units)", kMurphy, "", 1, kNotNegative, level, "MEDPRICE", makeKernel<MedianPrice>},
        {"TYPPRICE", group, "(high + low + close) / 3 (price units)", kMurphy, "", 1, kNotNegative, level, "TYPPRICE", makeKernel<TypicalPrice>},
        {"WCLPRICE", group, "(high + low + 2 close) / 4 (price units)", kMurphy, "", 1, kNotNegative, level, "WCLPRICE",
         makeKernel<WeightedClose>},
    };
}

} // namespace btcai
