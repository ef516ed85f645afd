#include "app/gui/training/RunStore.h"

#include <algorithm>
#include <cmath>

namespace btcai::gui {

namespace {

constexpr std::size_t kMaxParts = 8;
constexpr std::size_t kMaxHorizons = 16;

/// Shares of one whole are stacked, so their points must stay aligned.
Series::Thinning thinningOf(std::string_view name)
{
    const bool share = name.starts_with("share_") || name.starts_with("time_") || name.starts_with("gate_");
    return share ? Series::Thinning::Mean : Series::Thinning::MinMax;
}

} // namespace

void RunStore::apply(const protocol::Event& event)
{
    std::visit([this](const auto& message) { on(message); }, event);
    ++m_revision;
}

const Series* RunStore::series(std::string_view name) const
{
    const auto found = m_series.find(name);
    return found == m_series.end() ? nullptr : &found->second;
}

std::string RunStore::evaluationSeries(std::string_view part, std::string_view row)
{
    return std::string(part) + "/" + std::string(row);
}

std::optional<double> RunStore::latest(std::string_view name) const
{
    if (!m_metrics)
        return std::nullopt;
    const auto found = std::ranges::find(m_metrics->values, name, [](const auto& pair) { return pair.first; });
    if (found == m_metrics->values.end() || !std::isfinite(found->second))
        return std::nullopt;
    return found->second;
}

const protocol::Evaluation* RunStore::evaluation(std::string_view part) const
{
    const auto found = m_evaluations.find(part);
    return found == m_evaluations.end() ? nullptr : &found->second;
}

void RunStore::append(std::string_view name, double step, double value)
{
    auto found = m_series.find(name);
    if (found == m_series.end()) {
        if (m_series.size() >= kMaxSeries) // a worker that invents names must not fill the memory
            return;
        found = m_series.emplace(std::string(name), Series(thinningOf(name))).first;
    }
    found->second.append(step, value);
}

void RunStore::on(const protocol::Hello& hello)
{
    m_hello = hello;
    m_state = protocol::WorkerState::Ready;
    m_stateDetail.clear();
}

void RunStore::on(const protocol::StateChanged& change)
{
    m_state = change.state;
    m_stateDetail = change.detail;
    m_step = std::max(m_step, change.step);
}

void RunStore::on(const protocol::RunInfo& info) { m_info = info; }

void RunStore::on(const protocol::Resumed& resumed)
{
    const auto step = static_cast<double>(resumed.step);
    for (auto& [name, series] : m_series)
        series.truncateAfter(step);
    std::erase_if(m_trades, [&](const NumberedTrade& t) { return t.trade.step > resumed.step; });
    std::erase_if(m_evaluations, [&](const auto& item) { return item.second.step > resumed.step; });
    std::erase_if(m_forecasts, [&](const auto& item) { return item.second.step > resumed.step; });
    std::erase_if(m_calibrations, [&](const auto& item) { return item.second.step > resumed.step; });
    if (m_metrics && m_metrics->step > resumed.step)
        m_metrics.reset();
    m_tradesSeen = 0; // numbered afresh, without the holes
    for (NumberedTrade& trade : m_trades)
        trade.number = m_tradesSeen++;
    ++m_tradeGeneration;
    m_step = resumed.step;
}

void RunStore::on(const protocol::Metrics& metrics)
{
    m_metrics = metrics;
    m_step = std::max(m_step, metrics.step);
    // What the latest evaluation no longer tells of is a horizon that was left.
    const auto forget = [](auto& horizons) {
        std::int64_t latest = 0;
        for (const auto& [bars, message] : horizons)
            latest = std::max(latest, message.step);
        std::erase_if(horizons, [latest](const auto& item) { return item.second.step < latest; });
    };
    forget(m_forecasts);
    forget(m_calibrations);
    for (const auto& [name, value] : metrics.values)
        append(name, static_cast<double>(metrics.step), value);
}

void RunStore::on(const protocol::Trade& trade)
{
    m_trades.push_back({m_tradesSeen++, trade});
    if (m_trades.size() > kMaxTrades)
        m_trades.pop_front();
}

void RunStore::on(const protocol::Forecast& forecast)
{
    if (m_forecasts.size() < kMaxHorizons || m_forecasts.contains(forecast.horizonBars))
        m_forecasts.insert_or_assign(forecast.horizonBars, forecast);
}

void RunStore::on(const protocol::Calibration& calibration)
{
    if (m_calibrations.size() < kMaxHorizons || m_calibrations.contains(calibration.horizonBars))
        m_calibrations.insert_or_assign(calibration.horizonBars, calibration);
}

void RunStore::on(const protocol::Evaluation& evaluation)
{
    const auto step = static_cast<double>(evaluation.step);
    for (const protocol::EvaluationRow& row : evaluation.rows) {
        const std::string name = evaluationSeries(evaluation.part, row.name);
        append(name, step, row.totalReturn);
        if (row.standardError >= 0.0)
            append(name + "/error", step, row.standardError);
    }
    if (m_evaluations.size() < kMaxParts || m_evaluations.contains(evaluation.part))
        m_evaluations.insert_or_assign(evaluation.part, evaluation);
}

void RunStore::on(const protocol::CheckpointSaved& checkpoint) { m_checkpoint = checkpoint; }

void RunStore::on(const protocol::Heartbeat& heartbeat)
{
    m_heartbeat = heartbeat;
    m_step = std::max(m_step, heartbeat.step);
}

void RunStore::on(const protocol::Notice& notice)
{
    m_notices.push_back(notice);
    if (m_notices.size() > kMaxNotices)
        m_notices.pop_front();
}

} // namespace btcai::gui
