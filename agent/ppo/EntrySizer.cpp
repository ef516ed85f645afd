#include "agent/ppo/EntrySizer.h"

#include <algorithm>
#include <cmath>

#include "agent/config/EnvironmentOptions.h"
#include "agent/ppo/SampleAction.h"
#include "base/Error.h"
#include "env/Action.h"

namespace btcai {

EntrySizer::EntrySizer(const RunConfig& config)
    : m_sizer(sizingOptions(config)), m_isOn(config.sizing.method != "fixed" || config.sizing.maxUncertainty > 0.0),
      m_fullExposure(sizingOptions(config).fullExposure),
      m_roundTripCost(2e-4 * (config.costs.takerFeeBps + config.costs.halfSpreadBps)),
      m_distribution(forecastDistribution(config.forecast.distribution)), m_prior(config.memory.prior)
{
    const std::vector<std::int64_t> horizons = chosenHorizons(config);
    const auto found = std::ranges::find(horizons, config.sizing.horizonBars);
    m_which = found == horizons.end() ? horizons.size() - 1 : static_cast<std::size_t>(found - horizons.begin());
    m_horizons = forecastHorizons(config);
    m_scales.assign(m_horizons.size(), 1.0);
    readHorizon(horizons[m_which]);
}

EntrySizer::EntrySizer(const RunConfig& config, const MarketTensors& tensors) : EntrySizer(config)
{
    if (m_isOn)
        m_scales = tensors.targetScale();
}

EntrySizer::EntrySizer(const RunConfig& config, const RunCalibration& calibration) : EntrySizer(config)
{
    for (std::size_t i = 0; i < m_horizons.size(); ++i)
        if (const HorizonCalibration* const found = calibration.find(m_horizons[i]))
            m_scales[i] = found->targetScale;
    calibrate(calibration);
    if (m_isOn && !calibration.find(m_horizonBars))
        throw Error(ErrorKind::BadInput, "sizing.horizon_bars: the calibration holds no forecasts over {} bars", m_horizonBars);
}

void EntrySizer::calibrate(const RunCalibration& calibration)
{
    if (!calibration.inUse.empty())
        readHorizon(calibration.inUse.at(m_which));
    const HorizonCalibration* const found = calibration.find(m_horizonBars);
    m_calibration = found ? found->calibration : ForecastCalibration();
}

void EntrySizer::readHorizon(std::int64_t bars)
{
    m_horizonBars = bars;
    m_horizon = std::ranges::find(m_horizons, bars) - m_horizons.begin();
}

void EntrySizer::setSituations(const torch::Tensor& z, std::vector<std::int64_t> firstClose, std::int64_t intervalSeconds, std::int64_t until)
{
    if (!m_memory)
        return;
    m_situations = z.to(torch::kCPU);
    m_firstClose = std::move(firstClose);
    m_interval = intervalSeconds;
    m_until = until;
    m_recalled.assign(static_cast<std::size_t>(z.size(0) * z.size(1)), std::nullopt);
}

std::optional<double> EntrySizer::meanRecalled() const
{
    double sum = 0.0, asked = 0.0;
    for (const std::optional<Recall>& recall : m_recalled)
        if (recall) {
            sum += static_cast<double>(recall->count);
            asked += 1.0;
        }
    return asked > 0.0 ? std::optional(sum / asked) : std::nullopt;
}

const Recall& EntrySizer::recallAt(std::int64_t g, std::int64_t t) const
{
    std::optional<Recall>& kept = m_recalled[static_cast<std::size_t>(g * m_situations.size(1) + t)];
    if (!kept) {
        const std::int64_t now = m_firstClose[static_cast<std::size_t>(g)] + t * m_interval;
        kept = now <= m_until ? m_memory->recall(m_situations[g][t], now) : Recall();
    }
    return *kept;
}

void EntrySizer::setForecasts(const ForecastOutput& forecasts)
{
    const auto ofHorizon = [this](const torch::Tensor& all) {
        return (all.select(2, m_horizon).to(torch::kCPU, torch::kFloat64) * m_scales[static_cast<std::size_t>(m_horizon)]).contiguous();
    };
    m_mean = ofHorizon(forecasts.mean);
    m_deviation = ofHorizon(forecasts.logDeviation.exp());
    if (forecasts.shape.defined())
        m_shape = forecasts.shape.select(2, m_horizon).to(torch::kCPU).contiguous();
}

/// Calibrated. What is not a number is none here either, and refused as a size.
double EntrySizer::upProbability(std::int64_t at) const
{
    const double mean = m_mean.data_ptr<double>()[at], deviation = m_deviation.data_ptr<double>()[at];
    if (m_distribution == ForecastDistribution::Gaussian || !std::isfinite(mean) || !std::isfinite(deviation))
        return m_calibration.upProbability(mean, deviation);
    const auto parameters = static_cast<std::size_t>(m_shape.size(2));
    const std::span<const float> shape{m_shape.data_ptr<float>() + at * m_shape.size(2), parameters};
    return m_calibration.upProbability(mean, deviation, ForecastShape::of(m_distribution, shape));
}

double EntrySizer::size(std::span<const float> logits, std::uint8_t action, std::int64_t g, std::int64_t t) const
{
    if (!m_isOn || action == 0) // flat or hold: nothing is opened
        return 1.0;
    static_assert(static_cast<int>(TargetPosition::Long) == static_cast<int>(TradeAction::Buy));
    const std::int64_t at = g * m_mean.size(1) + t;
    const bool isLong = action == static_cast<std::uint8_t>(TargetPosition::Long);
    const double mean = m_mean.data_ptr<double>()[at], deviation = m_deviation.data_ptr<double>()[at];
    double confidence = 0.0;
    if (isCalibrated())
        confidence = isLong ? upProbability(at) : 1.0 - upProbability(at);
    else
        confidence = actionProbability(logits, action);
    if (m_memory) {
        const Recall& recall = recallAt(g, t);
        const std::int64_t right = isLong ? recall.up : recall.count - recall.up;
        confidence = (m_prior * confidence + static_cast<double>(right)) / (m_prior + static_cast<double>(recall.count));
    }
    const SizingDecision decision = m_sizer.size({.side = isLong ? 1.0 : -1.0,
                                                  .confidence = confidence,
                                                  .mean = mean,
                                                  .deviation = m_calibration.deviationFactor() * deviation,
                                                  .roundTripCost = m_roundTripCost});
    return decision.exposure / m_fullExposure;
}

} // namespace btcai
