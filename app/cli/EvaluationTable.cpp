#include "app/cli/EvaluationTable.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "agent/protocol/Codec.h"
#include "base/Clock.h"

namespace btcai::cli {

std::string evaluationTable(const protocol::Evaluation& evaluation)
{
    std::string text = fmt::format("{} part", evaluation.part);
    if (!evaluation.time.empty())
        text += fmt::format(", {} to {}", formatUtc(evaluation.time.front()), formatUtc(evaluation.time.back()));
    if (evaluation.optimisticFills)
        text += "\noptimistic fills: at the close of the decision, which nobody gets";
    text += fmt::format("\n{:<18} {:>18} {:>8} {:>8} {:>9} {:>7} {:>7} {:>9} {:>9} {:>8}\n", "", "return %", "Sharpe", "Sortino",
                        "drawd. %", "trades", "win %", "exposure", "turnover", "costs %");
    for (const auto& row : evaluation.rows) {
        std::string total = fmt::format("{:+.2f}", 100.0 * row.totalReturn);
        if (row.standardError >= 0.0)
            total += fmt::format(" ± {:.2f}", 100.0 * row.standardError);
        text += fmt::format("{:<18} {:>18} {:>8.2f} {:>8.2f} {:>9.2f} {:>7} {:>7.1f} {:>8.1f}% {:>9.2f} {:>8.2f}\n", row.name, total,
                            row.sharpe, row.sortino, 100.0 * row.maxDrawdown, row.trades, 100.0 * row.winRate,
                            100.0 * row.exposure, row.turnover, 100.0 * row.costShare);
    }
    for (const auto& [reason, count] : evaluation.refusedOrders)
        text += fmt::format("{}{} ({:.0f})", text.ends_with('\n') ? "orders refused by the risk guard: " : ", ", reason, count);
    return evaluation.refusedOrders.empty() ? text : text + '\n';
}

Json evaluationJson(const protocol::Evaluation& evaluation)
{
    const auto finite = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
    Json rows = Json::array();
    for (const auto& row : evaluation.rows)
        rows.push_back({{"name", row.name},
                        {"total_return", finite(row.totalReturn)},
                        {"standard_error", row.standardError >= 0.0 ? Json(row.standardError) : Json(nullptr)},
                        {"sharpe", finite(row.sharpe)},
                        {"sortino", finite(row.sortino)},
                        {"max_drawdown", finite(row.maxDrawdown)},
                        {"calmar", finite(row.calmar)},
                        {"profit_factor", finite(row.profitFactor)},
                        {"win_rate", finite(row.winRate)},
                        {"trades", row.trades},
                        {"turnover", finite(row.turnover)},
                        {"exposure", finite(row.exposure)},
                        {"cost_share", finite(row.costShare)}});
    Json json = {{"part", evaluation.part}, {"step", evaluation.step}, {"rows", rows}};
    if (evaluation.optimisticFills)
        json["optimistic_fills"] = true;
    for (const auto& [reason, count] : evaluation.refusedOrders)
        json["refused_orders"][reason] = static_cast<std::int64_t>(count);
    if (!evaluation.time.empty())
        json["from"] = formatUtc(evaluation.time.front()), json["to"] = formatUtc(evaluation.time.back());
    return json;
}

std::string calibrationTable(std::span<const protocol::Calibration> calibrations)
{
    if (calibrations.empty())
        return {};
    std::string text = fmt::format("forecasts, {} part: share of outcomes within intervals of 50, 80, 90 and 95 %, calibrated on the validation part\n",
                                   calibrations.front().part);
    // With an ensemble, of the deviation what the market leaves open and what the agent does not know.
    const bool isEnsemble = std::ranges::any_of(calibrations, [](const auto& calibration) { return calibration.epistemic > 0.0; });
    text += fmt::format("{:<18} {:>24} {:>24} {:>11} {:>11} {:>19}{}\n", "", "as forecast %", "calibrated %", "true / said", "CRPS skill", "error of P(up) %",
                        isEnsemble ? fmt::format(" {:>22}", "noise / unknown bps") : "");
    const auto shares = [](const protocol::Calibration& calibration, double protocol::IntervalCoverage::*which) {
        std::string line;
        for (const auto& at : calibration.coverage)
            line += fmt::format("{}{:.0f}", line.empty() ? "" : " / ", 100.0 * at.*which);
        return line;
    };
    for (const auto& calibration : calibrations)
        text += fmt::format("{:<18} {:>24} {:>24} {:>11.2f} {:>+10.1f}% {:>10.1f} -> {:>5.1f}{}\n", fmt::format("{} bars ahead", calibration.horizonBars),
                            shares(calibration, &protocol::IntervalCoverage::raw), shares(calibration, &protocol::IntervalCoverage::calibrated),
                            calibration.deviationRatio, 100.0 * calibration.crpsSkill, 100.0 * calibration.ece, 100.0 * calibration.calibratedEce,
                            isEnsemble ? fmt::format(" {:>22}", fmt::format("{:.1f} / {:.1f}", 1e4 * calibration.aleatoric, 1e4 * calibration.epistemic)) : "");
    return text;
}

Json calibrationJson(std::span<const protocol::Calibration> calibrations)
{
    Json list = Json::array();
    for (const auto& calibration : calibrations) {
        Json json = Json::parse(protocol::encode(protocol::Event(calibration)));
        json.erase("type");
        list.push_back(std::move(json));
    }
    return list;
}

} // namespace btcai::cli
