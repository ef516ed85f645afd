#pragma once

#include <cstdint>
#include <span>

namespace btcai {

/// One rollout as generalised advantage estimation reads it: T steps of `lanes` lanes, all spans [T, lanes], time-major.
struct GaeInput {
    std::size_t steps = 0;
    std::size_t lanes = 0;
    std::span<const float> reward;
    std::span<const float> value;     ///< V(s_t)
    std::span<const float> nextValue; ///< V of the state the step led to, before any reset; ignored where terminated
    std::span<const std::uint8_t> terminated;
    std::span<const std::uint8_t> truncated;
    double gamma = 0.99;
    double lambda = 0.95;
};

/// Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation" (ICLR 2016), equation 16:
///   delta_t = r_t + gamma V(s_{t+1}) - V(s_t),  A_t = delta_t + gamma lambda A_{t+1}
/// A termination drops V(s_{t+1}) and ends the sum; a truncation keeps it (bootstrap) and ends the sum.
/// `returns` = advantage + value: what the value head learns.
void computeGae(const GaeInput& input, std::span<float> advantage, std::span<float> returns);

/// Takes the mean away and divides by the sample deviation + 1e-8 (normalizedAdvantage() of PpoLoss.h, on plain numbers); one value stays.
void normalizeAdvantages(std::span<float> advantage);

} // namespace btcai
