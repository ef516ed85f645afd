#include "env/account/Funding.h"

namespace btcai {

namespace {

constexpr std::int64_t kPeriod = 8 * 3600;

/// How many multiples of the period lie in (after, until].
std::int64_t settlements(std::int64_t after, std::int64_t until)
{
    const auto floorDivide = [](std::int64_t a) { return a >= 0 ? a / kPeriod : -((-a + kPeriod - 1) / kPeriod); };
    return floorDivide(until) - floorDivide(after);
}

} // namespace

std::vector<double> fundingRates(const Market& market, double constantRate)
{
    const auto known = market.funding.rates();
    std::vector<double> rates(market.rows());
    std::size_t next = market.funding.countUntil(market.startTime - market.intervalSeconds);
    for (std::size_t row = 0; row < market.rows(); ++row) {
        const std::int64_t until = market.timestamp(row);
        const bool covered = !known.empty() && until >= known.front().timestamp && until < known.back().timestamp + kPeriod;
        for (; next < known.size() && known[next].timestamp <= until; ++next)
            rates[row] += known[next].rate;
        if (!covered)
            rates[row] += constantRate * static_cast<double>(settlements(until - market.intervalSeconds, until));
    }
    return rates;
}

} // namespace btcai
