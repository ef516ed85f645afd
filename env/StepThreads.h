#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace btcai {

/// Threads that do one thing together, again and again: the caller is one of them. Between two rounds they sleep. A round
/// allocates nothing; its work must not throw. For one caller at a time.
class StepThreads {
public:
    /// `threads` counts the caller's.
    explicit StepThreads(std::size_t threads);
    ~StepThreads();
    StepThreads(const StepThreads&) = delete;
    StepThreads& operator=(const StepThreads&) = delete;

    std::size_t count() const { return m_threads.size() + 1; }
    /// Calls work(i) for i = 0 ... count() - 1, each in a thread of its own, and returns when all are done.
    template <typename Work> void run(Work& work)
    {
        runRound([](void* context, std::size_t i) { (*static_cast<Work*>(context))(i); }, &work);
    }

private:
    using Function = void (*)(void*, std::size_t);
    void runRound(Function function, void* context);
    void serve(std::size_t index);

    Function m_function = nullptr;
    void* m_context = nullptr;
    bool m_ending = false;
    std::atomic<std::uint32_t> m_round{0};
    std::atomic<std::uint32_t> m_left{0};
    std::vector<std::thread> m_threads;
};

} // namespace btcai
