#pragma once

#include <cstdint>
#include <span>

namespace btcai {

struct AdamOptions {
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-5; ///< as in OpenAI's PPO
};

/// What step number `steps` (from 1) of Adam multiplies by: the bias corrections of Kingma and Ba (2015), algorithm 1, and the
/// scale that brings a gradient of a norm above maxNorm down to it.
struct AdamFactors {
    AdamFactors(const AdamOptions& options, std::int64_t steps, double learningRate, double norm, double maxNorm);
    double scale;       ///< of the gradient
    double rate;        ///< learningRate / (1 - beta1^steps)
    double correction2; ///< 1 - beta2^steps
};

/// The global norm; not finite if any of the numbers is not.
double gradientNorm(std::span<const float> gradient);

/// One step of Adam over flat buffers [P], in one pass. The same bits on every processor.
void adamStep(std::span<float> parameter, std::span<const float> gradient, std::span<float> first, std::span<float> second,
              const AdamOptions& options, const AdamFactors& factors);

} // namespace btcai
