#include "env/metrics/Performance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/Error.h"

namespace btcai {

namespace {

double largestDrawdown(std::span<const double> equity)
{
    double peak = equity.front();
    double worst = 0.0;
    for (const double value : equity) {
        peak = std::max(peak, value);
        worst = std::max(worst, 1.0 - value / peak);
    }
    return worst;
}

} // namespace

Performance measurePerformance(std::span<const double> equity, std::int64_t intervalSeconds)
{
    for (const double value : equity)
        if (!(value > 0.0) || !std::isfinite(value))
            throw Error(ErrorKind::Numeric, "an equity of {} can't be measured: it must be positive and finite", value);
    Performance result;
    if (equity.size() < 2)
        return result;
    const auto steps = static_cast<double>(equity.size() - 1);
    const double perYear = kSecondsPerYear / static_cast<double>(intervalSeconds);
    const double growth = equity.back() / equity.front();
    result.totalReturn = growth - 1.0;
    result.annualReturn = std::pow(growth, perYear / steps) - 1.0;
    const double mean = std::log(growth) / steps;
    double squares = 0.0;
    double downside = 0.0;
    for (std::size_t i = 1; i < equity.size(); ++i) {
        const double logReturn = std::log(equity[i] / equity[i - 1]);
        squares += (logReturn - mean) * (logReturn - mean);
        downside += std::min(logReturn, 0.0) * std::min(logReturn, 0.0);
    }
    const double deviation = steps > 1.0 ? std::sqrt(squares / (steps - 1.0)) : 0.0;
    const double downsideDeviation = std::sqrt(downside / steps);
    result.volatility = deviation * std::sqrt(perYear);
    // Equal returns differ in their last bits; a ratio to that rounding says nothing.
    result.sharpe = deviation > 1e-15 + 1e-12 * std::abs(mean) ? mean / deviation * std::sqrt(perYear) : 0.0;
    result.sortino = downsideDeviation > 0.0 ? mean / downsideDeviation * std::sqrt(perYear) : 0.0;
    result.maxDrawdown = largestDrawdown(equity);
    result.calmar = result.maxDrawdown > 0.0 ? result.annualReturn / result.maxDrawdown : 0.0;
    return result;
}

TradeStatistics measureTrades(std::span<const double> profits)
{
    TradeStatistics result;
    result.count = static_cast<std::int64_t>(profits.size());
    if (profits.empty())
        return result;
    double gains = 0.0;
    double losses = 0.0;
    for (const double profit : profits)
        (profit > 0.0 ? gains : losses) += std::abs(profit);
    const auto wins = std::ranges::count_if(profits, [](double profit) { return profit > 0.0; });
    result.winRate = static_cast<double>(wins) / static_cast<double>(profits.size());
    if (losses > 0.0)
        result.profitFactor = gains / losses;
    else if (gains > 0.0)
        result.profitFactor = std::numeric_limits<double>::infinity();
    return result;
}

} // namespace btcai
