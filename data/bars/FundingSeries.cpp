#include "data/bars/FundingSeries.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"
#include "data/bars/FieldHash.h"

namespace btcai {

FundingSeries::FundingSeries(std::string instrument, std::vector<FundingRate> rates)
    : m_instrument(std::move(instrument)), m_rates(std::move(rates))
{
    for (std::size_t i = 0; i < m_rates.size(); ++i) {
        if (!std::isfinite(m_rates[i].rate))
            throw Error(ErrorKind::BadInput, "{}: the funding rate of time {} is not a finite number", m_instrument, m_rates[i].timestamp);
        if (i > 0 && m_rates[i].timestamp <= m_rates[i - 1].timestamp)
            throw Error(ErrorKind::BadInput, "{}: the funding rate of time {} does not come after that of time {}", m_instrument,
                        m_rates[i].timestamp, m_rates[i - 1].timestamp);
    }
}

std::size_t FundingSeries::countUntil(std::int64_t time) const
{
    return static_cast<std::size_t>(std::ranges::upper_bound(m_rates, time, {}, &FundingRate::timestamp) - m_rates.begin());
}

std::optional<FundingRate> FundingSeries::latest(std::int64_t time) const
{
    const std::size_t count = countUntil(time);
    return count == 0 ? std::nullopt : std::optional(m_rates[count - 1]);
}

std::string FundingSeries::contentHash() const
{
    FieldHash hash;
    hash.addText("btcai-funding");
    hash.addText(m_instrument);
    hash.addWord(m_rates.size());
    for (const FundingRate& rate : m_rates) {
        hash.addWord(static_cast<std::uint64_t>(rate.timestamp));
        hash.addDoubles(std::span(&rate.rate, 1));
    }
    return hash.hexDigest();
}

} // namespace btcai
