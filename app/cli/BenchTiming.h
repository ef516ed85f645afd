#pragma once

#include <algorithm>
#include <chrono>
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

inline double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return 0.5 * (values[values.size() / 2] + values[(values.size() - 1) / 2]);
}

} // namespace btcai::cli
