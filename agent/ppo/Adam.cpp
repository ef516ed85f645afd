#include "agent/ppo/Adam.h"

#include <algorithm>
#include <cmath>

#include "base/VectorClones.h"

namespace btcai {

AdamFactors::AdamFactors(const AdamOptions& options, std::int64_t steps, double learningRate, double norm, double maxNorm)
    : scale(norm > maxNorm ? maxNorm / (norm + 1e-6) : 1.0),
      rate(learningRate / (1.0 - std::pow(options.beta1, static_cast<double>(steps)))),
      correction2(1.0 - std::pow(options.beta2, static_cast<double>(steps)))
{
}

BTCAI_VECTOR_CLONES double gradientNorm(std::span<const float> gradient)
{
    // Short sums in float, their sum in double: the rounding of a few additions, and no copy of the buffer.
    constexpr std::size_t block = 256;
    using Vector = float __attribute__((vector_size(32), aligned(4), may_alias)); // 8 floats, at any address
    double squares = 0.0;
    for (std::size_t begin = 0; begin < gradient.size(); begin += block) {
        Vector low{}, high{};
        const std::size_t end = std::min(begin + block, gradient.size());
        std::size_t i = begin;
        for (; i + 16 <= end; i += 16) {
            const auto first = *reinterpret_cast<const Vector*>(gradient.data() + i);
            const auto second = *reinterpret_cast<const Vector*>(gradient.data() + i + 8);
            low += first * first;
            high += second * second;
        }
        for (; i < end; ++i)
            low[0] += gradient[i] * gradient[i];
        for (const Vector& part : {low, high})
            for (int lane = 0; lane < 8; ++lane)
                squares += static_cast<double>(part[lane]);
    }
    return std::sqrt(squares);
}

namespace {

BTCAI_VECTOR_CLONES void updateAll(float* parameter, const float* gradient, float* first, float* second, std::size_t count, float beta1,
                                   float beta2, float epsilon, float clip, float inverseCorrection2, float stepSize)
{
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) {
        const float g = gradient[i] * clip;
        first[i] = beta1 * first[i] + (1.0F - beta1) * g;
        second[i] = beta2 * second[i] + (1.0F - beta2) * g * g;
        parameter[i] -= stepSize * first[i] / (std::sqrt(second[i] * inverseCorrection2) + epsilon);
    }
}

} // namespace

void adamStep(std::span<float> parameter, std::span<const float> gradient, std::span<float> first, std::span<float> second,
              const AdamOptions& options, const AdamFactors& factors)
{
    updateAll(parameter.data(), gradient.data(), first.data(), second.data(), parameter.size(), static_cast<float>(options.beta1),
              static_cast<float>(options.beta2), static_cast<float>(options.epsilon), static_cast<float>(factors.scale),
              static_cast<float>(1.0 / factors.correction2), static_cast<float>(factors.rate));
}

} // namespace btcai
