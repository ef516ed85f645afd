#include "agent/ppo/GradientThreads.h"

#include <algorithm>
#include <utility>

#include "models/ModelFactory.h"

namespace btcai {

GradientThreads::GradientThreads(std::size_t count, int coresEach) : m_failures(count)
{
    const int all = torch::get_num_threads();
    for (std::size_t i = 0; i < count; ++i)
        m_threads.emplace_back([this, i, coresEach] { loop(i, coresEach); });
    run(count, [](std::size_t) {}); // each has set its own number of threads now
    torch::set_num_threads(all);    // what threads of libtorch's own begin with
}

GradientThreads::~GradientThreads()
{
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_begin.notify_all();
    for (std::thread& thread : m_threads)
        thread.join();
}

void GradientThreads::run(std::size_t parts, const std::function<void(std::size_t)>& task)
{
    std::unique_lock lock(m_mutex);
    m_task = &task;
    m_parts = std::min(parts, count());
    m_left = count();
    ++m_round;
    m_begin.notify_all();
    m_end.wait(lock, [this] { return m_left == 0; });
    m_task = nullptr;
    std::exception_ptr first;
    for (std::exception_ptr& failure : m_failures)
        if (const auto caught = std::exchange(failure, nullptr); caught && !first)
            first = caught;
    if (first)
        std::rethrow_exception(first);
}

void GradientThreads::loop(std::size_t index, int cores)
{
    setThreads(cores);
    std::unique_lock lock(m_mutex);
    for (std::uint64_t seen = 0;;) {
        m_begin.wait(lock, [&] { return m_stop || m_round != seen; });
        if (m_stop)
            return;
        seen = m_round;
        if (index < m_parts) {
            const auto* const task = m_task;
            lock.unlock();
            std::exception_ptr failure;
            try {
                (*task)(index);
            } catch (...) {
                failure = std::current_exception();
            }
            lock.lock();
            m_failures[index] = failure;
        }
        if (--m_left == 0)
            m_end.notify_one();
    }
}

} // namespace btcai
