#pragma once

#include <cstddef>

namespace btcai::quantile {

/// Knots of the quantile normalisers, evenly spaced in the score.
inline constexpr std::size_t kKnots = 129;
inline constexpr double kLargestNormalScore = 4.0;

/// The score of knot k, and the share of values below it; `isNormal` tells normal scores from uniform ones.
double knotScore(std::size_t k, bool isNormal);
double knotShare(std::size_t k, bool isNormal);
/// The score of a share between those of the first and the last knot.
double scoreOfShare(double share, bool isNormal);

} // namespace btcai::quantile
