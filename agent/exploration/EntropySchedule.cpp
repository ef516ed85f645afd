#include "agent/exploration/EntropySchedule.h"

#include <algorithm>
#include <cmath>

namespace btcai {

namespace {

constexpr double kShortSpan = 10.0, kLongSpan = 40.0; ///< iterations
constexpr double kGain = 0.1;
constexpr double kRange = 100.0;

/// What is left of a line that ends at `until`; 0 stands for no end.
double lineLeft(double progress, double until) { return until > 0.0 ? std::max(0.0, 1.0 - progress / until) : 1.0; }

/// The weight of the newest value: 2 / (span + 1), and more as long as there are fewer, so that an average is a plain mean at first.
double newestWeight(double span, double count) { return std::max(2.0 / (span + 1.0), 1.0 / count); }

} // namespace

double EntropySchedule::left(const RunConfig& config, double progress) const
{
    return config.explore.decay == "performance" ? m_factor : lineLeft(progress, config.ppo.entropyShare);
}

double EntropySchedule::coefficient(const RunConfig& config, double progress) const
{
    const double base = config.ppo.entropyCoefficient;
    if (config.explore.decay != "adaptive")
        return base * left(config, progress);
    return left(config, progress) > 0.0 ? base * m_factor : 0.0;
}

void EntropySchedule::observe(const RunConfig& config, double meanReward, double entropy, double progress)
{
    m_iterations += 1.0;
    if (config.explore.decay == "performance") {
        const double shortWeight = newestWeight(kShortSpan, m_iterations);
        m_short += shortWeight * (meanReward - m_short);
        m_long += newestWeight(kLongSpan, m_iterations) * (meanReward - m_long);
        m_variance += newestWeight(kLongSpan, m_iterations) * ((meanReward - m_long) * (meanReward - m_long) - m_variance);
        const double standardError = std::sqrt(m_variance * shortWeight / (2.0 - shortWeight));
        if (m_short > m_long + standardError)
            m_factor *= kStep;
        else if (m_short < m_long - standardError)
            m_factor = std::min(1.0, m_factor / kStep);
    } else if (config.explore.decay == "adaptive") {
        if (m_iterations == 1.0)
            m_firstEntropy = std::max(entropy, 1e-6);
        const double target = m_firstEntropy * lineLeft(progress, config.ppo.entropyShare);
        m_factor = std::clamp(m_factor * std::exp(kGain * (target - entropy) / m_firstEntropy), 1.0 / kRange, kRange);
    }
}

Json EntropySchedule::toJson() const
{
    return {{"iterations", m_iterations}, {"factor", m_factor},     {"short_reward", m_short},
            {"long_reward", m_long},      {"variance", m_variance}, {"first_entropy", m_firstEntropy}};
}

EntropySchedule EntropySchedule::fromJson(const Json& json)
{
    EntropySchedule schedule;
    schedule.m_iterations = json.at("iterations").get<double>();
    schedule.m_factor = json.at("factor").get<double>();
    schedule.m_short = json.at("short_reward").get<double>();
    schedule.m_long = json.at("long_reward").get<double>();
    schedule.m_variance = json.at("variance").get<double>();
    schedule.m_firstEntropy = json.at("first_entropy").get<double>();
    return schedule;
}

} // namespace btcai
