#pragma once

#include "agent/ppo/Adam.h"
#include "models/Torch.h"

namespace btcai {

/// Makes the parameters of `module` and their gradients views of two flat buffers [P], in the order of module.parameters().
void bindParameters(torch::nn::Module& module, const torch::Tensor& parameters, const torch::Tensor& gradients);

/// Adam (Kingma and Ba 2015, algorithm 1) over all parameters of a module in one flat buffer, with gradient clipping by
/// global norm in the same pass. After construction the module's parameters and their gradients are views of
/// `parameters()` and `gradients()`; float32, one device.
class FlatAdam {
public:
    FlatAdam(torch::nn::Module& module, AdamOptions options = {});

    /// Clears all gradients. Call before each backward pass.
    void zeroGradients();
    /// Adds gradients [P] that another backward pass over the same parameters left.
    void addGradients(const torch::Tensor& gradients);
    /// The global norm of the gradients; not finite if any of them is not.
    double gradientNorm() const;
    /// One step. Gradients of a norm above maxNorm are scaled down to it. `norm` is what gradientNorm() gave.
    void step(double learningRate, double norm, double maxNorm);

    std::int64_t steps() const { return m_steps; }
    void setSteps(std::int64_t steps) { m_steps = steps; }
    torch::Tensor& parameters() { return m_parameters; }
    torch::Tensor& gradients() { return m_gradients; }
    torch::Tensor& firstMoment() { return m_first; }
    torch::Tensor& secondMoment() { return m_second; }

private:
    AdamOptions m_options;
    std::int64_t m_steps = 0;
    torch::Tensor m_parameters, m_gradients, m_first, m_second; ///< [P]
};

} // namespace btcai
