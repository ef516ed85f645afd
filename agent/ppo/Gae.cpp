#include "agent/ppo/Gae.h"

#include <cassert>
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

} // namespace btcai
