#pragma once

#include <chrono>

namespace btcai {

/// Charges the time since the last call, or since it was made, to what it was spent on.
class LapTimer {
public:
    void charge(double& seconds)
    {
        const auto now = std::chrono::steady_clock::now();
        seconds += std::chrono::duration<double>(now - m_last).count();
        m_last = now;
    }

private:
    std::chrono::steady_clock::time_point m_last = std::chrono::steady_clock::now();
};

} // namespace btcai
