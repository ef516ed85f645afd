#include "data/dataset/QuantileScore.h"

#include <cmath>
#include <numbers>

namespace btcai::quantile {

namespace {

double normalDistribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

} // namespace

double knotScore(std::size_t k, bool isNormal)
{
    const double place = static_cast<double>(k) / static_cast<double>(kKnots - 1); // 0 to 1
    return isNormal ? (2.0 * place - 1.0) * kLargestNormalScore : 2.0 * place - 1.0;
}

double knotShare(std::size_t k, bool isNormal)
{
    if (isNormal && k > 0 && k < kKnots - 1)
        return normalDistribution(knotScore(k, true));
    return static_cast<double>(k) / static_cast<double>(kKnots - 1); // the ends are the least and the greatest value
}

double scoreOfShare(double share, bool isNormal)
{
    if (!isNormal)
        return 2.0 * share - 1.0;
    double low = -kLargestNormalScore;
    double high = kLargestNormalScore;
    // Halving a range of 8 sixty times leaves less than the last bit.
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        (normalDistribution(middle) < share ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

} // namespace btcai::quantile
