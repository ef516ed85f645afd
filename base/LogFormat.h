#pragma once

#include <memory>
#include <string_view>

#include <spdlog/formatter.h>

#include "base/Log.h"
#include "base/StackTrace.h"

namespace btcai {

/// How records look on the console and in the file. Part of Log; nothing else includes it.
std::unique_ptr<spdlog::formatter> makeLogFormatter(LogFormat format);

/// While it lives, records formatted in this thread carry the stack trace, or none if it is empty. spdlog's records
/// have no room for one, and they are formatted in the thread that logs.
class AttachedStackTrace {
public:
    explicit AttachedStackTrace(const StackTrace& stackTrace);
    ~AttachedStackTrace();
    AttachedStackTrace(const AttachedStackTrace&) = delete;
    AttachedStackTrace& operator=(const AttachedStackTrace&) = delete;

private:
    const StackTrace* m_before;
};

/// Rounded to the microsecond, the most a double holds.
spdlog::log_clock::time_point toLogTime(double utcSeconds);

/// "btcai::Trainer::run" of "void btcai::Trainer::run(int) [with T = int]".
std::string_view shortFunctionName(std::string_view signature);

} // namespace btcai
