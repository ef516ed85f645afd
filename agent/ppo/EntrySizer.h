#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/ppo/MarketTensors.h"
#include "env/sizing/PositionSizer.h"
#include "models/AgentNetwork.h"

namespace btcai {

/// Sizes the entries that a policy decides by what its network knows: how likely it holds the action, and what it forecasts.
///
/// The forecast of log returns stands for that of simple returns, which it is short of by half its variance; that errs on the small side for
/// long positions. The cost of a round trip is taken without impact, which depends on the size that is asked for.
class EntrySizer {
public:
    EntrySizer(const RunConfig& config, const MarketTensors& tensors);

    /// Without method and limit every size is 1, and no forecast is needed.
    bool isOn() const { return m_isOn; }

    /// Takes the forecasts of stretches, [G, T, H].
    void setForecasts(const ForecastOutput& forecasts);
    /// The size of what `action` may open in stretch g at time t: a share, within [0, 1], of the full size. `logits` are those of the policy.
    double size(std::span<const float> logits, std::uint8_t action, std::int64_t g, std::int64_t t) const;

private:
    PositionSizer m_sizer;
    bool m_isOn;
    double m_fullExposure, m_roundTripCost;
    std::int64_t m_horizon = 0; ///< index
    double m_scale = 1.0;       ///< of its target
    torch::Tensor m_mean, m_deviation; ///< [G, T], log returns, double
};

} // namespace btcai
