#include <numbers>

#include "data/features/kernels/Aggregation.h"

namespace btcai {

namespace {

enum class Wave { Sine, Cosine };

constexpr std::int64_t kWeek = 7 * kDay;
constexpr std::int64_t kFirstMonday = 4 * kDay; // 1970-01-05 00:00
constexpr std::int64_t kYear = 31'556'952;      // the mean Gregorian year, 365.2425 days

/// t modulo period, not negative.
constexpr std::int64_t phaseOf(std::int64_t t, std::int64_t period) { return ((t % period) + period) % period; }

/// The place of a bar's close in a cycle: that is the moment at which the value is used. The wave is worked out once for each place
/// of the grid and read from then on: with bars of 5 minutes a week has 2016 places.
template <std::int64_t period, std::int64_t origin, Wave wave>
class CycleCore {
public:
    explicit CycleCore(std::int64_t intervalSeconds) : m_interval(intervalSeconds)
    {
        const std::int64_t places = std::max<std::int64_t>(period / intervalSeconds, 1);
        std::vector<double> values;
        for (std::int64_t place = 0; place < places && places <= kMostPlaces; ++place)
            values.push_back(valueAt(place * intervalSeconds));
        m_values = std::make_shared<const std::vector<double>>(std::move(values));
    }

    double next(const Bar& bar)
    {
        const std::int64_t close = bar.timestamp + m_interval;
        const bool step = close == m_close + m_interval; // the usual case, without a division
        m_phase = step ? m_phase + m_interval : phaseOf(close - origin, period);
        ++m_place;
        if (!step || m_phase >= period) {
            m_phase %= period;
            m_place = static_cast<std::size_t>(m_phase / m_interval);
        }
        m_close = close;
        const bool onGrid = m_place < m_values->size() && static_cast<std::int64_t>(m_place) * m_interval == m_phase;
        return onGrid ? (*m_values)[m_place] : valueAt(m_phase);
    }

private:
    static constexpr std::int64_t kMostPlaces = 10'080; // a week of minutes

    static double valueAt(std::int64_t phase)
    {
        const double angle = 2.0 * std::numbers::pi * static_cast<double>(phase) / static_cast<double>(period);
        return wave == Wave::Sine ? std::sin(angle) : std::cos(angle);
    }

    std::int64_t m_interval;
    std::shared_ptr<const std::vector<double>> m_values;
    std::int64_t m_close = std::numeric_limits<std::int64_t>::min() / 2;
    std::int64_t m_phase = 0;
    std::size_t m_place = 0;
};

/// The place of the day of a bar's close in the year: one value a day.
template <Wave wave>
class YearCore {
public:
    explicit YearCore(std::int64_t intervalSeconds) : m_interval(intervalSeconds) {}

    double next(const Bar& bar)
    {
        const std::int64_t close = bar.timestamp + m_interval;
        if (close < m_dayStart || close >= m_dayStart + kDay) {
            m_dayStart = close - phaseOf(close, kDay);
            const double angle = 2.0 * std::numbers::pi * static_cast<double>(phaseOf(m_dayStart, kYear)) / static_cast<double>(kYear);
            m_value = wave == Wave::Sine ? std::sin(angle) : std::cos(angle);
        }
        return m_value;
    }

private:
    std::int64_t m_interval;
    std::int64_t m_dayStart = std::numeric_limits<std::int64_t>::max() - kDay;
    double m_value = 0.0;
};

class WeekendCore {
public:
    explicit WeekendCore(std::int64_t intervalSeconds) : m_interval(intervalSeconds) {}
    double next(const Bar& bar) const { return phaseOf(bar.timestamp + m_interval - kFirstMonday, kWeek) >= 5 * kDay ? 1.0 : 0.0; }

private:
    std::int64_t m_interval;
};

} // namespace

std::vector<FeatureInfo> timeFeatures()
{
    constexpr auto group = FeatureGroup::Time;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr const char* seasons = "Andersen and Bollerslev, Intraday Periodicity and Volatility Persistence (1997)";
    constexpr const char* weekend = "Caporale and Plastun, The Day of the Week Effect in the Cryptocurrency Market (2019)";
    return {
        {"HOUR_SIN", group, "sin of the time of day (UTC) of the bar's close", seasons, "", 1, kSignedUnit, ratio, "",
         makeKernel<CycleCore<kDay, 0, Wave::Sine>>},
        {"HOUR_COS", group, "cos of the time of day (UTC) of the bar's close", seasons, "", 1, kSignedUnit, ratio, "",
         makeKernel<CycleCore<kDay, 0, Wave::Cosine>>},
        {"WEEKDAY_SIN", group, "sin of the time since Monday 00:00 (UTC) of the bar's close", seasons, "", 1, kSignedUnit, ratio, "",
         makeKernel<CycleCore<kWeek, kFirstMonday, Wave::Sine>>},
        {"WEEKDAY_COS", group, "cos of the time since Monday 00:00 (UTC) of the bar's close", seasons, "", 1, kSignedUnit, ratio, "",
         makeKernel<CycleCore<kWeek, kFirstMonday, Wave::Cosine>>},
        {"SETTLEMENT_SIN", group, "sin of the place of the bar's close in the 8 hours between two usual funding settlements (UTC)",
         "exchanges settle perpetual swaps at 00:00, 08:00 and 16:00", "period 8 h", 1, kSignedUnit, ratio, "",
         makeKernel<CycleCore<8 * kHour, 0, Wave::Sine>>},
        {"SETTLEMENT_COS", group, "cos of the place of the bar's close in the 8 hours between two usual funding settlements (UTC)",
         "exchanges settle perpetual swaps at 00:00, 08:00 and 16:00", "period 8 h", 1, kSignedUnit, ratio, "",
         makeKernel<CycleCore<8 * kHour, 0, Wave::Cosine>>},
        {"YEAR_SIN", group, "sin of the place of the day (UTC) of the bar's close in the mean Gregorian year from 1970-01-01", seasons,
         "period 365.2425 days", 1, kSignedUnit, ratio, "", makeKernel<YearCore<Wave::Sine>>},
        {"YEAR_COS", group, "cos of the place of the day (UTC) of the bar's close in the mean Gregorian year from 1970-01-01", seasons,
         "period 365.2425 days", 1, kSignedUnit, ratio, "", makeKernel<YearCore<Wave::Cosine>>},
        {"WEEKEND", group, "1 where the bar closes on a Saturday or Sunday (UTC, from Saturday 00:00), else 0", weekend, "", 1, kUnit, ratio, "",
         makeKernel<WeekendCore>},
    };
}

} // namespace btcai
