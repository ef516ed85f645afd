#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace btcai::cli {

inline double wallSeconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

inline double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return 0.5 * (values[values.size() / 2] + values[(values.size() - 1) / 2]);
}

} // namespace btcai::cli
