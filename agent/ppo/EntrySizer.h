#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/memory/ContextMemory.h"
#include "agent/ppo/MarketTensors.h"
#include "env/sizing/PositionSizer.h"
#include "models/AgentNetwork.h"
#include "models/RunCalibration.h"

namespace btcai {

/// Sizes the entries that a policy decides by what its network knows.
///
/// Once calibrated, confidence is the calibrated probability that the price goes the position's way over the horizon, and the deviation (noise and
/// what the network does not know, together) is scaled to what it was on the validation part. Until then confidence is the policy's own probability
/// of the action, and the deviation is the network's. Where there is a memory, what followed on similar situations has its say too: of n recalled, w of
/// which went the position's way, confidence c becomes (p c + w) / (p + n), with p = memory.prior, as a beta distribution of mean c would be updated.
///
/// The forecast of log returns stands for that of simple returns, which it is short of by half its variance; that errs on the small side for
/// long positions. The cost of a round trip is taken without impact, which depends on the size that is asked for.
class EntrySizer {
public:
    /// Uncalibrated; the unit of the forecasts is that of the data.
    EntrySizer(const RunConfig& config, const MarketTensors& tensors);
    /// By what a checkpoint holds, for live decisions. Throws Error(BadInput) where a size needs a horizon that is not in it.
    EntrySizer(const RunConfig& config, const RunCalibration& calibration);

    /// Without method and limit every size is 1, and no forecast is needed.
    bool isOn() const { return m_isOn; }

    /// What follows is sized by this; by the network alone where it does not hold the horizon, or not fitted. With forecast.adapt the horizon is what that of
    /// sizing.horizon_bars (the longest for 0) has become.
    void calibrate(const RunCalibration& calibration);
    bool isCalibrated() const { return m_calibration.isFitted(); }

    /// Entries to come are sized with it; null for none. It must outlive this.
    void remember(const ContextMemory* memory) { m_memory = memory; }
    /// Takes the situations of stretches, embeddings [G, T, D], to recall others by. Stretch g's first bar closed at firstClose[g] (UTC seconds); what closes
    /// after `until` recalls nothing.
    void setSituations(const torch::Tensor& z, std::vector<std::int64_t> firstClose, std::int64_t intervalSeconds,
                       std::int64_t until = std::numeric_limits<std::int64_t>::max());
    /// Mean number of situations recalled for an entry since setSituations(); nothing when no entry asked.
    std::optional<double> meanRecalled() const;
    std::int64_t horizonBars() const { return m_horizonBars; }
    std::int64_t horizon() const { return m_horizon; } ///< its index among model.horizons

    /// Takes the forecasts of stretches, [G, T, H].
    void setForecasts(const ForecastOutput& forecasts);
    /// The size of what `action` may open in stretch g at time t: a share, within [0, 1], of the full size. `logits` are those of the policy.
    double size(std::span<const float> logits, std::uint8_t action, std::int64_t g, std::int64_t t) const;

private:
    explicit EntrySizer(const RunConfig& config);
    void readHorizon(std::int64_t bars);
    double upProbability(std::int64_t at) const;
    const Recall& recallAt(std::int64_t g, std::int64_t t) const;

    PositionSizer m_sizer;
    bool m_isOn;
    double m_fullExposure, m_roundTripCost;
    std::size_t m_which;        ///< of the run's horizons
    std::vector<std::int64_t> m_horizons; ///< that the network forecasts, in bars
    std::vector<double> m_scales;         ///< of their targets
    std::int64_t m_horizon = 0; ///< index among them
    std::int64_t m_horizonBars = 0;
    ForecastCalibration m_calibration;
    ForecastDistribution m_distribution;
    torch::Tensor m_mean, m_deviation; ///< [G, T], log returns, double
    torch::Tensor m_shape;             ///< [G, T, P], as ForecastOutput has it
    const ContextMemory* m_memory = nullptr;
    double m_prior = 0.0;
    torch::Tensor m_situations; ///< [G, T, D]
    std::vector<std::int64_t> m_firstClose;
    std::int64_t m_interval = 0, m_until = 0;
    mutable std::vector<std::optional<Recall>> m_recalled; ///< [G, T], as they are asked for
};

} // namespace btcai
