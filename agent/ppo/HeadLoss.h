#pragma once

#include "agent/ppo/SampleLoss.h"
#include "models/AgentNetwork.h"

namespace btcai {

/// Some samples of a minibatch, as the heads see them. float32 (action: int64), on the CPU, contiguous.
struct HeadSamples {
    torch::Tensor state;                                      ///< [G, T, M, S + R]
    torch::Tensor action, logProbability, advantage, returns; ///< [G, T, M]
    torch::Tensor oldValue{};                                 ///< [G, T, M], read only where the value loss is clipped
    torch::Tensor marketShare;                                ///< [G, T, 2 W], AgentNetwork's share of z; undefined without a market
    torch::Tensor temperature, entropyScale;                  ///< [G, T], as in RolloutBuffer; undefined for 1
    /// Samples of the whole minibatch: each one's loss counts as its part of the mean over so many.
    double minibatch = 1.0;
};

/// ppoLoss() over heads(), and its gradient, by HeadPass: adds to the gradients of the network's heads and, with a market,
/// writes the gradient of marketShare, and of the state to stateGradient unless that is null. Advantages are taken as they are (normalise them before).
LossSums headLoss(AgentNetwork& network, const HeadSamples& samples, const PpoLossOptions& options, torch::Tensor& marketGradient,
                  torch::Tensor* stateGradient = nullptr);

} // namespace btcai
