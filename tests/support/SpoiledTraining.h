#pragma once

#include <limits>

#include <QString>

#include "agent/ppo/RolloutBuffer.h"
#include "tests/support/TrainingRun.h"

namespace btcai::test {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Puts a NaN into one place, in the iterations that are asked for.
inline TrainingHooks spoilAt(const QString& place, std::function<bool(std::int64_t)> when)
{
    const auto spoilBias = [when](std::int64_t iteration, torch::nn::Module& network) {
        torch::NoGradGuard guard;
        if (when(iteration))
            network.named_parameters()["value_out.bias"].fill_(kNan);
    };
    TrainingHooks hooks;
    if (place == "weight before the rollout")
        hooks.beforeRollout = spoilBias;
    else if (place == "weight after the update")
        hooks.afterUpdate = spoilBias;
    else if (place == "gradient")
        hooks.beforeStep = [when](std::int64_t iteration, torch::Tensor& gradients) {
            if (when(iteration))
                gradients[gradients.numel() / 2] = kNan;
        };
    else
        hooks.afterRollout = [when, place](std::int64_t iteration, RolloutBuffer& buffer) {
            torch::Tensor& spoiled = place == "observation" ? buffer.state
                                     : place == "reward"    ? buffer.reward
                                                            : buffer.logProbability;
            if (when(iteration))
                spoiled.view({-1})[7] = kNan;
        };
    return hooks;
}

/// What a run told of them.
inline std::vector<protocol::Notice> nansCaught(const CollectingSink& sink)
{
    std::vector<protocol::Notice> caught;
    for (const auto& notice : sink.all<protocol::Notice>())
        if (notice.kind == "nan-caught")
            caught.push_back(notice);
    return caught;
}

} // namespace btcai::test
