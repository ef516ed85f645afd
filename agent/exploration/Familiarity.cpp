#include "agent/exploration/Familiarity.h"

#include "base/Error.h"

namespace btcai {

using torch::Tensor;

namespace {

Tensor unitRows(const Tensor& z) { return z / z.norm(2, -1, true).clamp_min(1e-12); }

} // namespace

Familiarity::Familiarity(std::int64_t width) : m_kept(torch::empty({0, width})), m_ranked(torch::empty({0})) {}

/// `own`: the rows are the ones kept, each of which is no neighbour of itself.
Tensor Familiarity::densities(const Tensor& units, bool own) const
{
    Tensor cosines = torch::mm(units, m_kept.t());
    if (own)
        cosines.fill_diagonal_(-2.0);
    return std::get<0>(cosines.topk(kNeighbours, 1)).mean(1);
}

Tensor Familiarity::of(const Tensor& z) const
{
    std::vector<std::int64_t> shape(z.sizes().begin(), z.sizes().end() - 1);
    if (m_kept.size(0) < kLeast)
        return torch::full(shape, 0.5);
    torch::NoGradGuard guard;
    const Tensor density = densities(unitRows(z.reshape({-1, z.size(-1)}).to(torch::kCPU)), false).contiguous();
    return (torch::searchsorted(m_ranked, density).to(torch::kFloat32) / static_cast<double>(m_ranked.size(0))).reshape(shape);
}

void Familiarity::add(const Tensor& z)
{
    torch::NoGradGuard guard;
    const Tensor all = torch::cat({m_kept, unitRows(z.to(torch::kCPU))});
    const std::int64_t count = std::min(all.size(0), kKept);
    keep(all.narrow(0, all.size(0) - count, count).clone());
}

void Familiarity::keep(Tensor units)
{
    m_kept = std::move(units);
    m_ranked = m_kept.size(0) > kNeighbours ? std::get<0>(densities(m_kept, true).sort()).contiguous() : torch::empty({0});
}

TensorFile Familiarity::snapshot() const { return {.tensors = {{"kept", m_kept}}, .metadata = {}}; }

void Familiarity::restore(const TensorFile& snapshot)
{
    const auto found = snapshot.tensors.find("kept");
    if (found == snapshot.tensors.end() || found->second.dim() != 2 || found->second.size(1) != m_kept.size(1) || found->second.size(0) > kKept
        || found->second.scalar_type() != torch::kFloat32)
        throw Error(ErrorKind::Corrupt, "the familiarity of the checkpoint holds no embeddings of {} numbers", m_kept.size(1));
    keep(found->second.clone());
}

} // namespace btcai
