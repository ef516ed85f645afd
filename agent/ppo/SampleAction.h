#pragma once

#include <cstdint>
#include <span>

namespace btcai {

/// Draws an action index from unnormalised log probabilities, `uniform` in [0, 1), and tells its log probability.
struct SampledAction {
    std::uint8_t action = 0;
    float logProbability = 0.0F;
};
SampledAction sampleAction(std::span<const float> logits, double uniform);
/// The probability of one of several actions.
double actionProbability(std::span<const float> logits, std::uint8_t action);
/// The most likely action; the lowest index among equals.
std::uint8_t argmaxAction(std::span<const float> logits);

} // namespace btcai
