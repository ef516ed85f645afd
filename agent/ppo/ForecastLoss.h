#pragma once

#include "models/AgentNetwork.h"
#include "models/Torch.h"

namespace btcai {

// Losses of forecasts, each the mean over the targets that are known (not NaN); zero, with zero gradient, when none is known. `target` has the shape of the
// forecast's location; where `weight` is given, one that broadcasts to it, each target counts so many times in the sum, and once in the number that it is
// divided by.

/// Negative log likelihood of a Gaussian, without the constant log(2 pi) / 2. All of one shape.
torch::Tensor gaussianNll(const torch::Tensor& mean, const torch::Tensor& logDeviation, const torch::Tensor& target, const torch::Tensor& weight = {});

/// Negative log likelihood of a Student-t with a location and a scale (Lange, Little and Taylor, "Robust Statistical Modeling Using the t Distribution", 1989,
/// section 2), without the same constant: for many degrees of freedom it is the Gaussian's. `degrees` broadcasts to the others.
torch::Tensor studentTNll(const torch::Tensor& location, const torch::Tensor& logScale, const torch::Tensor& degrees, const torch::Tensor& target,
                          const torch::Tensor& weight = {});

/// Twice the pinball loss (Koenker and Bassett, "Regression Quantiles", 1978, equation 3.1), mean over kForecastLevels: quantiles [..., Q], target [...].
torch::Tensor pinballLoss(const torch::Tensor& quantiles, const torch::Tensor& target, const torch::Tensor& weight = {});

/// The one of the three that the forecasts' distribution is learned by. target [G, T, H]; weight [G, T, K, 1].
torch::Tensor forecastLoss(const ForecastMembers& members, const torch::Tensor& target, const torch::Tensor& weight = {});
/// The same of the mixture; target [G, T, H].
torch::Tensor forecastLoss(const ForecastOutput& forecast, ForecastDistribution distribution, const torch::Tensor& target);

} // namespace btcai
