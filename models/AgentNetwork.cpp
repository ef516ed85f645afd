#include "models/AgentNetwork.h"

#include <cmath>
#include <numbers>

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

/// Degrees of freedom are kLeastDegrees + kFirstDegrees exp(kDegreesRate p), p learned from 0: the same everywhere, they would hardly leave their
/// beginning by the small steps that suit weights. At first a t of 5: between the tails of returns within minutes (about 3) and a Gaussian's.
constexpr double kFirstDegrees = 5.0 - kLeastDegrees;
constexpr double kDegreesRate = 32.0;
constexpr double kLeastLog = -5.0, kMostLog = 3.0; ///< of a deviation or scale; of quantiles, of their distances over those of a standard normal
constexpr std::int64_t kMedian = kForecastQuantiles / 2;

/// What quantiles are made with and judged by, on the CPU.
struct QuantileConstants {
    Tensor mean, square; ///< of QuantileBasis, [Q], [Q, Q]
    Tensor normalSteps;  ///< between the standard normal's quantiles [Q - 1]
};
const QuantileConstants& quantileConstants()
{
    static const QuantileConstants constants = [] {
        const c10::InferenceMode off(false); // whoever asks first, others learn through it
        const auto tensor = [](std::span<const double> values) { return torch::tensor(std::vector<float>(values.begin(), values.end())); };
        std::vector<Tensor> rows;
        for (const auto& row : quantileBasis().square)
            rows.push_back(tensor(row));
        return QuantileConstants{tensor(quantileBasis().mean), torch::stack(rows), torch::diff(tensor(forecastScores()))};
    }();
    return constants;
}

/// Of deviations from the mean [..., Q]: the variance [...].
Tensor quantileVariance(const Tensor& about) { return (torch::matmul(about, quantileConstants().square.to(about.device())) * about).sum(-1); }

/// Outputs [..., Q] as ascending quantiles: the median, and distances to the next ones on both sides. Zeros give the standard normal's.
Tensor ascendingQuantiles(const Tensor& out)
{
    const std::int64_t above = kForecastQuantiles - 1 - kMedian;
    const Tensor distances = (torch::softplus(out.narrow(-1, 1, kForecastQuantiles - 1)) / std::numbers::ln2).clamp(std::exp(kLeastLog), std::exp(kMostLog))
                             * quantileConstants().normalSteps.to(out.device());
    const Tensor median = out.narrow(-1, 0, 1);
    const Tensor down = distances.narrow(-1, 0, kMedian).flip(-1).cumsum(-1).flip(-1), up = distances.narrow(-1, kMedian, above).cumsum(-1);
    return torch::cat({median - down, median, median + up}, -1);
}

} // namespace

AgentNetworkImpl::AgentNetworkImpl(AgentNetworkOptions options) : m_options(options)
{
    if (options.privateSize < 1 || options.actions < 2 || options.headWidth < 1 || options.headLayers < 1 || options.members < 1
        || options.recurrentWidth < 0 || options.maskAt > options.privateSize - options.actions + 1)
        throw Error(ErrorKind::BadInput, "agent network: sizes must be positive, there must be two actions at least, and a state that says which are possible");
    const std::int64_t width = options.headWidth;
    if (options.hasMarket) {
        m_encoder = register_module("encoder", MarketEncoder(options.encoder));
        m_marketIn = register_module("heads_market", orthogonal(options.encoder.width, 2 * width, 1.0));
    }
    m_stateIn = register_module("heads_state", orthogonal(options.privateSize + options.recurrentWidth, 2 * width, kTanhGain));
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
        m_forecastOut = register_module("forecast_out", orthogonal(width, outputsPerHorizon() * options.horizons,
                                                                   options.members == 1 ? kForecastGain : kMemberGain, options.members));
        if (options.distribution == ForecastDistribution::StudentT)
            m_forecastDegrees = register_parameter("forecast_degrees", torch::zeros({options.horizons}));
    }
    if (options.recurrentWidth > 0)
        m_recurrence = register_module("recurrence", AccountLstm(options.privateSize, options.recurrentWidth));
}

AccountInput AgentNetworkImpl::recall(const Tensor& state, const Tensor& memory, const Tensor& ended)
{
    if (!m_recurrence)
        return {state, {}};
    const AccountMemory remembered = m_recurrence(state, memory, ended);
    return {torch::cat({state, remembered.hidden}, 3), remembered.memory};
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
    if (m_options.maskAt >= 0)
        logits = logits + torch::constant_pad_nd((1.0 - state.narrow(3, m_options.maskAt, m_options.actions - 1)) * kImpossibleLogit, {1, 0});
    return {logits, m_valueOut(value).squeeze(3)};
}

HeadShape AgentNetworkImpl::headShape() const
{
    return {.state = m_options.privateSize + m_options.recurrentWidth, .width = m_options.headWidth, .layers = m_options.headLayers, .actions = m_options.actions,
            .maskAt = m_options.maskAt};
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

Tensor AgentNetworkImpl::forecastDegrees() const
{
    return m_forecastDegrees.defined() ? kLeastDegrees + kFirstDegrees * torch::exp(kDegreesRate * m_forecastDegrees) : Tensor();
}

ForecastMembers AgentNetworkImpl::forecastMembers(const Tensor& z)
{
    const std::int64_t members = m_options.members, width = m_options.headWidth, horizons = m_options.horizons, outputs = outputsPerHorizon() * horizons;
    const Tensor hidden = torch::tanh(m_forecastHidden(z));
    Tensor out; // [G, T, K, N H]
    if (members == 1) {
        out = m_forecastOut(hidden).unsqueeze(2);
    } else {
        const Tensor ofMembers = hidden.view({-1, members, width}).transpose(0, 1);
        const Tensor weight = m_forecastOut->weight.view({members, outputs, width}).transpose(1, 2);
        const Tensor bias = m_forecastOut->bias.view({members, 1, outputs});
        out = torch::baddbmm(bias, ofMembers, weight).transpose(0, 1).view({z.size(0), z.size(1), members, outputs});
    }
    if (m_options.distribution == ForecastDistribution::Quantiles) {
        const Tensor quantiles = ascendingQuantiles(out.view({z.size(0), z.size(1), members, horizons, outputsPerHorizon()}));
        const Tensor mean = torch::matmul(quantiles, quantileConstants().mean.to(z.device()));
        return {.mean = mean, .logDeviation = 0.5 * torch::log(quantileVariance(quantiles - mean.unsqueeze(-1))), .quantiles = quantiles};
    }
    const Tensor mean = out.narrow(3, 0, horizons), logScale = out.narrow(3, horizons, horizons).clamp(kLeastLog, kMostLog);
    if (m_options.distribution == ForecastDistribution::Gaussian)
        return {mean, logScale};
    const Tensor degrees = forecastDegrees();
    return {.mean = mean, .logDeviation = logScale + 0.5 * torch::log(degrees / (degrees - 2.0)), .degrees = degrees};
}

ForecastOutput combined(const ForecastMembers& members)
{
    ForecastOutput output;
    if (members.mean.size(2) == 1) {
        output = {members.mean.squeeze(2), members.logDeviation.squeeze(2), torch::zeros_like(members.mean.squeeze(2))};
    } else {
        const Tensor epistemic = members.mean.var(at::IntArrayRef{2}, false);
        const Tensor aleatoric = torch::exp(2.0 * members.logDeviation).mean(2);
        output = {members.mean.mean(2), 0.5 * torch::log(aleatoric + epistemic), epistemic.sqrt()};
    }
    if (members.degrees.defined()) {
        output.shape = members.degrees.expand_as(output.mean).unsqueeze(-1);
    } else if (members.quantiles.defined()) {
        const Tensor about = members.quantiles.mean(2) - output.mean.unsqueeze(-1);
        // The quantiles' mean over the members has a smaller deviation than the mixture.
        output.shape = about * torch::rsqrt(quantileVariance(about)).unsqueeze(-1);
    }
    return output;
}

} // namespace btcai
