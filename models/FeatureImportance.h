#pragma once

#include <functional>
#include <optional>
#include <span>

#include "models/Torch.h"

namespace btcai {

/// What each input contributed to one number, against what a baseline would have given.
struct Attribution {
    torch::Tensor values;    ///< shaped as the input
    double difference = 0.0; ///< f(input) - f(baseline), which the values add up to
    double sum = 0.0;        ///< of the values: what it misses the difference by is the error of the steps
};

/// Integrated gradients along the straight line from the baseline to the input, at the middles of `steps` equal parts of it (Sundararajan, Taly and
/// Yan, "Axiomatic Attribution for Deep Networks", 2017, equations 1 and 3). `f` maps [B, ...] to [B], each from its own input. `input` and
/// `baseline` have one shape, without B. No gradient of a parameter is left behind.
Attribution integratedGradients(const std::function<torch::Tensor(const torch::Tensor&)>& f, const torch::Tensor& input, const torch::Tensor& baseline,
                                std::int64_t steps);

/// Spearman's rank correlation, ties at the mean of their ranks. Nothing for fewer than two pairs, or where one side is constant. Both of one length.
std::optional<double> rankCorrelation(std::span<const double> a, std::span<const double> b);

} // namespace btcai
