#include "agent/ppo/MinibatchLoss.h"

#include <algorithm>

#include "agent/ppo/ForecastLoss.h"
#include "agent/ppo/HeadLoss.h"
#include "agent/ppo/LapTimer.h"
#include "agent/ppo/PpoLoss.h"

namespace btcai {

using torch::Tensor;

Tensor forecastSurprise(const ForecastOutput& forecast, const Tensor& targets)
{
    const Tensor known = torch::isfinite(targets);
    const Tensor error = torch::where(known, (targets - forecast.mean) * torch::exp(-forecast.logDeviation), torch::zeros_like(targets));
    return (error.square().sum(2) / known.sum(2).clamp_min(1)).sqrt();
}

Tensor cut(const Tensor& tensor, RowRange part)
{
    return tensor.narrow(0, static_cast<std::int64_t>(part.first), static_cast<std::int64_t>(part.size()));
}

namespace {

/// The same as headLoss by libtorch's operations, for other devices than the CPU; adds its loss to `total`.
LossSums headLossByAutograd(AgentNetwork& network, const Tensor& z, const HeadSamples& samples, const PpoLossOptions& options, Tensor& total)
{
    HeadOutput heads = network->heads(z, samples.state);
    if (samples.temperature.defined())
        heads.logits = heads.logits / samples.temperature.unsqueeze(2).unsqueeze(3);
    const Tensor entropyScale = samples.entropyScale.defined() ? samples.entropyScale.unsqueeze(2) : Tensor();
    const PpoLoss loss = ppoLoss(heads.logits, heads.value, samples.action, samples.logProbability, samples.advantage, samples.returns, options, samples.oldValue,
                                 entropyScale);
    const double share = static_cast<double>(samples.action.numel()) / samples.minibatch;
    const Tensor part = loss.total * share;
    total = total.defined() ? total + part : part;
    const auto mean = [share](const Tensor& tensor) { return share * tensor.item<double>(); };
    return {.total = part.item<double>(), .policy = mean(loss.policy), .value = mean(loss.value), .entropy = mean(loss.entropy),
            .approxKl = mean(loss.approxKl), .clipFraction = mean(loss.clipFraction)};
}

/// By HeadPass, on the CPU. The heads' gradients are in the network afterwards; what is below them goes on from `ends`, with these gradients.
LossSums headLossByHand(AgentNetwork& network, const Tensor& z, HeadSamples& samples, const PpoLossOptions& options, std::vector<Tensor>& ends,
                        std::vector<Tensor>& gradients)
{
    const Tensor marketShare = z.defined() ? network->marketShare(z) : Tensor(), input = samples.state;
    if (marketShare.defined())
        samples.marketShare = marketShare.detach().contiguous();
    const bool isRecurrent = input.requires_grad();
    if (isRecurrent)
        samples.state = input.detach().contiguous();
    Tensor marketGradient, inputGradient;
    const LossSums sums = headLoss(network, samples, options, marketGradient, isRecurrent ? &inputGradient : nullptr);
    if (marketShare.defined()) {
        ends.push_back(marketShare);
        gradients.push_back(marketGradient);
    }
    if (isRecurrent) {
        ends.push_back(input);
        gradients.push_back(inputGradient);
    }
    return sums;
}

} // namespace

PartLoss backward(AgentNetwork& network, const Minibatch& batch, RowRange part, const RunConfig::Ppo& options, UpdateSchedule schedule,
                  const BeforeBackward& beforeBackward)
{
    const auto own = [part](const Tensor& tensor) { return cut(tensor, part); };
    const PpoLossOptions lossOptions{.clipRange = options.clipRange,
                                     .valueCoefficient = options.valueCoefficient,
                                     .entropyCoefficient = schedule.entropyCoefficient,
                                     .valueClipRange = batch.oldValue.defined() ? options.valueClipRange : 0.0};
    const auto ownIfAny = [&own](const Tensor& tensor) { return tensor.defined() ? own(tensor) : Tensor(); };
    HeadSamples samples{.state = own(batch.state), .action = own(batch.action), .logProbability = own(batch.logProbability),
                        .advantage = own(batch.advantage), .returns = own(batch.returns), .oldValue = ownIfAny(batch.oldValue), .marketShare = {},
                        .temperature = ownIfAny(batch.temperature), .entropyScale = ownIfAny(batch.entropyScale), .minibatch = batch.samples};

    PartLoss sums;
    LapTimer timer;
    Tensor z;
    Tensor total; // of what goes backward through libtorch
    if (batch.features.defined()) {
        const MarketEncoding market = network->encoder()(own(batch.features));
        z = market.embedding;
        if (options.gateCoefficient > 0.0 && market.gates.size(2) > 1)
            total = gatePenalty(market.gates) * (options.gateCoefficient * static_cast<double>(samples.action.numel()) / samples.minibatch);
        timer.charge(sums.times.encode);
        if (batch.targets.defined() && network->options().horizons > 0) {
            const ForecastMembers forecast = network->forecastMembers(z);
            const Tensor targets = own(batch.targets);
            const double known = torch::isfinite(targets).sum().item<double>();
            const Tensor weights = batch.memberWeights.defined() ? own(batch.memberWeights).unsqueeze(3) : Tensor();
            const Tensor loss = forecastLoss(forecast, targets, weights) * (known / std::max(batch.knownTargets, 1.0));
            sums.forecast = loss.item<double>();
            const Tensor weighted = loss * options.forecastCoefficient;
            total = total.defined() ? total + weighted : weighted;
            if (batch.measuresSurprise) {
                torch::NoGradGuard guard;
                sums.surprise = forecastSurprise(combined(forecast), targets).square().mean().item<double>();
            }
        }
    }
    std::vector<Tensor> ends, gradients;
    if (!batch.forecastsOnly) {
        samples.state = network->recall(samples.state, ownIfAny(batch.memory), ownIfAny(batch.ended)).state;
        sums.heads = samples.state.is_cpu() ? headLossByHand(network, z, samples, lossOptions, ends, gradients)
                                            : headLossByAutograd(network, z, samples, lossOptions, total);
    }
    if (total.defined()) {
        ends.push_back(total);
        gradients.push_back(torch::ones_like(total));
    }
    timer.charge(sums.times.heads);
    if (beforeBackward)
        beforeBackward(ends);
    if (!ends.empty())
        torch::autograd::backward(ends, gradients);
    timer.charge(sums.times.backward);
    return sums;
}

} // namespace btcai
