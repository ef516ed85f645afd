#pragma once

#include <span>

#include "models/HeadPass.h"

namespace btcai {

/// Policy and value as two multi-layer perceptrons with tanh between, side by side over one observation (the MlpPolicy of
/// Stable-Baselines3): two trunks of `layers` layers of `width` units, each with a linear output. On one CPU core, float32, all
/// parameters in one flat buffer and all gradients in another; the pass is HeadPass, without a market and without a hold bias.
///
/// Weights start orthogonal (Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
/// neural networks", ICLR 2014) with gain sqrt(2) in the trunks, 0.01 for the logits and 1 for the value; biases start at 0.
/// A function of (shape, seed).
class MlpPolicy {
public:
    /// Throws Error(BadInput) for a size that is not positive.
    MlpPolicy(HeadShape shape, std::uint64_t seed);
    MlpPolicy(const MlpPolicy&) = delete;
    MlpPolicy& operator=(const MlpPolicy&) = delete;

    const HeadShape& shape() const { return m_shape; }
    /// [P]: first layer of both trunks (policy's units first), then layer by layer policy's and value's, logits, value; of each the
    /// weight [outputs][inputs], then the bias. After a change call parametersChanged().
    std::span<float> parameters() { return m_parameters; }
    std::span<const float> parameters() const { return m_parameters; }
    void parametersChanged() { m_pass.readWeights(); }
    /// [P], in the same order.
    std::span<float> gradients() { return m_gradients; }

    /// observation [count][S]; writes logits [count][A] and value [count]. Any count.
    void forward(std::int64_t count, const float* observation, float* logits, float* value);
    /// For the samples of the last forward pass, of which there were HeadPass::kBlock at most: adds to the gradients, given the
    /// loss's derivatives with respect to logits [count][A] and value [count].
    void backward(const float* logitsGradient, const float* valueGradient);

private:
    HeadShape m_shape;
    std::vector<float> m_parameters, m_gradients; ///< [P]
    HeadViews<float> m_gradientViews;
    HeadPass m_pass;
};

} // namespace btcai
