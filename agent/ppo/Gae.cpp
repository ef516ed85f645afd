#include "agent/ppo/Gae.h"

#include <cassert>
#include <cmath>
#include <vector>

namespace btcai {

void computeGae(const GaeInput& in, std::span<float> advantage, std::span<float> returns)
{
    assert(in.reward.size() == in.steps * in.lanes && advantage.size() == in.reward.size());
    std::vector<double> carried(in.lanes, 0.0); // A_{t+1} per lane
    for (std::size_t t = in.steps; t-- > 0;) {
        for (std::size_t lane = 0; lane < in.lanes; ++lane) {
            const std::size_t i = t * in.lanes + lane;
            const double successor = in.terminated[i] ? 0.0 : in.gamma * static_cast<double>(in.nextValue[i]);
            const double delta = static_cast<double>(in.reward[i]) + successor - static_cast<double>(in.value[i]);
            const bool ended = in.terminated[i] || in.truncated[i];
            carried[lane] = delta + (ended ? 0.0 : in.gamma * in.lambda * carried[lane]);
            advantage[i] = static_cast<float>(carried[lane]);
            returns[i] = static_cast<float>(carried[lane] + static_cast<double>(in.value[i]));
        }
    }
}

void normalizeAdvantages(std::span<float> advantage)
{
    if (advantage.size() < 2)
        return;
    const auto count = static_cast<double>(advantage.size());
    double sum = 0.0;
    for (const float a : advantage)
        sum += static_cast<double>(a);
    const double mean = sum / count;
    double squares = 0.0;
    for (const float a : advantage)
        squares += (static_cast<double>(a) - mean) * (static_cast<double>(a) - mean);
    const double scale = 1.0 / (std::sqrt(squares / (count - 1.0)) + 1e-8);
    for (float& a : advantage)
        a = static_cast<float>((static_cast<double>(a) - mean) * scale);
}

} // namespace btcai
