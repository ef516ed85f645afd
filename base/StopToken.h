#pragma once

#include <atomic>
#include <memory>

namespace btcai {

/// A shared request to stop. Copies share one flag; asking is sticky, may come from any thread or a signal handler,
/// and never blocks. Long operations take a StopToken and poll it at points where they can leave cleanly.
class StopToken {
public:
    StopToken() : m_flag(std::make_shared<std::atomic<bool>>(false)) {}

    void requestStop() const noexcept { m_flag->store(true, std::memory_order_release); }
    bool stopRequested() const noexcept { return m_flag->load(std::memory_order_acquire); }
    /// Throws Error(Cancelled) once a stop was requested.
    void throwIfStopped() const;

private:
    std::shared_ptr<std::atomic<bool>> m_flag;
};

} // namespace btcai
