#include "data/features/kernels/Aggregation.h"
#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

enum class Extreme { High, Low };

template <std::size_t period, Extreme extreme>
class ExtremeCore {
public:
    double next(const Bar& bar)
    {
        m_extreme.push(extreme == Extreme::High ? bar.high : bar.low);
        return m_extreme.full() ? m_extreme.value() : kNotYet;
    }

private:
    RollingFold<double, std::conditional_t<extreme == Extreme::High, Greater, Smaller>, period> m_extreme;
};

/// The log distance of close from a level that another core gives; before there is one, its NaN.
template <typename LevelCore>
class DistanceCore {
public:
    double next(const Bar& bar) { return std::log(bar.close / m_level.next(bar)); }

private:
    LevelCore m_level;
};

template <std::size_t period>
class ChannelPlaceCore {
public:
    double next(const Bar& bar)
    {
        m_high.push(bar.high);
        m_low.push(bar.low);
        return m_high.full() ? ratioOr(bar.close - m_low.value(), m_high.value() - m_low.value(), 0.5) : kNotYet;
    }

private:
    RollingMax<period> m_high;
    RollingMin<period> m_low;
};

/// The distance from the last swing: a high above those of the two bars on either side (a low below), known two bars after it.
template <Extreme extreme>
class SwingDistanceCore {
public:
    double next(const Bar& bar)
    {
        const double value = extreme == Extreme::High ? bar.high : -bar.low;
        const double middle = m_past[1];
        const bool ready = m_bars == m_past.size();
        if (ready && middle > value && middle > m_past[0] && middle > m_past[2] && middle > m_past[3])
            m_swing = std::abs(middle);
        m_past = {value, m_past[0], m_past[1], m_past[2]};
        m_bars += ready ? 0 : 1;
        if (m_swing > 0.0)
            return std::log(bar.close / m_swing);
        return ready ? 0.0 : kNotYet;
    }

private:
    std::array<double, 4> m_past{}; // the bars before, the newest first
    std::size_t m_bars = 0;
    double m_swing = 0.0;
};

enum class DailyLevel { Pivot, Resistance, Support, High, Low };

/// The log distance of close from a level of the last complete day (UTC).
template <DailyLevel level>
class DailyLevelCore {
public:
    explicit DailyLevelCore(std::int64_t intervalSeconds) : m_days(intervalSeconds) {}

    double next(const Bar& bar)
    {
        m_days.push(bar, [this](const Bar& day) { m_level = levelOf(day); });
        return std::log(bar.close / m_level);
    }

private:
    static double levelOf(const Bar& day)
    {
        const double pivot = typicalPrice(day);
        switch (level) {
        case DailyLevel::Pivot: return pivot;
        case DailyLevel::Resistance: return 2.0 * pivot - day.low;
        case DailyLevel::Support: return std::max(2.0 * pivot - day.high, kSmallestShare * pivot);
        case DailyLevel::High: return day.high;
        case DailyLevel::Low: return day.low;
        }
        return kNotYet;
    }

    static constexpr double kSmallestShare = 0.01; // the support of a day that lost nearly all is not below zero
    Aggregation<kDay> m_days;
    double m_level = kNotYet;
};

template <std::size_t period>
void addChannel(std::vector<FeatureInfo>& features)
{
    constexpr auto group = FeatureGroup::Level;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr const char* donchian = "Donchian, Commodities: High Finance in Copper (1960)";
    const std::string bars = std::to_string(period), parameters = "period " + bars;
    const int warmUp = static_cast<int>(period);
    features.push_back({"DIST_HIGH_" + bars, group, "log(close / highest high of " + bars + " bars)", donchian, parameters, warmUp, kNotPositive,
                        ratio, "", makeKernel<DistanceCore<ExtremeCore<period, Extreme::High>>>});
    features.push_back({"DIST_LOW_" + bars, group, "log(close / lowest low of " + bars + " bars)", donchian, parameters, warmUp, kNotNegative,
                        ratio, "", makeKernel<DistanceCore<ExtremeCore<period, Extreme::Low>>>});
    features.push_back({"DONCHIAN_PLACE_" + bars, group, "(close - lowest) / (highest - lowest) of " + bars + " bars; 0.5 without range", donchian,
                        parameters, warmUp, kUnit, ratio, "", makeKernel<ChannelPlaceCore<period>>});
}

template <DailyLevel level>
FeatureInfo dailyLevel(const char* name, const char* formula)
{
    return {name, FeatureGroup::Level, formula, "Person, A Complete Guide to Technical Trading Tactics (2004)", "timeframe 1D", 1, kOpen,
            FeatureScale::Stationary, "", makeKernel<DailyLevelCore<level>>, kDay};
}

} // namespace

std::vector<FeatureInfo> levelFeatures()
{
    constexpr auto group = FeatureGroup::Level;
    constexpr auto level = FeatureScale::Level;
    constexpr const char* fractal = "Williams, Trading Chaos (1995)";
    std::vector<FeatureInfo> features{
        {"MAX_HIGH_20", group, "highest high of 20 bars (price units)", kMurphy, "period 20", 20, kNotNegative, level, "MAX",
         makeKernel<ExtremeCore<20, Extreme::High>>},
        {"MIN_LOW_20", group, "lowest low of 20 bars (price units)", kMurphy, "period 20", 20, kNotNegative, level, "MIN",
         makeKernel<ExtremeCore<20, Extreme::Low>>},
    };
    addChannel<48>(features);
    addChannel<288>(features);
    features.push_back({"DIST_SWING_HIGH", group,
                        "log(close / the last high above those of the 2 bars on either side, known 2 bars after it); 0 before the first", fractal,
                        "2 bars on either side", 5, kOpen, FeatureScale::Stationary, "", makeKernel<SwingDistanceCore<Extreme::High>>});
    features.push_back({"DIST_SWING_LOW", group,
                        "log(close / the last low below those of the 2 bars on either side, known 2 bars after it); 0 before the first", fractal,
                        "2 bars on either side", 5, kOpen, FeatureScale::Stationary, "", makeKernel<SwingDistanceCore<Extreme::Low>>});
    features.push_back(dailyLevel<DailyLevel::Pivot>("DIST_PIVOT_1D", "log(close / p), p = (high + low + close) / 3 of the last complete day (UTC)"));
    features.push_back(dailyLevel<DailyLevel::Resistance>("DIST_R1_1D", "log(close / (2 p - low)) of the last complete day, p as in DIST_PIVOT_1D"));
    features.push_back(dailyLevel<DailyLevel::Support>(
        "DIST_S1_1D", "log(close / (2 p - high)) of the last complete day, p as in DIST_PIVOT_1D; the level is at least p / 100"));
    features.push_back(dailyLevel<DailyLevel::High>("DIST_HIGH_1D", "log(close / high of the last complete day (UTC))"));
    features.push_back(dailyLevel<DailyLevel::Low>("DIST_LOW_1D", "log(close / low of the last complete day (UTC))"));
    return features;
}

} // namespace btcai
