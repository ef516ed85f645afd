#include "agent/memory/ContextMemory.h"

#include <algorithm>

// With its vectorised code hnswlib 0.6 also looks one link past the end of a list, for what to fetch ahead; without it sums do not depend on the processor either.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include "base/Error.h"

namespace btcai {

using torch::Tensor;

namespace {

constexpr std::size_t kLinks = 16;           ///< of a node of the graph, "M"
constexpr std::size_t kConstruction = 100;   ///< candidates looked at when a node is put in
/// Candidates for each that is wanted, since some are not over yet.
constexpr std::int64_t kCandidates = 4;

} // namespace

struct ContextMemory::Graph {
    Graph(std::int64_t width, std::int64_t count) : space(static_cast<std::size_t>(width)), nodes(&space, static_cast<std::size_t>(count), kLinks, kConstruction) {}
    hnswlib::InnerProductSpace space;
    hnswlib::HierarchicalNSW<float> nodes;
};

void ContextMemory::Situations::append(const Situations& other, std::int64_t capacity)
{
    for (Tensor Situations::*part : {&Situations::keys, &Situations::closedAt, &Situations::outcomes}) {
        const Tensor all = torch::cat({this->*part, other.*part});
        const std::int64_t left = std::min(all.size(0), capacity);
        this->*part = all.narrow(0, all.size(0) - left, left).clone();
    }
}

ContextMemory::ContextMemory(const RunConfig::Memory& options, std::int64_t width)
    : m_options(options), m_width(width), m_kept(none()), m_waiting(none())
{
}

ContextMemory::~ContextMemory() = default;
ContextMemory::ContextMemory(ContextMemory&&) noexcept = default;

ContextMemory::Situations ContextMemory::none() const
{
    return {.keys = torch::empty({0, m_width}), .closedAt = torch::empty({0}, torch::kInt64), .outcomes = torch::empty({0}, torch::kFloat64)};
}

void ContextMemory::add(const Tensor& keys, std::span<const std::int64_t> closedAt, std::span<const double> outcomes)
{
    torch::NoGradGuard guard;
    const Tensor lengths = keys.norm(2, 1, true).clamp_min(1e-12);
    m_waiting.append({.keys = keys / lengths,
                      .closedAt = torch::tensor(std::vector<std::int64_t>(closedAt.begin(), closedAt.end()), torch::kInt64),
                      .outcomes = torch::tensor(std::vector<double>(outcomes.begin(), outcomes.end()), torch::kFloat64)},
                     m_options.capacity);
}

void ContextMemory::index()
{
    if (m_waiting.count() == 0)
        return;
    m_kept.append(m_waiting, m_options.capacity);
    m_waiting = none();
    buildGraph();
}

void ContextMemory::buildGraph()
{
    m_graph.reset();
    if (m_kept.count() == 0)
        return;
    m_graph = std::make_unique<Graph>(m_width, m_kept.count());
    for (std::int64_t i = 0; i < m_kept.count(); ++i)
        m_graph->nodes.addPoint(m_kept.keys.data_ptr<float>() + i * m_width, static_cast<std::size_t>(i));
    m_graph->nodes.setEf(static_cast<std::size_t>(2 * kCandidates * m_options.neighbours));
}

Recall ContextMemory::recall(const Tensor& key, std::int64_t now) const
{
    Recall recall;
    if (!m_graph)
        return recall;
    const Tensor unit = (key / key.norm().clamp_min(1e-12)).to(torch::kFloat32).contiguous();
    // Of the furthest first.
    auto found = m_graph->nodes.searchKnn(unit.data_ptr<float>(), static_cast<std::size_t>(std::min(kCandidates * m_options.neighbours, m_kept.count())));
    std::vector<std::int64_t> nearest;
    for (; !found.empty(); found.pop())
        if (1.0 - found.top().first >= m_options.similarity)
            nearest.push_back(static_cast<std::int64_t>(found.top().second));
    double sum = 0.0;
    for (auto at = nearest.rbegin(); at != nearest.rend() && recall.count < m_options.neighbours; ++at) {
        if (m_kept.closedAt.data_ptr<std::int64_t>()[*at] > now)
            continue;
        const double outcome = m_kept.outcomes.data_ptr<double>()[*at];
        ++recall.count;
        recall.up += outcome > 0.0 ? 1 : 0;
        sum += outcome;
    }
    if (recall.count > 0)
        recall.mean = sum / static_cast<double>(recall.count);
    return recall;
}

TensorFile ContextMemory::snapshot() const
{
    return {.tensors = {{"keys", m_kept.keys},
                        {"closed_at", m_kept.closedAt},
                        {"outcomes", m_kept.outcomes},
                        {"waiting_keys", m_waiting.keys},
                        {"waiting_closed_at", m_waiting.closedAt},
                        {"waiting_outcomes", m_waiting.outcomes}},
            .metadata = {}};
}

void ContextMemory::restore(const TensorFile& snapshot)
{
    const auto read = [&](const std::string& prefix) {
        const auto find = [&](const std::string& name, torch::ScalarType type) {
            const auto found = snapshot.tensors.find(prefix + name);
            if (found == snapshot.tensors.end() || found->second.scalar_type() != type || found->second.dim() < 1)
                throw Error(ErrorKind::Corrupt, "the memory of the checkpoint lacks the tensor '{}'", prefix + name);
            return found->second.clone();
        };
        const Situations of{.keys = find("keys", torch::kFloat32), .closedAt = find("closed_at", torch::kInt64), .outcomes = find("outcomes", torch::kFloat64)};
        if (of.keys.dim() != 2 || of.keys.size(1) != m_width || of.closedAt.sizes() != of.outcomes.sizes() || of.closedAt.numel() != of.count()
            || of.count() > m_options.capacity)
            throw Error(ErrorKind::Corrupt, "the memory of the checkpoint does not fit: it is not of {} numbers a situation, or of more than {} situations",
                        m_width, m_options.capacity);
        return of;
    };
    Situations kept = read(""), waiting = read("waiting_");
    m_kept = std::move(kept);
    m_waiting = std::move(waiting);
    buildGraph();
}

} // namespace btcai
