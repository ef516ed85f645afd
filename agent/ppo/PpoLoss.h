#pragma once

#include "agent/ppo/SampleLoss.h"
#include "models/Torch.h"

namespace btcai {

/// Scalars, means over the batch. Only `total` carries a gradient.
struct PpoLoss {
    torch::Tensor total;  ///< policy + valueCoefficient * value - entropyCoefficient * entropy, each sample's entropy times its scale
    torch::Tensor policy;
    torch::Tensor value;
    torch::Tensor entropy;      ///< nats
    torch::Tensor approxKl;     ///< mean of (ratio - 1) - log ratio: an unbiased estimate that is never negative
    torch::Tensor clipFraction; ///< share of samples whose ratio left the range
};

/// The same less its mean and divided by its deviation (Andrychowicz et al. 2021, section 3.7: per minibatch); one value stays as it is.
torch::Tensor normalizedAdvantage(const torch::Tensor& advantage);

/// Schulman et al., "Proximal Policy Optimization Algorithms" (2017), equations 7 and 9.
/// logits [..., A]; value, action (int64), oldLogProbability, advantage and returns [...] (one leading shape). oldValue [...] is read
/// only where the value loss is clipped: the larger of the squared errors of the value and of the value held within valueClipRange of it. entropyScale: of a
/// shape that broadcasts to [...], on the entropy coefficient; 1 where it is undefined.
PpoLoss ppoLoss(const torch::Tensor& logits, const torch::Tensor& value, const torch::Tensor& action,
                const torch::Tensor& oldLogProbability, const torch::Tensor& advantage, const torch::Tensor& returns,
                const PpoLossOptions& options, const torch::Tensor& oldValue = {}, const torch::Tensor& entropyScale = {});

/// gates: [..., B], shares that sum to 1. Log B less their entropy in nats, mean over all: 0 where every branch has the same share, log B where one has all.
torch::Tensor gatePenalty(const torch::Tensor& gates);

} // namespace btcai
