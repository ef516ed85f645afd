#include "agent/ppo/FlatAdam.h"

#include <cmath>

namespace btcai {

using torch::Tensor;

void bindParameters(torch::nn::Module& module, const Tensor& parameters, const Tensor& gradients)
{
    std::int64_t offset = 0;
    for (Tensor& parameter : module.parameters()) {
        const std::int64_t count = parameter.numel();
        parameter.set_data(parameters.narrow(0, offset, count).view(parameter.sizes()));
        parameter.mutable_grad() = gradients.narrow(0, offset, count).view(parameter.sizes());
        offset += count;
    }
}

FlatAdam::FlatAdam(torch::nn::Module& module, AdamOptions options) : m_options(options)
{
    torch::NoGradGuard guard;
    std::vector<Tensor> parts;
    for (const Tensor& parameter : module.parameters())
        parts.push_back(parameter.reshape({-1}));
    m_parameters = torch::cat(parts).contiguous();
    m_gradients = torch::zeros_like(m_parameters);
    m_first = torch::zeros_like(m_parameters);
    m_second = torch::zeros_like(m_parameters);
    bindParameters(module, m_parameters, m_gradients);
}

void FlatAdam::zeroGradients() { m_gradients.zero_(); }

void FlatAdam::addGradients(const Tensor& gradients) { m_gradients.add_(gradients); }

double FlatAdam::gradientNorm() const
{
    if (!m_gradients.is_cpu())
        return m_gradients.to(torch::kFloat64).norm().item<double>();
    // Short sums in float, their sum in double: the rounding of a few additions, and no copy of the buffer.
    constexpr std::int64_t block = 256;
    const float* const gradient = m_gradients.data_ptr<float>();
    const std::int64_t count = m_gradients.numel();
    double squares = 0.0;
    for (std::int64_t begin = 0; begin < count; begin += block) {
        float lanes[16] = {};
        const std::int64_t end = std::min(begin + block, count);
        std::int64_t i = begin;
        for (; i + 16 <= end; i += 16)
            for (std::int64_t lane = 0; lane < 16; ++lane)
                lanes[lane] += gradient[i + lane] * gradient[i + lane];
        for (; i < end; ++i)
            lanes[0] += gradient[i] * gradient[i];
        for (const float lane : lanes)
            squares += static_cast<double>(lane);
    }
    return std::sqrt(squares);
}

void FlatAdam::step(double learningRate, double norm, double maxNorm)
{
    ++m_steps;
    const double scale = norm > maxNorm ? maxNorm / (norm + 1e-6) : 1.0;
    const double correction1 = 1.0 - std::pow(m_options.beta1, static_cast<double>(m_steps));
    const double correction2 = 1.0 - std::pow(m_options.beta2, static_cast<double>(m_steps));
    const double rate = learningRate / correction1;
    if (!m_parameters.is_cpu()) {
        torch::NoGradGuard guard;
        m_gradients.mul_(scale);
        m_first.mul_(m_options.beta1).add_(m_gradients, 1.0 - m_options.beta1);
        m_second.mul_(m_options.beta2).addcmul_(m_gradients, m_gradients, 1.0 - m_options.beta2);
        m_parameters.addcdiv_(m_first, m_second.div(correction2).sqrt_().add_(m_options.epsilon), -rate);
        return;
    }
    float* const parameter = m_parameters.data_ptr<float>();
    const float* const gradient = m_gradients.data_ptr<float>();
    float* const first = m_first.data_ptr<float>();
    float* const second = m_second.data_ptr<float>();
    const auto beta1 = static_cast<float>(m_options.beta1);
    const auto beta2 = static_cast<float>(m_options.beta2);
    const auto epsilon = static_cast<float>(m_options.epsilon);
    const auto clip = static_cast<float>(scale);
    const auto inverseCorrection2 = static_cast<float>(1.0 / correction2);
    const auto stepSize = static_cast<float>(rate);
    const std::int64_t count = m_parameters.numel();
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] * clip;
        first[i] = beta1 * first[i] + (1.0F - beta1) * g;
        second[i] = beta2 * second[i] + (1.0F - beta2) * g * g;
        parameter[i] -= stepSize * first[i] / (std::sqrt(second[i] * inverseCorrection2) + epsilon);
    }
}

} // namespace btcai
