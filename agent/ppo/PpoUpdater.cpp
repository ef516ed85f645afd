#include "agent/ppo/PpoUpdater.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "agent/distributed/RankGroup.h"
#include "agent/ppo/BootstrapWeights.h"
#include "agent/ppo/LapTimer.h"
#include "agent/ppo/MinibatchOrder.h"
#include "agent/ppo/PpoLoss.h"

namespace btcai {

namespace {

using torch::Tensor;

/// Part i of `parts` of so many: as even as can be, in order.
RowRange partOf(std::size_t all, std::size_t i, std::size_t parts) { return {all * i / parts, all * (i + 1) / parts}; }

Minibatch pick(const RolloutBuffer& buffer, const Tensor& indices, RowRange share, const RunConfig::Ppo& options,
               const std::function<Tensor(const Tensor&)>& asStretches)
{
    const Tensor own = cut(indices, share);
    const auto take = [&](const Tensor& tensor, const Tensor& which) { return asStretches(tensor).index_select(0, which); };
    Tensor advantage = take(buffer.advantage, indices);
    if (options.normalizeAdvantages)
        advantage = normalizedAdvantage(advantage);
    return {.state = take(buffer.state, own), .action = take(buffer.action, own), .logProbability = take(buffer.logProbability, own),
            .advantage = cut(advantage, share), .returns = take(buffer.returns, own),
            .oldValue = options.valueClipRange > 0.0 ? take(buffer.value, own) : Tensor(), .features = {}, .targets = {},
            .samples = static_cast<double>(advantage.numel())};
}

Minibatch pickLanes(const RolloutBuffer& buffer, const Tensor& indices, RowRange share, const RunConfig::Ppo& options)
{
    Minibatch batch = pick(buffer, indices, share, options, [](const Tensor& tensor) { return tensor; });
    const Tensor own = cut(indices, share);
    for (const auto& [to, from] : {std::pair{&Minibatch::memory, &RolloutBuffer::memory}, std::pair{&Minibatch::ended, &RolloutBuffer::ended},
                                   std::pair{&Minibatch::temperature, &RolloutBuffer::temperature},
                                   std::pair{&Minibatch::entropyScale, &RolloutBuffer::entropyScale}})
        if ((buffer.*from).defined())
            batch.*to = (buffer.*from).index_select(0, own);
    return batch;
}

Minibatch pickStretches(const RolloutBuffer& buffer, const MarketTensors& market, AgentNetwork& network, std::uint64_t seed, const Tensor& indices,
                        RowRange share, const RunConfig::Ppo& options)
{
    Minibatch batch = pickLanes(buffer, indices.to(market.device()), share, options);
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < indices.numel(); ++i)
        starts.push_back(buffer.startRow[static_cast<std::size_t>(indices[i].item<std::int64_t>())]);
    const auto first = starts.begin();
    const std::vector<std::int64_t> own(first + static_cast<std::ptrdiff_t>(share.first), first + static_cast<std::ptrdiff_t>(share.last));
    batch.features = market.stretches(own, network->encoder()->contextRows(), buffer.steps);
    if (!market.horizons().empty()) {
        const Tensor targets = market.targets(starts, buffer.steps);
        batch.knownTargets = torch::isfinite(targets).sum().item<double>();
        batch.targets = cut(targets, share);
        if (const std::int64_t members = network->options().members; members > 1)
            batch.memberWeights = bootstrapWeights(seed, members, market.horizons().back(), own, buffer.steps).to(market.device());
    }
    return batch;
}

Minibatch pickSamples(const RolloutBuffer& buffer, const Tensor& indices, RowRange share, const RunConfig::Ppo& options)
{
    return pick(buffer, indices, share, options, [](const Tensor& tensor) {
        return tensor.dim() == 4 ? tensor.reshape({-1, 1, 1, tensor.size(3)}) : tensor.reshape({-1, 1, 1});
    });
}

/// Elements of a bucket of gradients, at least: half a megabyte.
constexpr std::int64_t kBucketSize = 1 << 17;

/// Each rank left its part of the losses, and of the gradient unless that is on its way: afterwards all have the minibatch's, the same bits.
void sumOverRanks(RankGroup& group, Tensor& gradients, bool isBegun, PartLoss& loss, std::vector<ReplayObservation>& observations)
{
    LossSums& heads = loss.heads;
    const std::array sums{&heads.total, &heads.policy, &heads.value, &heads.entropy, &heads.approxKl, &heads.clipFraction, &loss.forecast};
    std::vector<double*> all(sums.begin(), sums.end());
    for (ReplayObservation& seen : observations) // 0 of those that are another rank's
        all.insert(all.end(), {&seen.surprise, &seen.valueError});
    Tensor losses = torch::empty({static_cast<std::int64_t>(all.size())}, torch::kFloat64);
    double* const values = losses.data_ptr<double>();
    for (std::size_t i = 0; i < all.size(); ++i)
        values[i] = *all[i];
    if (isBegun) {
        group.beginSum(losses);
        group.finishSums();
    } else {
        group.sum({gradients, losses});
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        *all[i] = values[i];
}

} // namespace

PpoUpdater::PpoUpdater(AgentNetwork network, FlatAdam& optimizer, const MarketTensors* market, std::uint64_t seed, RankGroup* group)
    : m_network(std::move(network)), m_optimizer(optimizer), m_market(market), m_seed(seed), m_group(group)
{
}

std::vector<Tensor> PpoUpdater::minibatchIndices(const RolloutBuffer& buffer, const RunConfig::Ppo& options,
                                                 std::int64_t samplesPerMinibatch, std::int64_t iteration,
                                                 std::int64_t epoch) const
{
    const std::int64_t count = wholeStretches() ? buffer.stretches : buffer.stretches * buffer.steps * buffer.accounts;
    const std::int64_t size = wholeStretches() ? options.stretchesPerMinibatch : samplesPerMinibatch;
    const std::vector<std::int64_t> order = minibatchOrder(count, m_seed, iteration, epoch);
    std::vector<Tensor> batches;
    for (std::int64_t begin = 0; begin + size <= count; begin += size) {
        const auto from = order.begin() + begin;
        batches.push_back(torch::tensor(std::vector<std::int64_t>(from, from + size)));
    }
    return batches;
}

UpdateStatistics PpoUpdater::update(const RolloutBuffer& rollout, const RunConfig::Ppo& options, UpdateSchedule schedule,
                                    std::int64_t iteration, std::int64_t samplesPerMinibatch, const std::function<void()>& poll)
{
    UpdateStatistics sums;
    const RolloutBuffer buffer = rollout.on(m_market ? m_market->device() : torch::Device(torch::kCPU));
    for (std::int64_t epoch = 0; epoch < options.epochs && !sums.stoppedByKl && sums.notFinite.empty(); ++epoch) {
        for (const Tensor& indices : minibatchIndices(buffer, options, samplesPerMinibatch, iteration, epoch)) {
            if (poll)
                poll();
            if (!step(buffer, indices, options, schedule, iteration, sums))
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
                      UpdateSchedule schedule, std::int64_t iteration, UpdateStatistics& sums)
{
    LapTimer timer;
    const std::size_t ranks = m_group ? static_cast<std::size_t>(m_group->size()) : 1;
    const RowRange share = partOf(static_cast<std::size_t>(indices.numel()), m_group ? static_cast<std::size_t>(m_group->rank()) : 0, ranks);
    const Minibatch batch = m_market ? pickStretches(buffer, *m_market, m_network, m_seed, indices, share, options)
                            : wholeStretches() ? pickLanes(buffer, indices, share, options)
                                               : pickSamples(buffer, indices, share, options);
    std::vector<ReplayDraw> draws;
    if (m_replay)
        draws = m_replay->draw(m_replayOptions, iteration, sums.minibatches, schedule.progress);
    const RowRange drawShare = partOf(draws.size(), m_group ? static_cast<std::size_t>(m_group->rank()) : 0, ranks);
    std::vector<Minibatch> segments;
    for (std::size_t i = drawShare.first; i < drawShare.last; ++i)
        segments.push_back(replayed(draws[i], draws.size()));
    timer.charge(sums.times.data);
    startThreads(share.size());
    const std::size_t parts = m_threads ? std::min(m_threads->count(), share.size()) : 1;
    std::vector<PartLoss> losses(parts);
    std::vector<PartLoss> replayLosses(segments.size());
    m_optimizer.zeroGradients();
    const bool isOverlapped = overlaps();
    if (isOverlapped)
        m_buckets->begin(parts);
    const auto computePart = [&](std::size_t i) {
        AgentNetwork& network = i == 0 ? m_network : m_replicas[i - 1].network;
        if (i > 0)
            m_replicas[i - 1].gradients.zero_();
        const BeforeBackward last = isOverlapped ? [this, i](const std::vector<Tensor>& ends) { m_buckets->lastPass(i, ends); } : BeforeBackward();
        losses[i] = backward(network, batch, partOf(batch.count(), i, parts), options, schedule, i < segments.size() ? BeforeBackward() : last);
        UpdateSchedule ofReplay = schedule;
        ofReplay.entropyCoefficient = 0.0; // of the present policy in the present market alone
        for (std::size_t k = i; k < segments.size(); k += parts) {
            replayLosses[k] = backward(network, segments[k], {0, 1}, options, ofReplay, k + parts < segments.size() ? BeforeBackward() : last);
            losses[i].times.add(replayLosses[k].times, 1.0);
        }
        if (isOverlapped)
            m_buckets->finish(i);
    };
    if (m_threads)
        m_threads->run(parts, computePart);
    else
        computePart(0);
    PartLoss loss;
    for (std::size_t i = 0; i < parts; ++i) {
        loss.add(losses[i]);
        sums.times.add(losses[i].times, 1.0 / static_cast<double>(parts));
        if (i > 0 && !isOverlapped)
            m_optimizer.addGradients(m_replicas[i - 1].gradients);
    }
    std::vector<ReplayObservation> observations(draws.size(), {.record = 0, .surprise = 0.0, .valueError = 0.0});
    for (std::size_t k = 0; k < segments.size(); ++k) {
        const PartLoss& of = replayLosses[k];
        const double unweighted = of.heads.value * segments[k].samples / static_cast<double>(segments[k].action.numel());
        observations[drawShare.first + k] = {.record = 0, .surprise = std::sqrt(of.surprise),
                                             .valueError = segments[k].forecastsOnly ? -1.0 : std::sqrt(unweighted)};
    }
    if (m_gradientHook)
        m_gradientHook(m_optimizer.gradients());
    double others = 0.0; // the parts, which have told their times
    timer.charge(others);
    if (m_group) {
        sumOverRanks(*m_group, m_optimizer.gradients(), isOverlapped, loss, observations);
        timer.charge(sums.times.exchange);
    }

    if (options.targetKl > 0.0 && loss.heads.approxKl > options.targetKl) {
        sums.stoppedByKl = true; // this minibatch would move the policy further still
        if (sums.minibatches > 0)
            return false;
    }
    const double norm = m_optimizer.gradientNorm();
    const double observed = std::accumulate(observations.begin(), observations.end(), 0.0,
                                            [](double sum, const ReplayObservation& seen) { return sum + seen.surprise + seen.valueError; });
    const bool lossIsFinite = std::isfinite(loss.heads.total + loss.forecast + observed);
    if (!lossIsFinite || !std::isfinite(norm)) {
        sums.notFinite = lossIsFinite ? "a gradient" : "a loss";
        return false;
    }
    m_optimizer.step(schedule.learningRate, norm, options.maxGradNorm);
    timer.charge(sums.times.optimizer);
    for (std::size_t k = 0; k < draws.size(); ++k) {
        observations[k].record = draws[k].record;
        sums.observations.push_back(observations[k]);
    }
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

Minibatch PpoUpdater::replayed(const ReplayDraw& draw, std::size_t draws)
{
    const auto at = [this](const Tensor& tensor) { return tensor.to(m_market->device()); };
    const std::int64_t bars = draw.state.size(1);
    // A mean over more than there are counts less.
    const double inverse = static_cast<double>(draws) / std::max(draw.weight * m_replayOptions.coefficient, 1e-12);
    Minibatch batch{.state = at(draw.state), .action = at(draw.action), .logProbability = at(draw.logProbability), .advantage = at(draw.advantage),
                    .returns = at(draw.returns), .features = m_market->stretches({draw.row}, m_network->encoder()->contextRows(), bars), .targets = {},
                    .samples = static_cast<double>(draw.action.numel()) * inverse};
    batch.forecastsOnly = draw.age > m_replayOptions.staleness;
    if (m_market->horizons().empty())
        return batch;
    batch.targets = m_market->targets({draw.row}, bars);
    batch.knownTargets = std::max(1.0, torch::isfinite(batch.targets).sum().item<double>()) * inverse;
    batch.measuresSurprise = true;
    if (const std::int64_t members = m_network->options().members; members > 1)
        batch.memberWeights = at(bootstrapWeights(m_seed, members, m_market->horizons().back(), {draw.row}, bars));
    return batch;
}

bool PpoUpdater::overlaps()
{
    if (!m_group || m_gradientHook || m_group->sharesMemory(m_optimizer.gradients()))
        return false;
    if (!m_buckets) {
        std::vector<GradientBuckets::Part> parts{{m_network.ptr(), m_optimizer.gradients()}};
        for (const Replica& replica : m_replicas)
            parts.push_back({replica.network.ptr(), replica.gradients});
        m_buckets = std::make_unique<GradientBuckets>(std::move(parts), kBucketSize, [this](const Tensor& sum) { m_group->beginSum(sum); });
    }
    return true;
}

void PpoUpdater::startThreads(std::size_t stretches)
{
    if (m_threads || !m_market || !m_market->device().is_cpu())
        return;
    const int cores = torch::get_num_threads();
    const std::size_t count = std::clamp<std::size_t>(stretches, 1, static_cast<std::size_t>(cores));
    if (count == 1)
        return;
    m_threads = std::make_unique<GradientThreads>(count, cores / static_cast<int>(count));
    for (std::size_t i = 1; i < count; ++i) {
        Replica replica{AgentNetwork(m_network->options()), torch::zeros_like(m_optimizer.gradients())};
        bindParameters(*replica.network, m_optimizer.parameters(), replica.gradients);
        m_replicas.push_back(std::move(replica));
    }
}

} // namespace btcai
