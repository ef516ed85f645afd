#include "agent/ppo/PpoLoss.h"

#include <cmath>

namespace btcai {

using torch::Tensor;

Tensor normalizedAdvantage(const Tensor& advantage)
{
    return advantage.numel() > 1 ? (advantage - advantage.mean()) / (advantage.std() + 1e-8) : advantage;
}

PpoLoss ppoLoss(const Tensor& logits, const Tensor& value, const Tensor& action, const Tensor& oldLogProbability,
                const Tensor& advantage, const Tensor& returns, const PpoLossOptions& options, const Tensor& oldValue, const Tensor& entropyScale)
{
    const Tensor logProbabilities = torch::log_softmax(logits, -1);
    const Tensor logProbability = logProbabilities.gather(-1, action.unsqueeze(-1)).squeeze(-1);
    const Tensor logRatio = logProbability - oldLogProbability;
    const Tensor ratio = logRatio.exp();

    const Tensor clipped = ratio.clamp(1.0 - options.clipRange, 1.0 + options.clipRange);

    PpoLoss loss;
    loss.policy = -torch::min(ratio * advantage, clipped * advantage).mean();
    Tensor squares = (value - returns).square();
    if (options.valueClipRange > 0.0) {
        const Tensor held = oldValue + (value - oldValue).clamp(-options.valueClipRange, options.valueClipRange);
        squares = torch::max(squares, (held - returns).square());
    }
    loss.value = squares.mean();
    const Tensor entropy = -(logProbabilities.exp() * logProbabilities).sum(-1);
    loss.entropy = entropy.mean();
    const Tensor scaled = entropyScale.defined() ? (entropy * entropyScale).mean() : loss.entropy;
    loss.total = loss.policy + options.valueCoefficient * loss.value - options.entropyCoefficient * scaled;
    {
        torch::NoGradGuard guard;
        loss.approxKl = (ratio - 1.0 - logRatio).mean();
        loss.clipFraction = ((ratio - 1.0).abs() > options.clipRange).to(torch::kFloat32).mean();
    }
    loss.policy = loss.policy.detach();
    loss.value = loss.value.detach();
    loss.entropy = loss.entropy.detach();
    return loss;
}

Tensor gatePenalty(const Tensor& gates)
{
    // A share may round to 0, whose logarithm must not reach the gradient.
    const Tensor negativeEntropy = (gates * torch::log(gates.clamp_min(1e-12))).sum(-1);
    return negativeEntropy.mean() + std::log(static_cast<double>(gates.size(-1)));
}

} // namespace btcai
