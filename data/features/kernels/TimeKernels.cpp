#include <numbers>

#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

enum class Wave { Sine, Cosine };

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kWeek = 7 * kDay;
constexpr std::int64_t kFirstMonday = 4 * kDay; // 1970-01-05 00:00

/// The place of a bar's close in a cycle: that is the moment at which the value is used.
class CycleKernel : public FeatureKernel {
public:
    CycleKernel(std::int64_t interval, std::int64_t period, std::int64_t origin, Wave wave)
        : m_interval(interval), m_period(period), m_origin(origin), m_wave(wave)
    {
    }
    double push(const Bar& bar) override
    {
        const std::int64_t sinceOrigin = bar.timestamp + m_interval - m_origin;
        const std::int64_t phase = ((sinceOrigin % m_period) + m_period) % m_period;
        const double angle = 2.0 * std::numbers::pi * static_cast<double>(phase) / static_cast<double>(m_period);
        return m_wave == Wave::Sine ? std::sin(angle) : std::cos(angle);
    }

private:
    std::int64_t m_interval, m_period, m_origin;
    Wave m_wave;
};

template <std::int64_t period, std::int64_t origin, Wave wave>
std::unique_ptr<FeatureKernel> makeCycle(std::int64_t intervalSeconds)
{
    return std::make_unique<CycleKernel>(intervalSeconds, period, origin, wave);
}

} // namespace

std::vector<FeatureInfo> timeFeatures()
{
    constexpr auto group = FeatureGroup::Time;
    constexpr const char* seasons = "Andersen and Bollerslev, Intraday Periodicity and Volatility Persistence (1997)";
    return {
        {"HOUR_SIN", group, "sin of the time of day (UTC) of the bar's close", seasons, 1, makeCycle<kDay, 0, Wave::Sine>},
        {"HOUR_COS", group, "cos of the time of day (UTC) of the bar's close", seasons, 1, makeCycle<kDay, 0, Wave::Cosine>},
        {"WEEKDAY_SIN", group, "sin of the time since Monday 00:00 (UTC) of the bar's close", seasons, 1,
         makeCycle<kWeek, kFirstMonday, Wave::Sine>},
        {"WEEKDAY_COS", group, "cos of the time since Monday 00:00 (UTC) of the bar's close", seasons, 1,
         makeCycle<kWeek, kFirstMonday, Wave::Cosine>},
    };
}

} // namespace btcai
