#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <vector>

namespace btcai::cli {

inline double wallSeconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Processor time of CLOCK_PROCESS_CPUTIME_ID or CLOCK_THREAD_CPUTIME_ID: neighbours on the machine count little.
inline double cpuSeconds(clockid_t clock)
{
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// The least value that a share of the values does not exceed: the nearest rank.
inline double percentile(std::vector<double> values, double share)
{
    std::ranges::sort(values);
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
}

inline double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return 0.5 * (values[values.size() / 2] + values[(values.size() - 1) / 2]);
}

} // namespace btcai::cli
