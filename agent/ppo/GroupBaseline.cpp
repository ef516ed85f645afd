#include "agent/ppo/GroupBaseline.h"

#include <array>

namespace btcai {

namespace {

constexpr std::size_t kTargets = 3;

std::size_t targetOf(const float* state) { return state[1] > 0.5F ? 1 : state[2] > 0.5F ? 2 : 0; }

} // namespace

void subtractGroupMeans(RolloutBuffer& buffer)
{
    const std::int64_t size = buffer.state.size(3);
    const float* const state = buffer.state.data_ptr<float>();
    float* const advantage = buffer.advantage.data_ptr<float>();
    for (std::int64_t bar = 0; bar < buffer.stretches * buffer.steps; ++bar) {
        const std::int64_t first = bar * buffer.accounts;
        std::array<double, kTargets> sum{};
        std::array<double, kTargets> count{};
        for (std::int64_t i = first; i < first + buffer.accounts; ++i) {
            const std::size_t group = targetOf(state + i * size);
            sum[group] += static_cast<double>(advantage[i]);
            count[group] += 1.0;
        }
        for (std::int64_t i = first; i < first + buffer.accounts; ++i) {
            const std::size_t group = targetOf(state + i * size);
            advantage[i] = static_cast<float>(static_cast<double>(advantage[i]) - sum[group] / count[group]);
        }
    }
}

} // namespace btcai
