#include "models/AgentNetwork.h"

#include "base/Error.h"

namespace btcai {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

/// Orthogonal weights with a gain and no bias: what PPO implementations found to matter (Andrychowicz et al. 2021,
/// "What Matters in On-Policy Reinforcement Learning?"), the small gain of the policy's last layer above all. `blocks` such layers, one below the
/// other, each with weights of its own.
nn::Linear orthogonal(std::int64_t inputs, std::int64_t outputs, double gain, std::int64_t blocks = 1)
{
    nn::Linear layer(inputs, outputs * blocks);
    torch::NoGradGuard guard;
    for (std::int64_t i = 0; i < blocks; ++i)
        nn::init::orthogonal_(layer->weight.narrow(0, i * outputs, outputs), gain);
    layer->bias.zero_();
    return layer;
}

constexpr double kTanhGain = 1.41421356;
constexpr double kForecastGain = 0.01;
/// Members begin with forecasts that differ by some hundredths of the outcome's deviation, about what returns can be foreseen by: where no bar
/// teaches them otherwise they go on to differ.
constexpr double kMemberGain = 0.1;

} // namespace

AgentNetworkImpl::AgentNetworkImpl(AgentNetworkOptions options) : m_options(options)
{
    if (options.privateSize < 1 || options.actions < 2 || options.headWidth < 1 || options.headLayers < 1 || options.members < 1)
        throw Error(ErrorKind::BadInput, "agent network: sizes must be positive and there must be two actions at least");
    const std::int64_t width = options.headWidth;
    if (options.hasMarket) {
        m_encoder = register_module("encoder", MarketEncoder(options.encoder));
        m_marketIn = register_module("heads_market", orthogonal(options.encoder.width, 2 * width, 1.0));
    }
    m_stateIn = register_module("heads_state", orthogonal(options.privateSize, 2 * width, kTanhGain));
    for (std::int64_t i = 1; i < options.headLayers; ++i) {
        m_policyHidden.push_back(register_module(fmt::format("policy_hidden_{}", i), orthogonal(width, width, kTanhGain)));
        m_valueHidden.push_back(register_module(fmt::format("value_hidden_{}", i), orthogonal(width, width, kTanhGain)));
    }
    m_policyOut = register_module("policy_out", orthogonal(width, options.actions, 0.01));
    m_valueOut = register_module("value_out", orthogonal(width, 1, 1.0));
    if (options.holdBias != 0.0)
        m_holdBias = register_parameter("hold_bias", torch::full({1}, options.holdBias));
    if (options.hasMarket && options.horizons > 0) {
        m_forecastHidden = register_module("forecast_hidden", orthogonal(options.encoder.width, width, kTanhGain, options.members));
        m_forecastOut = register_module("forecast_out", orthogonal(width, 2 * options.horizons, options.members == 1 ? kForecastGain : kMemberGain,
                                                                   options.members));
    }
}

HeadOutput AgentNetworkImpl::heads(const Tensor& z, const Tensor& state)
{
    const std::int64_t width = m_options.headWidth;
    Tensor hidden = m_stateIn(state);
    if (m_options.hasMarket)
        hidden = hidden + m_marketIn(z).unsqueeze(2);
    hidden = torch::tanh(hidden);
    Tensor policy = hidden.narrow(3, 0, width);
    Tensor value = hidden.narrow(3, width, width);
    for (std::size_t i = 0; i < m_policyHidden.size(); ++i) {
        policy = torch::tanh(m_policyHidden[i](policy));
        value = torch::tanh(m_valueHidden[i](value));
    }
    Tensor logits = m_policyOut(policy);
    if (m_holdBias.defined())
        logits = logits + m_holdBias * state.narrow(3, 0, m_options.actions);
    return {logits, m_valueOut(value).squeeze(3)};
}

HeadShape AgentNetworkImpl::headShape() const
{
    return {.state = m_options.privateSize, .width = m_options.headWidth, .layers = m_options.headLayers, .actions = m_options.actions};
}

template <typename Float, typename PointerOf> HeadViews<Float> AgentNetworkImpl::headViews(PointerOf pointerOf)
{
    const auto layer = [&](const nn::Linear& linear) { return LinearView<Float>{pointerOf(linear->weight), pointerOf(linear->bias)}; };
    HeadViews<Float> views{.stateIn = layer(m_stateIn), .policyHidden = {}, .valueHidden = {}, .policyOut = layer(m_policyOut),
                           .valueOut = layer(m_valueOut), .holdBias = m_holdBias.defined() ? pointerOf(m_holdBias) : nullptr};
    for (std::size_t i = 0; i < m_policyHidden.size(); ++i) {
        views.policyHidden.push_back(layer(m_policyHidden[i]));
        views.valueHidden.push_back(layer(m_valueHidden[i]));
    }
    return views;
}

HeadViews<const float> AgentNetworkImpl::headParameters()
{
    return headViews<const float>([](const Tensor& parameter) { return parameter.data_ptr<float>(); });
}

HeadViews<float> AgentNetworkImpl::headGradients()
{
    return headViews<float>([](const Tensor& parameter) { return parameter.grad().data_ptr<float>(); });
}

ForecastMembers AgentNetworkImpl::forecastMembers(const Tensor& z)
{
    const std::int64_t members = m_options.members, width = m_options.headWidth, horizons = m_options.horizons;
    const Tensor hidden = torch::tanh(m_forecastHidden(z));
    Tensor out; // [G, T, K, 2 H]
    if (members == 1) {
        out = m_forecastOut(hidden).unsqueeze(2);
    } else {
        const Tensor ofMembers = hidden.view({-1, members, width}).transpose(0, 1);
        const Tensor weight = m_forecastOut->weight.view({members, 2 * horizons, width}).transpose(1, 2);
        const Tensor bias = m_forecastOut->bias.view({members, 1, 2 * horizons});
        out = torch::baddbmm(bias, ofMembers, weight).transpose(0, 1).view({z.size(0), z.size(1), members, 2 * horizons});
    }
    return {out.narrow(3, 0, horizons), out.narrow(3, horizons, horizons).clamp(-5.0, 3.0)};
}

ForecastOutput combined(const ForecastMembers& members)
{
    if (members.mean.size(2) == 1)
        return {members.mean.squeeze(2), members.logDeviation.squeeze(2), torch::zeros_like(members.mean.squeeze(2))};
    const Tensor epistemic = members.mean.var(at::IntArrayRef{2}, false);
    const Tensor aleatoric = torch::exp(2.0 * members.logDeviation).mean(2);
    return {members.mean.mean(2), 0.5 * torch::log(aleatoric + epistemic), epistemic.sqrt()};
}

} // namespace btcai
