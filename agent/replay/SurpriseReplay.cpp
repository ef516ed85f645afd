#include "agent/replay/SurpriseReplay.h"

#include <algorithm>
#include <cmath>

#include "agent/ppo/PpoLoss.h"
#include "base/Error.h"
#include "base/Rng.h"

namespace btcai {

using torch::Tensor;

SurpriseReplay::SurpriseReplay(const RunConfig& config, std::int64_t stateSize)
    : m_seed(static_cast<std::uint64_t>(config.seed)), m_alpha(config.replay.alpha),
      m_normalizesAdvantages(config.ppo.normalizeAdvantages), m_capacity(config.replay.capacity), m_bars(config.replay.bars),
      m_accounts(std::min(config.replay.accounts, config.train.accounts)), m_tree(static_cast<std::size_t>(m_capacity))
{
    m_row = torch::zeros({m_capacity}, torch::kInt64);
    m_iteration = torch::zeros({m_capacity}, torch::kInt64);
    for (Tensor* of : {&m_surprise, &m_valueError, &m_returnScale})
        *of = torch::zeros({m_capacity}, torch::kFloat64);
    m_state = torch::zeros({m_capacity, m_bars, m_accounts, stateSize});
    m_action = torch::zeros({m_capacity, m_bars, m_accounts}, torch::kInt64);
    for (Tensor* of : {&m_logProbability, &m_advantage, &m_returns})
        *of = torch::zeros({m_capacity, m_bars, m_accounts});
}

double SurpriseReplay::priority(std::int64_t record) const
{
    return m_surprise.data_ptr<double>()[record] + m_valueError.data_ptr<double>()[record] / m_returnScale.data_ptr<double>()[record];
}

void SurpriseReplay::setWeight(std::int64_t record) { m_tree.set(static_cast<std::size_t>(record), std::pow(priority(record), m_alpha)); }

double SurpriseReplay::meanPriority() const
{
    double sum = 0.0;
    for (std::int64_t i = 0; i < m_count; ++i)
        sum += priority(i);
    return m_count > 0 ? sum / static_cast<double>(m_count) : 0.0;
}

void SurpriseReplay::add(const RolloutBuffer& buffer, std::int64_t iteration)
{
    if (buffer.steps % m_bars != 0 || buffer.accounts < m_accounts)
        throw Error(ErrorKind::Internal, "a rollout of {} bars and {} accounts has no segments of {} bars and {} accounts", buffer.steps, buffer.accounts,
                    m_bars, m_accounts);
    torch::NoGradGuard guard;
    constexpr double kLeastScale = 1e-8; // returns that do not differ
    const double scale = std::max(kLeastScale, buffer.returns.to(torch::kFloat64).std().item<double>());
    const Tensor advantage = m_normalizesAdvantages ? normalizedAdvantage(buffer.advantage) : buffer.advantage;
    const Tensor valueError = (buffer.returns - buffer.value).to(torch::kFloat64).square();
    for (std::int64_t g = 0; g < buffer.stretches; ++g)
        for (std::int64_t first = 0; first < buffer.steps; first += m_bars) {
            const auto part = [&](const Tensor& all) { return all.select(0, g).narrow(0, first, m_bars); };
            const auto own = [&](const Tensor& all) { return part(all).narrow(1, 0, m_accounts); };
            const std::int64_t at = m_next;
            m_row[at] = buffer.startRow[static_cast<std::size_t>(g)] + first;
            m_iteration[at] = iteration;
            m_surprise[at] = part(buffer.surprise).to(torch::kFloat64).square().mean().sqrt();
            m_valueError[at] = part(valueError).mean().sqrt();
            m_returnScale[at] = scale;
            m_state[at].copy_(own(buffer.state));
            m_action[at].copy_(own(buffer.action));
            m_logProbability[at].copy_(own(buffer.logProbability));
            m_advantage[at].copy_(own(advantage));
            m_returns[at].copy_(own(buffer.returns));
            setWeight(at);
            m_next = (m_next + 1) % m_capacity;
            m_count = std::min(m_count + 1, m_capacity);
        }
}

std::vector<ReplayDraw> SurpriseReplay::draw(const RunConfig::Replay& options, std::int64_t iteration, std::int64_t step, double progress) const
{
    std::vector<ReplayDraw> draws;
    if (m_count == 0)
        return draws;
    const double beta = options.beta + (1.0 - options.beta) * progress;
    Rng rng(m_seed, "replay", static_cast<std::uint64_t>(iteration), static_cast<std::uint64_t>(step));
    double largest = 0.0;
    for (std::int64_t i = 0; i < options.segments; ++i) {
        // One from each of equal parts of the mass.
        const double mass = m_tree.total() * (static_cast<double>(i) + rng.uniform()) / static_cast<double>(options.segments);
        const auto record = static_cast<std::int64_t>(m_tree.find(mass));
        const double probability = m_tree.weight(static_cast<std::size_t>(record)) / m_tree.total();
        const auto one = [record](const Tensor& all) { return all.narrow(0, record, 1); };
        draws.push_back({.record = record,
                         .row = m_row[record].item<std::int64_t>(),
                         .age = iteration - m_iteration[record].item<std::int64_t>(),
                         .weight = std::pow(static_cast<double>(m_count) * probability, -beta),
                         .state = one(m_state),
                         .action = one(m_action),
                         .logProbability = one(m_logProbability),
                         .advantage = one(m_advantage),
                         .returns = one(m_returns)});
        largest = std::max(largest, draws.back().weight);
    }
    for (ReplayDraw& draw : draws)
        draw.weight /= largest;
    return draws;
}

void SurpriseReplay::observe(const std::vector<ReplayObservation>& observations)
{
    for (const ReplayObservation& seen : observations) {
        m_surprise[seen.record] = seen.surprise;
        if (seen.valueError >= 0.0)
            m_valueError[seen.record] = seen.valueError;
        setWeight(seen.record);
    }
}

std::vector<std::pair<const char*, Tensor*>> SurpriseReplay::tensors()
{
    return {{"row", &m_row}, {"iteration", &m_iteration}, {"surprise", &m_surprise}, {"value_error", &m_valueError}, {"return_scale", &m_returnScale},
            {"state", &m_state}, {"action", &m_action}, {"log_probability", &m_logProbability}, {"advantage", &m_advantage}, {"returns", &m_returns}};
}

TensorFile SurpriseReplay::snapshot() const
{
    TensorFile file;
    for (const auto& [name, tensor] : const_cast<SurpriseReplay*>(this)->tensors())
        file.tensors.emplace(name, tensor->narrow(0, 0, m_count).clone());
    file.tensors.emplace("next", torch::tensor({m_next}, torch::kInt64));
    return file;
}

void SurpriseReplay::restore(const TensorFile& snapshot)
{
    const auto find = [&](const char* name) -> const Tensor& {
        const auto found = snapshot.tensors.find(name);
        if (found == snapshot.tensors.end() || found->second.dim() == 0)
            throw Error(ErrorKind::Corrupt, "the replay of the checkpoint lacks the tensor '{}'", name);
        return found->second;
    };
    const std::int64_t count = find("row").size(0);
    for (const auto& [name, tensor] : tensors()) {
        const Tensor& read = find(name);
        std::vector<std::int64_t> wanted = tensor->sizes().vec();
        wanted[0] = count;
        if (count > m_capacity || read.sizes().vec() != wanted || read.scalar_type() != tensor->scalar_type())
            throw Error(ErrorKind::Corrupt, "the replay of the checkpoint does not fit: tensor '{}' is of other sizes than this run's", name);
    }
    const Tensor& next = find("next");
    if (next.numel() != 1 || next.scalar_type() != torch::kInt64 || next.item<std::int64_t>() < 0 || next.item<std::int64_t>() >= m_capacity)
        throw Error(ErrorKind::Corrupt, "the replay of the checkpoint does not say which record is next");
    for (const auto& [name, tensor] : tensors())
        tensor->narrow(0, 0, count).copy_(find(name));
    m_count = count;
    m_next = next.item<std::int64_t>();
    for (std::int64_t record = 0; record < m_count; ++record)
        setWeight(record);
}

} // namespace btcai
