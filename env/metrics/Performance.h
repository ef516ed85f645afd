#pragma once

#include <cstdint>
#include <span>

namespace btcai {

inline constexpr double kSecondsPerYear = 365.0 * 86400.0; ///< the market never closes

/// How an equity curve did. Shares, not per cent; annualised figures use 365 days, since the market never closes.
struct Performance {
    double totalReturn = 0.0;  ///< last / first - 1
    double annualReturn = 0.0; ///< (last / first)^(1 / years) - 1
    double volatility = 0.0;   ///< of log returns, annualised
    double sharpe = 0.0;       ///< mean / sample deviation of log returns, annualised; risk-free rate 0; 0 without deviation
    double sortino = 0.0;      ///< mean / downside deviation (root mean square of negative log returns), annualised
    double maxDrawdown = 0.0;  ///< largest 1 - equity / former peak
    double calmar = 0.0;       ///< annualReturn / maxDrawdown; 0 without drawdown
};

/// `equity`: one value a bar, the starting value first, all positive. Throws Error(Numeric) otherwise.
Performance measurePerformance(std::span<const double> equity, std::int64_t intervalSeconds);

/// What closed trades say.
struct TradeStatistics {
    std::int64_t count = 0;
    double winRate = 0.0;      ///< share with a profit above 0
    double profitFactor = 0.0; ///< sum of profits / sum of losses; infinite without a loss but with profit, 0 without either
};

TradeStatistics measureTrades(std::span<const double> profits);

} // namespace btcai
