#include "agent/evaluation/AccountRow.h"

#include <cmath>

#include "env/metrics/Performance.h"

namespace btcai {

namespace {

double meanOf(std::span<const protocol::EvaluationRow> rows, double protocol::EvaluationRow::*field)
{
    double sum = 0.0;
    for (const auto& row : rows)
        sum += row.*field;
    return sum / static_cast<double>(rows.size());
}

} // namespace

protocol::EvaluationRow accountRow(const std::string& name, const TradedAccount& account, double initialCash, std::int64_t intervalSeconds)
{
    const Performance performance = measurePerformance(account.equity, intervalSeconds);
    const TradeStatistics trades = measureTrades(account.profits);
    protocol::EvaluationRow row;
    row.name = name;
    row.totalReturn = performance.totalReturn;
    row.sharpe = performance.sharpe;
    row.sortino = performance.sortino;
    row.maxDrawdown = performance.maxDrawdown;
    row.calmar = performance.calmar;
    row.profitFactor = trades.profitFactor;
    row.winRate = trades.winRate;
    row.trades = trades.count;
    row.turnover = account.traded / initialCash;
    row.exposure = account.exposureSum / static_cast<double>(account.equity.size());
    row.costShare = account.costs / initialCash;
    return row;
}

protocol::EvaluationRow meanRow(const std::string& name, std::span<const protocol::EvaluationRow> rows)
{
    using Row = protocol::EvaluationRow;
    Row mean;
    mean.name = name;
    for (const auto field : {&Row::totalReturn, &Row::sharpe, &Row::sortino, &Row::maxDrawdown, &Row::calmar,
                             &Row::profitFactor, &Row::winRate, &Row::turnover, &Row::exposure, &Row::costShare})
        mean.*field = meanOf(rows, field);
    const auto count = static_cast<double>(rows.size());
    double trades = 0.0;
    double squares = 0.0;
    for (const Row& row : rows) {
        trades += static_cast<double>(row.trades);
        squares += (row.totalReturn - mean.totalReturn) * (row.totalReturn - mean.totalReturn);
    }
    mean.trades = static_cast<std::int64_t>(std::llround(trades / count));
    if (rows.size() > 1)
        mean.standardError = std::sqrt(squares / (count - 1.0) / count);
    return mean;
}

std::vector<std::pair<std::string, double>> refusedOrders(const TradingEnv& env)
{
    std::vector<std::pair<std::string, double>> orders;
    const AccountGuard::Refusals refusals = env.refusals();
    for (std::size_t reason = 0; reason < refusals.size(); ++reason)
        if (refusals[reason] > 0)
            orders.emplace_back(guardReasonName(static_cast<GuardReason>(reason)), static_cast<double>(refusals[reason]));
    return orders;
}

} // namespace btcai
