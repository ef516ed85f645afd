#include "env/StepThreads.h"

namespace btcai {

StepThreads::StepThreads(std::size_t threads)
{
    for (std::size_t i = 1; i < threads; ++i)
        m_threads.emplace_back([this, i] { serve(i); });
}

StepThreads::~StepThreads()
{
    m_ending = true;
    m_round.fetch_add(1, std::memory_order_release);
    m_round.notify_all();
    for (std::thread& thread : m_threads)
        thread.join();
}

void StepThreads::runRound(Function function, void* context)
{
    m_function = function;
    m_context = context;
    m_left.store(static_cast<std::uint32_t>(m_threads.size()), std::memory_order_relaxed);
    m_round.fetch_add(1, std::memory_order_release);
    m_round.notify_all();
    function(context, 0);
    for (std::uint32_t left = m_left.load(std::memory_order_acquire); left > 0; left = m_left.load(std::memory_order_acquire))
        m_left.wait(left, std::memory_order_acquire);
}

void StepThreads::serve(std::size_t index)
{
    for (std::uint32_t seen = 0;;) {
        m_round.wait(seen, std::memory_order_acquire);
        ++seen;
        if (m_ending)
            return;
        m_function(m_context, index);
        if (m_left.fetch_sub(1, std::memory_order_acq_rel) == 1)
            m_left.notify_one();
    }
}

} // namespace btcai
