#pragma once

#include <cstdint>
#include <vector>

#include "env/ByteArchive.h"
#include "env/execution/CostModel.h"

namespace btcai {

/// The fee tier of each account. It is settled at midnight (UTC) by what the account traded in the thirty days before.
class FeeVolumes {
public:
    static constexpr std::size_t kDays = 30;

    FeeVolumes() = default;
    FeeVolumes(std::size_t lanes, const CostModel& costs);

    bool empty() const { return m_tiers.empty(); }
    double takerFeeBps(std::size_t lane) const { return m_tiers[m_tier[lane]].takerFeeBps; }
    double makerFeeBps(std::size_t lane) const { return m_tiers[m_tier[lane]].makerFeeBps; }

    /// The account begins anew, in the lowest tier.
    void open(std::size_t lane);
    /// A midnight passed; `traded` is the value of all the account's fills so far.
    void endDay(std::size_t lane, double traded);

    void save(ByteWriter& out) const;
    void load(ByteReader& in);

private:
    std::vector<FeeTier> m_tiers; ///< the base fees first
    std::vector<std::uint8_t> m_tier, m_day;
    std::vector<double> m_tradedAt; ///< [lanes, kDays] at the latest midnights
};

} // namespace btcai
