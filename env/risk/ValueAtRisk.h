#pragma once

#include <optional>
#include <span>

namespace btcai {

/// Value at risk over one period from past profits and losses: the loss that is not exceeded with probability `confidence`, in the units of
/// `profits`, negative where even that outcome is a gain. Nothing when it can't be told: fewer than two values, one that is not
/// finite, a confidence outside of (0, 1).

/// By historical simulation: the smallest past loss l for which a share `confidence` of all losses is at most l, the empirical quantile
/// inf{l : F(l) >= confidence} (McNeil, Frey and Embrechts, Quantitative Risk Management, 2015, section 2.2 and 9.2).
std::optional<double> historicalValueAtRisk(std::span<const double> profits, double confidence);

/// Of a normal distribution with the sample's mean and deviation: z(confidence) * deviation - mean (variance-covariance method, same book,
/// section 9.2). Thin tails: it errs downwards where losses are heavy-tailed, as those of this market are.
std::optional<double> parametricValueAtRisk(std::span<const double> profits, double confidence);

/// The quantile of the standard normal distribution, to within 1e-12, for a probability within (0, 1).
double normalQuantile(double probability);

} // namespace btcai
