#include "env/account/FeeVolumes.h"

#include <algorithm>

namespace btcai {

FeeVolumes::FeeVolumes(std::size_t lanes, const CostModel& costs)
{
    if (costs.tiers.empty())
        return;
    if (costs.tiers.size() > 100)
        throw Error(ErrorKind::BadInput, "fee tiers: at most 100, found {}", costs.tiers.size());
    m_tiers.push_back({0.0, costs.takerFeeBps, costs.makerFeeBps});
    m_tiers.insert(m_tiers.end(), costs.tiers.begin(), costs.tiers.end());
    m_tier.resize(lanes);
    m_day.resize(lanes);
    m_tradedAt.resize(lanes * kDays);
    for (std::size_t lane = 0; lane < lanes; ++lane)
        open(lane);
}

void FeeVolumes::open(std::size_t lane)
{
    if (empty())
        return;
    m_day[lane] = 0;
    std::fill_n(m_tradedAt.begin() + static_cast<std::ptrdiff_t>(lane * kDays), kDays, 0.0);
    endDay(lane, 0.0);
}

void FeeVolumes::endDay(std::size_t lane, double traded)
{
    if (empty())
        return;
    double& thirtyDaysAgo = m_tradedAt[lane * kDays + m_day[lane]];
    const double volume = traded - thirtyDaysAgo;
    thirtyDaysAgo = traded;
    m_day[lane] = static_cast<std::uint8_t>((m_day[lane] + 1) % kDays);
    const auto reached = [volume](const FeeTier& tier) { return tier.volume <= volume; };
    // A first tier from volume 0 on replaces the base fees at once.
    const auto above = std::find_if_not(m_tiers.begin() + 1, m_tiers.end(), reached);
    m_tier[lane] = static_cast<std::uint8_t>(above - m_tiers.begin() - 1);
}

void FeeVolumes::save(ByteWriter& out) const
{
    out.write(m_tier);
    out.write(m_day);
    out.write(m_tradedAt);
}

void FeeVolumes::load(ByteReader& in)
{
    in.read(m_tier);
    in.read(m_day);
    in.read(m_tradedAt);
    for (std::size_t lane = 0; lane < m_tier.size(); ++lane)
        if (m_tier[lane] >= m_tiers.size() || m_day[lane] >= kDays)
            throw Error(ErrorKind::Corrupt, "environment snapshot: a fee tier that there is not");
}

} // namespace btcai
