#include "env/risk/ValueAtRisk.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace btcai {

namespace {

bool canBeTold(std::span<const double> profits, double confidence)
{
    return profits.size() >= 2 && confidence > 0.0 && confidence < 1.0 &&
           std::ranges::all_of(profits, [](double p) { return std::isfinite(p); });
}

} // namespace

std::optional<double> historicalValueAtRisk(std::span<const double> profits, double confidence)
{
    if (!canBeTold(profits, confidence))
        return std::nullopt;
    std::vector<double> losses(profits.size());
    std::ranges::transform(profits, losses.begin(), [](double profit) { return -profit; });
    // A product that is whole but for rounding must not count as one more.
    const double rank = std::ceil(confidence * static_cast<double>(losses.size()) * (1.0 - 1e-12));
    const auto place = std::clamp(static_cast<std::ptrdiff_t>(rank) - 1, std::ptrdiff_t{0}, static_cast<std::ptrdiff_t>(losses.size()) - 1);
    std::nth_element(losses.begin(), losses.begin() + place, losses.end());
    return losses[static_cast<std::size_t>(place)];
}

std::optional<double> parametricValueAtRisk(std::span<const double> profits, double confidence)
{
    if (!canBeTold(profits, confidence))
        return std::nullopt;
    const auto count = static_cast<double>(profits.size());
    double sum = 0.0;
    for (const double profit : profits)
        sum += profit;
    const double mean = sum / count;
    double squares = 0.0;
    for (const double profit : profits)
        squares += (profit - mean) * (profit - mean);
    const double risk = normalQuantile(confidence) * std::sqrt(squares / (count - 1.0)) - mean;
    return std::isfinite(risk) ? std::optional(risk) : std::nullopt;
}

double normalQuantile(double probability)
{
    // Bisection on Phi(x) = erfc(-x / sqrt 2) / 2, in the lower half, where erfc keeps its relative precision. A limit is computed once, so
    // speed is no matter.
    if (probability > 0.5)
        return -normalQuantile(1.0 - probability);
    double low = -40.0, high = 0.0;
    for (int i = 0; i < 80; ++i) {
        const double middle = 0.5 * (low + high);
        (0.5 * std::erfc(-middle / std::numbers::sqrt2) < probability ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

} // namespace btcai
