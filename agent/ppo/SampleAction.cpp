#include "agent/ppo/SampleAction.h"

#include <algorithm>
#include <cmath>

namespace btcai {

namespace {

/// The sum of what the probabilities are in proportion to, exp(logit - highest).
double totalWeight(std::span<const float> logits, float highest)
{
    double total = 0.0;
    for (const float logit : logits)
        total += std::exp(static_cast<double>(logit - highest));
    return total;
}

} // namespace

double actionProbability(std::span<const float> logits, std::uint8_t action)
{
    const float highest = *std::ranges::max_element(logits);
    return std::exp(static_cast<double>(logits[action] - highest)) / totalWeight(logits, highest);
}

SampledAction sampleAction(std::span<const float> logits, double uniform)
{
    const float highest = *std::ranges::max_element(logits);
    const double total = totalWeight(logits, highest);
    double left = uniform * total;
    std::size_t action = logits.size() - 1; // rounding may leave a rest beyond the last
    for (std::size_t i = 0; i < logits.size(); ++i) {
        left -= std::exp(static_cast<double>(logits[i] - highest));
        if (left < 0.0) {
            action = i;
            break;
        }
    }
    const double logProbability = static_cast<double>(logits[action] - highest) - std::log(total);
    return {static_cast<std::uint8_t>(action), static_cast<float>(logProbability)};
}

std::uint8_t argmaxAction(std::span<const float> logits)
{
    return static_cast<std::uint8_t>(std::ranges::max_element(logits) - logits.begin());
}

} // namespace btcai
