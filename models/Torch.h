#pragma once

/// What is used of libtorch everywhere; models/CMakeLists.txt precompiles it. <torch/torch.h> brings every layer, optimiser and
/// data loader besides, whose templates each source that includes it pays for with two seconds, precompiled or not.

#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/nn/init.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>
