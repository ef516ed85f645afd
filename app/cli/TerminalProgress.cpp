#include "app/cli/TerminalProgress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <unistd.h>

#include "base/Clock.h"

namespace btcai::cli {

namespace {

std::string duration(double seconds)
{
    const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
    return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                         : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

double valueOf(const protocol::Metrics& metrics, std::string_view name)
{
    for (const auto& [key, value] : metrics.values)
        if (key == name)
            return value;
    return std::nan("");
}

} // namespace

TerminalProgress::TerminalProgress(EventSink& next, bool quiet) : m_next(next), m_quiet(quiet), m_terminal(::isatty(STDERR_FILENO) == 1) {}

TerminalProgress::~TerminalProgress()
{
    if (m_open)
        fmt::print(stderr, "\n");
}

void TerminalProgress::line(const std::string& text)
{
    if (std::exchange(m_open, false))
        fmt::print(stderr, "\n");
    fmt::print(stderr, "{}\n", text);
}

void TerminalProgress::send(const protocol::Event& event)
{
    m_next.send(event);
    const std::lock_guard lock(m_mutex);
    if (const auto* notice = std::get_if<protocol::Notice>(&event)) {
        if (!m_quiet || notice->level != "info")
            line(fmt::format("{}: {}", notice->level, notice->message));
    } else if (m_quiet) {
        return;
    } else if (const auto* metrics = std::get_if<protocol::Metrics>(&event)) {
        show(*metrics);
    } else if (const auto* info = std::get_if<protocol::RunInfo>(&event)) {
        line(fmt::format("{}: {} bars, {} features, {} parameters; training part {} to {} UTC", info->runFolder, info->bars,
                         info->features, info->parameters, formatUtc(info->trainFrom), formatUtc(info->trainTo)));
    } else if (const auto* resumed = std::get_if<protocol::Resumed>(&event)) {
        line(fmt::format("resumed from {} at step {}", resumed->checkpoint, resumed->step));
    }
}

void TerminalProgress::show(const protocol::Metrics& m)
{
    if (!m_terminal && m.elapsedSeconds - m_lastShown < 10.0 && m.step < m.totalSteps)
        return;
    m_lastShown = m.elapsedSeconds;
    const double share = std::min(100.0, 100.0 * static_cast<double>(m.step) / static_cast<double>(m.totalSteps));
    const std::string text
        = fmt::format("{:5.1f} %  step {}  {:.0f} steps/s  entropy {:.3f}  KL {:.4f}  exposure {:.0f} %  {} left {}", share, m.step,
                      valueOf(m, "account_steps_per_s"), valueOf(m, "entropy"), valueOf(m, "approx_kl"),
                      100.0 * valueOf(m, "exposure"), duration(m.elapsedSeconds), duration(m.remainingSeconds));
    if (m_terminal) {
        fmt::print(stderr, "\r{}\x1b[K", text);
        std::fflush(stderr);
        m_open = true;
    } else {
        line(text);
    }
}

} // namespace btcai::cli
