#pragma once

#include <cstdint>
#include <vector>

namespace btcai {

struct PpoLossOptions {
    double clipRange = 0.2;
    double valueCoefficient = 0.5;
    double entropyCoefficient = 0.0;
    /// The value may leave the one of the rollout by so much before its loss is held (OpenAI's baselines); 0: value loss not clipped.
    double valueClipRange = 0.0;
};

/// What the loss needs to know of a sample besides its logits and value.
struct LossSample {
    std::int64_t action;
    float logProbability, advantage, returns;
    float oldValue = 0.0F; ///< of the rollout; read only where the value loss is clipped
    float entropyScale = 1.0F; ///< on the entropy coefficient
};

/// Some samples' part of the means over a minibatch that PpoLoss holds.
struct LossSums {
    double total = 0.0, policy = 0.0, value = 0.0, entropy = 0.0, approxKl = 0.0, clipFraction = 0.0;

    LossSums& operator+=(const LossSums& other)
    {
        total += other.total, policy += other.policy, value += other.value;
        entropy += other.entropy, approxKl += other.approxKl, clipFraction += other.clipFraction;
        return *this;
    }
    LossSums& operator*=(double factor)
    {
        for (double* sum : {&total, &policy, &value, &entropy, &approxKl, &clipFraction})
            *sum *= factor;
        return *this;
    }
};

/// The loss of PPO sample by sample, with its derivatives: Schulman et al., "Proximal Policy Optimization Algorithms" (2017),
/// equations 7 and 9, as ppoLoss() has it in tensors. A NaN goes on into the derivatives.
class SampleLoss {
public:
    /// Each sample counts as its part of the mean over `minibatch` samples.
    SampleLoss(std::int64_t actions, double minibatch, const PpoLossOptions& options);

    /// logits and logitsGradient [actions]. Writes the derivatives of the minibatch's loss with respect to logits and value.
    void add(const LossSample& sample, const float* logits, float value, float* logitsGradient, float* valueGradient);
    LossSums sums() const;

private:
    void takeLogarithms(const float* logits, float& entropy);
    /// Adds the squared error, clipped or not, and gives its derivative.
    float addValueError(const LossSample& sample, float value);

    PpoLossOptions m_options;
    float m_clip;
    double m_share;
    std::vector<float> m_log, m_probability; ///< [actions]
    double m_scaledEntropy = 0.0;
    LossSums m_sums;
};

} // namespace btcai
