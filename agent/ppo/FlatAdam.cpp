#include "agent/ppo/FlatAdam.h"

namespace btcai {

using torch::Tensor;

namespace {

template <typename Float> std::span<Float> flat(const Tensor& tensor)
{
    return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

} // namespace

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
    return btcai::gradientNorm(flat<const float>(m_gradients));
}

void FlatAdam::step(double learningRate, double norm, double maxNorm)
{
    ++m_steps;
    const AdamFactors factors(m_options, m_steps, learningRate, norm, maxNorm);
    if (!m_parameters.is_cpu()) {
        torch::NoGradGuard guard;
        m_gradients.mul_(factors.scale);
        m_first.mul_(m_options.beta1).add_(m_gradients, 1.0 - m_options.beta1);
        m_second.mul_(m_options.beta2).addcmul_(m_gradients, m_gradients, 1.0 - m_options.beta2);
        m_parameters.addcdiv_(m_first, m_second.div(factors.correction2).sqrt_().add_(m_options.epsilon), -factors.rate);
        return;
    }
    adamStep(flat<float>(m_parameters), flat<const float>(m_gradients), flat<float>(m_first), flat<float>(m_second), m_options, factors);
}

} // namespace btcai
