#pragma once

#include "models/Torch.h"

/// Layers that work on each position for itself. In float32 on the CPU models/VectorKernels do the work, elsewhere libtorch.
namespace btcai {

/// x weight' + bias, as torch::linear. x: [..., inputs]; weight: [outputs, inputs]; bias: [outputs]. Returns [..., outputs]. Differentiable once.
///
/// By hand since, for the sizes of an encoder, the product takes some three quarters of the time that OpenBLAS takes, and less for few rows.
torch::Tensor linearLayer(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

/// x Phi(x), in which Phi is the normal distribution's (Hendrycks and Gimpel, "Gaussian error linear units", 2016, section 2), as torch::gelu. Any shape. Differentiable
/// once.
///
/// By hand since libtorch takes longer to prepare it for a single row, by way of oneDNN, than the product before takes.
torch::Tensor geluLayer(const torch::Tensor& x);

} // namespace btcai
