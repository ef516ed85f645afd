#pragma once

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <thread>

namespace btcai {

/// Compresses the files a log set aside ("NAME.STAMP" to "NAME.STAMP.gz") and deletes the oldest beyond a number, in a
/// thread of its own. What it can't compress, for want of space say, it leaves as it is and tries again the next time.
/// Part of Log.
class LogArchiver {
public:
    /// Starts with what an earlier process left in the folder of `log`.
    LogArchiver(std::filesystem::path log, std::size_t maxArchives);
    /// Finishes what is under way.
    ~LogArchiver();
    LogArchiver(const LogArchiver&) = delete;
    LogArchiver& operator=(const LogArchiver&) = delete;

    /// There is something new to archive. Returns at once.
    void notify();
    /// Waits until all that was notified before is done.
    void wait();

private:
    void run();
    void archiveAll() const;

    std::filesystem::path m_log;
    std::size_t m_maxArchives;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_isDue = true;
    bool m_isBusy = false;
    bool m_isStopping = false;
    std::thread m_thread; // last: starts when all else stands
};

} // namespace btcai
