#pragma once

#include <ATen/TracerMode.h>

#include "models/Torch.h"

namespace btcai {

/// Whether models/VectorKernels may work on all of these: float32, contiguous, on the CPU, and no TorchScript is being recorded, which knows libtorch's operations
/// alone.
template <typename... Tensors> bool takesKernels(const Tensors&... tensors)
{
    return !at::tracer::impl::is_dispatch_enabled() &&
           ((tensors.device().is_cpu() && tensors.scalar_type() == torch::kFloat32 && tensors.is_contiguous()) && ...);
}

} // namespace btcai
