#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <spdlog/sinks/base_sink.h>

#include "base/Log.h"
#include "base/LogArchiver.h"

namespace btcai {

/// The log file: rotates by size and by day, week or month, hands what it set aside to a LogArchiver, and survives a
/// file that can't be written: nothing throws, the records go to `Fallback` instead, and the file is opened anew after
/// a while. Every record is one write(2), so it is whole in the kernel when the call returns. Part of Log.
class RotatingFileSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    struct Hooks {
        /// A record that can't go to the file.
        std::function<void(const spdlog::details::log_msg&)> fallback;
        /// Why it can't; once each time the file fails.
        std::function<void(const std::string& reason)> warn;
        /// The descriptor a crash may write to, -1 for none.
        std::function<void(int descriptor)> descriptorChanged;
    };

    /// Takes file, rotation and retry settings from the options.
    RotatingFileSink(const LogOptions& options, std::shared_ptr<const Clock> clock, Hooks hooks);
    ~RotatingFileSink() override;

    void waitForArchives() { m_archiver.wait(); }

protected:
    void sink_it_(const spdlog::details::log_msg& record) override;
    void flush_() override {}

private:
    bool isReady(std::size_t size, std::int64_t utcSeconds);
    bool openFile(std::int64_t utcSeconds);
    void closeFile();
    void fail(int error, const char* what);
    bool writeAll(std::string_view bytes);
    bool mustRotate(std::size_t size, std::int64_t utcSeconds) const;
    void rotate(std::int64_t utcSeconds);
    std::filesystem::path archivePath(std::int64_t utcSeconds) const;
    void noteTheGap();

    std::filesystem::path m_path;
    std::uint64_t m_maxBytes;
    LogRotation m_rotation;
    double m_retrySeconds;
    std::shared_ptr<const Clock> m_clock;
    Hooks m_hooks;
    LogFormat m_format;
    LogArchiver m_archiver;

    int m_descriptor = -1;
    bool m_isRegular = false;     ///< a device or a pipe is never cut or renamed
    std::uint64_t m_size = 0;     ///< what whole records take up
    std::int64_t m_period = 0;    ///< the day, week or month the file belongs to
    double m_retryAt = 0.0;       ///< on the steady clock: no attempt to open before
    double m_rotateAgainAt = 0.0; ///< likewise to rename
    bool m_isFailing = false;     ///< from the first failure until a record is written
    std::uint64_t m_missed = 0;   ///< records that went to the fallback since
};

/// The number of the day, week (from Monday) or month since 1970 that a second in UTC falls in; 0 for Never.
std::int64_t logPeriod(LogRotation rotation, std::int64_t utcSeconds);

} // namespace btcai
