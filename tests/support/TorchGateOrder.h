#pragma once

#include "models/Torch.h"

namespace btcai::test {

/// Weights or biases of an LSTM, gates along the first dimension: our order is input, forget, output, cell; libtorch's is input, forget, cell, output.
inline torch::Tensor toTorchGateOrder(const torch::Tensor& t)
{
    const auto parts = t.chunk(4, 0);
    return torch::cat({parts[0], parts[1], parts[3], parts[2]}, 0);
}

} // namespace btcai::test
