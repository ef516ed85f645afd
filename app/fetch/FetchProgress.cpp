#include "app/fetch/FetchProgress.h"

#include <cmath>
#include <cstdio>

#include <unistd.h>

namespace btcai::fetch {

namespace {

constexpr double kSecondsBetweenLines = 10.0;

std::string lineOf(const DownloadProgress& progress)
{
    const auto left = static_cast<long long>(std::llround(progress.remainingSeconds));
    return fmt::format("{:5.1f} %  {} bars  {} left",
                       100.0 * static_cast<double>(progress.coveredSeconds) / static_cast<double>(progress.to - progress.from),
                       progress.bars,
                       left >= 3600 ? fmt::format("{}:{:02}:{:02}", left / 3600, left / 60 % 60, left % 60)
                                    : fmt::format("{}:{:02}", left / 60, left % 60));
}

} // namespace

FetchProgress::FetchProgress(bool quiet) : m_quiet(quiet), m_terminal(::isatty(STDERR_FILENO) == 1) {}

FetchProgress::~FetchProgress()
{
    if (m_open)
        fmt::print(stderr, "\n");
}

void FetchProgress::show(const DownloadProgress& progress)
{
    if (m_quiet || (!m_terminal && progress.elapsedSeconds - m_lastShown < kSecondsBetweenLines))
        return;
    m_lastShown = progress.elapsedSeconds;
    m_open = m_terminal;
    if (m_terminal)
        fmt::print(stderr, "\r{}\x1b[K", lineOf(progress));
    else
        fmt::print(stderr, "{}\n", lineOf(progress));
    std::fflush(stderr);
}

} // namespace btcai::fetch
