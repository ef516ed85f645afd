#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace btcai {

/// One settlement of a perpetual swap: at `timestamp` (UTC seconds) longs pay shorts `rate` times the position's value.
struct FundingRate {
    std::int64_t timestamp = 0;
    double rate = 0.0; ///< a share: 0.0001 is one basis point
};

/// The settlements of one instrument in strictly increasing time. Known from their timestamp on, not before.
class FundingSeries {
public:
    FundingSeries() = default;
    /// Throws Error(BadInput) naming the first settlement that is out of order or whose rate is not finite.
    FundingSeries(std::string instrument, std::vector<FundingRate> rates);

    const std::string& instrument() const { return m_instrument; }
    std::span<const FundingRate> rates() const { return m_rates; }
    bool empty() const { return m_rates.empty(); }
    std::size_t size() const { return m_rates.size(); }
    /// How many settlements are known at `time`: those stamped at or before it.
    std::size_t countUntil(std::int64_t time) const;
    /// The latest settlement known at `time`, or nothing.
    std::optional<FundingRate> latest(std::int64_t time) const;

    /// SHA-256 over instrument, times and the bits of the rates, in hex.
    std::string contentHash() const;

private:
    std::string m_instrument;
    std::vector<FundingRate> m_rates;
};

} // namespace btcai
