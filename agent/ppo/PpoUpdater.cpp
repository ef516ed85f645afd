#include "agent/ppo/PpoUpdater.h"

#include <algorithm>
#include <cmath>

#include "agent/ppo/BootstrapWeights.h"
#include "agent/ppo/HeadLoss.h"
#include "agent/ppo/LapTimer.h"
#include "agent/ppo/MinibatchOrder.h"
#include "agent/ppo/PpoLoss.h"

namespace btcai {

namespace {

using torch::Tensor;

/// What one step of the optimiser learns from: B stretches (without a market: B samples, each a stretch of one step of one account).
struct Minibatch {
    Tensor state;                                        ///< [B, T, M, S]
    Tensor action, logProbability, advantage, returns;   ///< [B, T, M]; the advantages normalised if asked for
    Tensor features;                                     ///< [B, context + T, F], undefined without a market
    Tensor targets;                                      ///< [B, T, H], undefined without forecasts
    double knownTargets = 0.0;
    Tensor memberWeights{};                              ///< [B, T, K], undefined without an ensemble

    std::int64_t count() const { return state.size(0); }
    /// The stretches of part i of `parts`: as even as can be, in order.
    RowRange part(std::size_t i, std::size_t parts) const
    {
        const auto all = static_cast<std::size_t>(count());
        return {all * i / parts, all * (i + 1) / parts};
    }
};

Minibatch pick(const RolloutBuffer& buffer, const Tensor& indices, const RunConfig::Ppo& options, torch::Device device,
               const std::function<Tensor(const Tensor&)>& asStretches)
{
    const auto take = [&](const Tensor& tensor) { return asStretches(tensor).index_select(0, indices).to(device); };
    Minibatch batch{.state = take(buffer.state), .action = take(buffer.action), .logProbability = take(buffer.logProbability),
                    .advantage = take(buffer.advantage), .returns = take(buffer.returns), .features = {}, .targets = {}};
    if (options.normalizeAdvantages)
        batch.advantage = normalizedAdvantage(batch.advantage);
    return batch;
}

Minibatch pickStretches(const RolloutBuffer& buffer, const MarketTensors& market, AgentNetwork& network, std::uint64_t seed, const Tensor& indices,
                        const RunConfig::Ppo& options)
{
    Minibatch batch = pick(buffer, indices, options, market.device(), [](const Tensor& tensor) { return tensor; });
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < indices.numel(); ++i)
        starts.push_back(buffer.startRow[static_cast<std::size_t>(indices[i].item<std::int64_t>())]);
    batch.features = market.stretches(starts, network->encoder()->contextRows(), buffer.steps);
    if (!market.horizons().empty()) {
        batch.targets = market.targets(starts, buffer.steps);
        batch.knownTargets = torch::isfinite(batch.targets).sum().item<double>();
        if (const std::int64_t members = network->options().members; members > 1)
            batch.memberWeights = bootstrapWeights(seed, members, market.horizons().back(), starts, buffer.steps).to(market.device());
    }
    return batch;
}

Minibatch pickSamples(const RolloutBuffer& buffer, const Tensor& indices, const RunConfig::Ppo& options)
{
    return pick(buffer, indices, options, torch::kCPU, [](const Tensor& tensor) {
        return tensor.dim() == 4 ? tensor.reshape({-1, 1, 1, tensor.size(3)}) : tensor.reshape({-1, 1, 1});
    });
}

/// A part's share in the losses of the minibatch: the parts add up to its means.
struct PartLoss {
    LossSums heads;
    double forecast = 0.0;
    UpdateTimes times;

    void add(const PartLoss& other)
    {
        heads += other.heads;
        forecast += other.forecast;
    }
};

/// The same as headLoss by libtorch's operations, for other devices than the CPU; adds its loss to `total`.
LossSums headLossByAutograd(AgentNetwork& network, const Tensor& z, const HeadSamples& samples, const PpoLossOptions& options, Tensor& total)
{
    const HeadOutput heads = network->heads(z, samples.state);
    const PpoLoss loss = ppoLoss(heads.logits, heads.value, samples.action, samples.logProbability, samples.advantage, samples.returns, options);
    const double share = static_cast<double>(samples.action.numel()) / samples.minibatch;
    const Tensor part = loss.total * share;
    total = total.defined() ? total + part : part;
    const auto mean = [share](const Tensor& tensor) { return share * tensor.item<double>(); };
    return {.total = part.item<double>(), .policy = mean(loss.policy), .value = mean(loss.value), .entropy = mean(loss.entropy),
            .approxKl = mean(loss.approxKl), .clipFraction = mean(loss.clipFraction)};
}

/// Forward and backward pass over some stretches of the batch. Leaves their share of the gradient in the network.
PartLoss backward(AgentNetwork& network, const Minibatch& batch, RowRange part, const RunConfig::Ppo& options, UpdateSchedule schedule)
{
    const auto first = static_cast<std::int64_t>(part.first);
    const auto count = static_cast<std::int64_t>(part.size());
    const auto cut = [&](const Tensor& tensor) { return tensor.narrow(0, first, count); };
    const PpoLossOptions lossOptions{.clipRange = options.clipRange,
                                     .valueCoefficient = options.valueCoefficient,
                                     .entropyCoefficient = schedule.entropyCoefficient,
                                     .valueClipRange = 0.0};
    HeadSamples samples{.state = cut(batch.state), .action = cut(batch.action), .logProbability = cut(batch.logProbability),
                        .advantage = cut(batch.advantage), .returns = cut(batch.returns), .marketShare = {},
                        .minibatch = static_cast<double>(batch.action.numel())};

    PartLoss sums;
    LapTimer timer;
    Tensor z;
    Tensor total; // of what goes backward through libtorch
    if (batch.features.defined()) {
        z = network->encoder()(cut(batch.features)).embedding;
        timer.charge(sums.times.encode);
        if (batch.targets.defined() && network->options().horizons > 0) {
            const ForecastMembers forecast = network->forecastMembers(z);
            const Tensor targets = cut(batch.targets);
            const double known = torch::isfinite(targets).sum().item<double>();
            const Tensor weights = batch.memberWeights.defined() ? cut(batch.memberWeights).unsqueeze(3) : Tensor();
            const Tensor loss = gaussianNll(forecast.mean, forecast.logDeviation, targets.unsqueeze(2).expand_as(forecast.mean), weights)
                                * (known / std::max(batch.knownTargets, 1.0));
            sums.forecast = loss.item<double>();
            total = loss * options.forecastCoefficient;
        }
    }
    if (!samples.state.is_cpu()) {
        sums.heads = headLossByAutograd(network, z, samples, lossOptions, total);
        timer.charge(sums.times.heads);
        total.backward();
        timer.charge(sums.times.backward);
        return sums;
    }
    const Tensor marketShare = z.defined() ? network->marketShare(z) : Tensor();
    if (marketShare.defined())
        samples.marketShare = marketShare.detach().contiguous();
    Tensor marketGradient;
    sums.heads = headLoss(network, samples, lossOptions, marketGradient);
    timer.charge(sums.times.heads);
    std::vector<Tensor> ends, gradients;
    if (marketShare.defined()) {
        ends.push_back(marketShare);
        gradients.push_back(marketGradient);
    }
    if (total.defined()) {
        ends.push_back(total);
        gradients.push_back(torch::ones_like(total));
    }
    if (!ends.empty())
        torch::autograd::backward(ends, gradients);
    timer.charge(sums.times.backward);
    return sums;
}

} // namespace

PpoUpdater::PpoUpdater(AgentNetwork network, FlatAdam& optimizer, const MarketTensors* market, std::uint64_t seed)
    : m_network(std::move(network)), m_optimizer(optimizer), m_market(market), m_seed(seed)
{
}

std::vector<Tensor> PpoUpdater::minibatchIndices(const RolloutBuffer& buffer, const RunConfig::Ppo& options,
                                                 std::int64_t samplesPerMinibatch, std::int64_t iteration,
                                                 std::int64_t epoch) const
{
    const std::int64_t count = m_market ? buffer.stretches : buffer.stretches * buffer.steps * buffer.accounts;
    const std::int64_t size = m_market ? options.stretchesPerMinibatch : samplesPerMinibatch;
    const std::vector<std::int64_t> order = minibatchOrder(count, m_seed, iteration, epoch);
    std::vector<Tensor> batches;
    for (std::int64_t begin = 0; begin + size <= count; begin += size) {
        const auto from = order.begin() + begin;
        batches.push_back(torch::tensor(std::vector<std::int64_t>(from, from + size)));
    }
    return batches;
}

UpdateStatistics PpoUpdater::update(const RolloutBuffer& buffer, const RunConfig::Ppo& options, UpdateSchedule schedule,
                                    std::int64_t iteration, std::int64_t samplesPerMinibatch, const std::function<void()>& poll)
{
    UpdateStatistics sums;
    for (std::int64_t epoch = 0; epoch < options.epochs && !sums.stoppedByKl && sums.notFinite.empty(); ++epoch) {
        for (const Tensor& indices : minibatchIndices(buffer, options, samplesPerMinibatch, iteration, epoch)) {
            if (poll)
                poll();
            if (!step(buffer, indices, options, schedule, sums))
                break;
        }
    }
    const double count = std::max<double>(1.0, static_cast<double>(sums.minibatches));
    for (double* sum : {&sums.policyLoss, &sums.valueLoss, &sums.forecastLoss, &sums.entropy, &sums.approxKl,
                        &sums.clipFraction, &sums.gradNorm})
        *sum /= count;
    return sums;
}

/// Returns false when the update must end here.
bool PpoUpdater::step(const RolloutBuffer& buffer, const Tensor& indices, const RunConfig::Ppo& options,
                      UpdateSchedule schedule, UpdateStatistics& sums)
{
    LapTimer timer;
    const Minibatch batch = m_market ? pickStretches(buffer, *m_market, m_network, m_seed, indices, options)
                                     : pickSamples(buffer, indices, options);
    timer.charge(sums.times.data);
    startThreads(batch.count());
    const std::size_t parts = m_threads ? std::min<std::size_t>(m_threads->count(), static_cast<std::size_t>(batch.count())) : 1;
    std::vector<PartLoss> losses(parts);
    m_optimizer.zeroGradients();
    const auto computePart = [&](std::size_t i) {
        AgentNetwork& network = i == 0 ? m_network : m_replicas[i - 1].network;
        if (i > 0)
            m_replicas[i - 1].gradients.zero_();
        losses[i] = backward(network, batch, batch.part(i, parts), options, schedule);
    };
    if (m_threads)
        m_threads->run(parts, computePart);
    else
        computePart(0);
    PartLoss loss;
    for (std::size_t i = 0; i < parts; ++i) {
        loss.add(losses[i]);
        sums.times.add(losses[i].times, 1.0 / static_cast<double>(parts));
        if (i > 0)
            m_optimizer.addGradients(m_replicas[i - 1].gradients);
    }

    if (options.targetKl > 0.0 && loss.heads.approxKl > options.targetKl) {
        sums.stoppedByKl = true; // this minibatch would move the policy further still
        if (sums.minibatches > 0)
            return false;
    }
    if (m_gradientHook)
        m_gradientHook(m_optimizer.gradients());
    double others = 0.0; // the parts, which have told their times
    timer.charge(others);
    const double norm = m_optimizer.gradientNorm();
    const bool lossIsFinite = std::isfinite(loss.heads.total + loss.forecast);
    if (!lossIsFinite || !std::isfinite(norm)) {
        sums.notFinite = lossIsFinite ? "a gradient" : "a loss";
        return false;
    }
    m_optimizer.step(schedule.learningRate, norm, options.maxGradNorm);
    timer.charge(sums.times.optimizer);
    sums.policyLoss += loss.heads.policy;
    sums.valueLoss += loss.heads.value;
    sums.forecastLoss += loss.forecast;
    sums.entropy += loss.heads.entropy;
    sums.approxKl += loss.heads.approxKl;
    sums.clipFraction += loss.heads.clipFraction;
    sums.gradNorm += norm;
    ++sums.minibatches;
    return true;
}

void PpoUpdater::startThreads(std::int64_t stretches)
{
    if (m_threads || !m_market || !m_market->device().is_cpu())
        return;
    const int cores = torch::get_num_threads();
    const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(stretches, 1, cores));
    m_threads = std::make_unique<GradientThreads>(count, cores / static_cast<int>(count));
    for (std::size_t i = 1; i < count; ++i) {
        Replica replica{AgentNetwork(m_network->options()), torch::zeros_like(m_optimizer.gradients())};
        bindParameters(*replica.network, m_optimizer.parameters(), replica.gradients);
        m_replicas.push_back(std::move(replica));
    }
}

} // namespace btcai
