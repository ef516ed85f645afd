#include "agent/ppo/EntrySizer.h"

#include <algorithm>

#include "agent/config/EnvironmentOptions.h"
#include "agent/ppo/SampleAction.h"
#include "env/Action.h"

namespace btcai {

EntrySizer::EntrySizer(const RunConfig& config, const MarketTensors& tensors)
    : m_sizer(sizingOptions(config)), m_isOn(config.sizing.method != "fixed" || config.sizing.maxUncertainty > 0.0),
      m_fullExposure(sizingOptions(config).fullExposure),
      m_roundTripCost(2e-4 * (config.costs.takerFeeBps + config.costs.halfSpreadBps))
{
    const auto& horizons = tensors.horizons();
    if (!m_isOn || horizons.empty())
        return;
    const auto found = std::ranges::find(horizons, config.sizing.horizonBars);
    m_horizon = found == horizons.end() ? static_cast<std::int64_t>(horizons.size()) - 1 : found - horizons.begin();
    m_scale = tensors.targetScale()[static_cast<std::size_t>(m_horizon)];
}

void EntrySizer::setForecasts(const ForecastOutput& forecasts)
{
    const auto ofHorizon = [this](const torch::Tensor& all) { return (all.select(2, m_horizon).to(torch::kCPU, torch::kFloat64) * m_scale).contiguous(); };
    m_mean = ofHorizon(forecasts.mean);
    m_deviation = ofHorizon(forecasts.logDeviation.exp());
}

double EntrySizer::size(std::span<const float> logits, std::uint8_t action, std::int64_t g, std::int64_t t) const
{
    if (!m_isOn || action == 0) // flat or hold: nothing is opened
        return 1.0;
    static_assert(static_cast<int>(TargetPosition::Long) == static_cast<int>(TradeAction::Buy));
    const std::int64_t at = g * m_mean.size(1) + t;
    const SizingDecision decision = m_sizer.size({.side = action == static_cast<std::uint8_t>(TargetPosition::Long) ? 1.0 : -1.0,
                                                  .confidence = actionProbability(logits, action),
                                                  .mean = m_mean.data_ptr<double>()[at],
                                                  .deviation = m_deviation.data_ptr<double>()[at],
                                                  .roundTripCost = m_roundTripCost});
    return decision.exposure / m_fullExposure;
}

} // namespace btcai
