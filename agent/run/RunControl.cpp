#include "agent/run/RunControl.h"

#include <chrono>

namespace btcai {

void RunControl::pause()
{
    const std::lock_guard lock(m_mutex);
    m_paused = true;
}

void RunControl::resume()
{
    const std::lock_guard lock(m_mutex);
    m_paused = false;
    m_changed.notify_all();
}

void RunControl::stop()
{
    const std::lock_guard lock(m_mutex);
    m_stop.requestStop();
    m_changed.notify_all();
}

void RunControl::requestCheckpoint()
{
    const std::lock_guard lock(m_mutex);
    m_checkpoint = true;
}

void RunControl::setField(std::string key, std::string text)
{
    const std::lock_guard lock(m_mutex);
    m_fields.emplace_back(std::move(key), std::move(text));
}

bool RunControl::stopRequested() const
{
    return m_stop.stopRequested();
}

bool RunControl::takeCheckpointRequest()
{
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_checkpoint, false);
}

std::vector<FieldOverride> RunControl::takeFields()
{
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_fields, {});
}

double RunControl::waitWhilePaused(const std::function<void()>& onPaused, const std::function<void()>& onResumed)
{
    {
        const std::lock_guard lock(m_mutex);
        if (!m_paused || m_stop.stopRequested())
            return 0.0;
    }
    const auto began = std::chrono::steady_clock::now();
    onPaused();
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return !m_paused || m_stop.stopRequested(); });
    }
    onResumed();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

} // namespace btcai
