#include "agent/ppo/PpoUpdater.h"

#include <cmath>
#include <numeric>

#include "agent/ppo/PpoLoss.h"
#include "base/Rng.h"

namespace btcai {

namespace {

using torch::Tensor;

/// Fisher and Yates, by draws that (iteration, epoch) name.
std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, std::int64_t iteration, std::int64_t epoch)
{
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    Rng rng(seed, "minibatch", static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(iteration));
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[rng.below(i)]);
    return order;
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
    const std::vector<std::int64_t> order = permutation(count, m_seed, iteration, epoch);
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
    for (std::int64_t epoch = 0; epoch < options.epochs && !sums.stoppedByKl && !sums.notFinite; ++epoch) {
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
    const torch::Device device = m_market ? m_market->device() : torch::kCPU;
    const auto pick = [&](const Tensor& tensor) {
        // Without a market every sample is a stretch of one step of one account.
        const Tensor source = m_market ? tensor : tensor.reshape({-1, 1, 1, tensor.dim() == 4 ? tensor.size(3) : 1});
        const Tensor picked = source.index_select(0, indices).to(device);
        return tensor.dim() == 4 || m_market ? picked : picked.squeeze(3);
    };

    Tensor z;
    Tensor forecastLoss = torch::zeros({}, device);
    if (m_market) {
        std::vector<std::int64_t> starts;
        for (std::int64_t i = 0; i < indices.numel(); ++i)
            starts.push_back(buffer.startRow[static_cast<std::size_t>(indices[i].item<std::int64_t>())]);
        auto& encoder = m_network->encoder();
        z = encoder(m_market->stretches(starts, encoder->contextRows(), buffer.steps)).embedding;
        if (m_network->options().horizons > 0) {
            const ForecastOutput forecast = m_network->forecast(z);
            forecastLoss = gaussianNll(forecast.mean, forecast.logDeviation, m_market->targets(starts, buffer.steps));
        }
    }
    const HeadOutput heads = m_network->heads(z, pick(buffer.state));
    const PpoLoss loss = ppoLoss(heads.logits, heads.value, pick(buffer.action), pick(buffer.logProbability),
                                 pick(buffer.advantage), pick(buffer.returns),
                                 {.clipRange = options.clipRange,
                                  .valueCoefficient = options.valueCoefficient,
                                  .entropyCoefficient = schedule.entropyCoefficient,
                                  .normalizeAdvantages = options.normalizeAdvantages});
    const double kl = loss.approxKl.item<double>();
    if (options.targetKl > 0.0 && kl > options.targetKl) {
        sums.stoppedByKl = true; // this minibatch would move the policy further still
        if (sums.minibatches > 0)
            return false;
    }
    m_optimizer.zeroGradients();
    const Tensor total = loss.total + options.forecastCoefficient * forecastLoss;
    total.backward();
    const double norm = m_optimizer.gradientNorm();
    if (!std::isfinite(norm) || !std::isfinite(total.item<double>())) {
        sums.notFinite = true;
        return false;
    }
    m_optimizer.step(schedule.learningRate, norm, options.maxGradNorm);
    sums.policyLoss += loss.policy.item<double>();
    sums.valueLoss += loss.value.item<double>();
    sums.forecastLoss += forecastLoss.item<double>();
    sums.entropy += loss.entropy.item<double>();
    sums.approxKl += kl;
    sums.clipFraction += loss.clipFraction.item<double>();
    sums.gradNorm += norm;
    ++sums.minibatches;
    return true;
}

} // namespace btcai
