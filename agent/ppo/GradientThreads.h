#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace btcai {

/// Threads that compute the gradients of one minibatch side by side. One thread per part of the batch, each with libtorch
/// confined to its own share of the cores, beats one pass whose every small operation is cut up among all cores.
class GradientThreads {
public:
    /// `coresEach`: libtorch's threads within each of the `count` threads.
    GradientThreads(std::size_t count, int coresEach);
    ~GradientThreads();
    GradientThreads(const GradientThreads&) = delete;
    GradientThreads& operator=(const GradientThreads&) = delete;

    std::size_t count() const { return m_threads.size(); }
    /// Calls task(i) in thread i for each i below `parts` (at most count()) and waits for all. Rethrows the exception of the lowest i.
    void run(std::size_t parts, const std::function<void(std::size_t)>& task);

private:
    void loop(std::size_t index, int cores);

    std::mutex m_mutex;
    std::condition_variable m_begin, m_end;
    const std::function<void(std::size_t)>* m_task = nullptr;
    std::size_t m_parts = 0;
    std::size_t m_left = 0;
    std::uint64_t m_round = 0;
    bool m_stop = false;
    std::vector<std::exception_ptr> m_failures;
    std::vector<std::thread> m_threads;
};

} // namespace btcai
