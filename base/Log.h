#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/core.h>

#include "base/Clock.h"

namespace btcai {

// The log of the program. main() makes one LogSession; from then on logInfo() and its like, called anywhere and from
// any thread, reach its console (stderr) and file. It is the one thing in the program that is global: what goes wrong
// in the deepest place must be told without a logger being handed down to it.
//
//     logInfo("{}: {} bars", path.string(), bars.size());
//
// A record carries the time in UTC to the millisecond, level, process and thread id, source file and line, function,
// message.
//
// Logging is synchronous: when a call returns, the record has reached the kernel, so that nothing logged is lost when
// the process is killed the next moment. It never throws, and a full disk or an unwritable folder never holds it up:
// records then go to the console, after one warning, and the file is tried again every few seconds. Archives are
// compressed in a thread of their own. (A pipe on stderr that nobody empties does block, as it would any program.)

enum class LogLevel { Trace, Debug, Info, Warning, Error, Critical, Off };
enum class LogFormat {
    Text,      ///< one line a record, what follows a line break indented, control characters escaped
    JsonLines, ///< one JSON object a record: time, level, pid, thread, file, line, function, message, and stack if any
};
enum class LogRotation { Never, Daily, Weekly, Monthly }; ///< by UTC; weeks start on Monday

/// "trace", "debug", "info", "warning", "error", "critical", "off".
std::string_view logLevelName(LogLevel level);
/// The other way. Throws Error(BadInput) listing the names.
LogLevel parseLogLevel(std::string_view name);

struct LogOptions {
    LogLevel consoleLevel = LogLevel::Info; ///< records below don't go to stderr; Off for none
    LogFormat consoleFormat = LogFormat::Text;

    std::filesystem::path file{};        ///< empty for none. Its folder is created if need be. One process a file.
    LogLevel fileLevel = LogLevel::Info; ///< records below don't go to the file
    LogFormat fileFormat = LogFormat::Text;

    /// The file is set aside before it would grow beyond this; 0 for no limit. A record longer than that has a file to
    /// itself.
    std::uint64_t maxFileBytes = 10 << 20;
    /// The file is also set aside when the first record of a new day, week or month comes.
    LogRotation rotation = LogRotation::Weekly;
    /// What was set aside becomes "NAME.YYYYMMDD-HHMMSS-NNN.gz" beside the file; the oldest beyond this many are
    /// deleted.
    std::size_t maxArchives = 10;
    /// How long a file that can't be written is left alone before it is tried again.
    double retrySeconds = 10.0;

    /// Sees every record that passes either level, after console and file. Called in the thread that logs, one call at
    /// a time; must not log. For tests that fail on an unexpected error, and for a log view.
    std::function<void(LogLevel, std::string_view message)> observer{};
};

/// From construction to destruction, logging goes where the options say. Never throws for a file that can't be written.
/// Without a session, records from Warning up go to stderr. With two, the younger counts, and none does once it ends.
/// Ignores SIGPIPE from then on, unless the program handles it: a closed stderr must not end a training run.
class LogSession {
public:
    explicit LogSession(LogOptions options, std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>());
    ~LogSession();
    LogSession(const LogSession&) = delete;
    LogSession& operator=(const LogSession&) = delete;

    /// Waits until what was set aside is compressed. For tests and before a folder is packed up.
    void waitForArchives();

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

/// Whether a record of this level would go anywhere: for arguments that are dear to compute.
bool isLogged(LogLevel level) noexcept;

namespace detail {

/// A format string that knows where it stands.
template <typename... Args>
struct LogText {
    template <typename Text>
    consteval LogText(const Text& text, std::source_location here = std::source_location::current()) // NOLINT: implicit
        : format(text), where(here)
    {
    }

    fmt::format_string<Args...> format;
    std::source_location where;
};

void log(LogLevel level, const std::source_location& where, fmt::string_view format,
         fmt::format_args arguments) noexcept;

} // namespace detail

/// A record of a level that is known only at run time.
template <typename... Args>
void logAt(LogLevel level, detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    if (isLogged(level))
        detail::log(level, text.where, text.format, fmt::make_format_args(args...));
}

template <typename... Args>
void logTrace(detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    logAt<Args...>(LogLevel::Trace, text, std::forward<Args>(args)...);
}

template <typename... Args>
void logDebug(detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    logAt<Args...>(LogLevel::Debug, text, std::forward<Args>(args)...);
}

template <typename... Args>
void logInfo(detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    logAt<Args...>(LogLevel::Info, text, std::forward<Args>(args)...);
}

template <typename... Args>
void logWarning(detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    logAt<Args...>(LogLevel::Warning, text, std::forward<Args>(args)...);
}

template <typename... Args>
void logError(detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    logAt<Args...>(LogLevel::Error, text, std::forward<Args>(args)...);
}

template <typename... Args>
void logCritical(detail::LogText<std::type_identity_t<Args>...> text, Args&&... args) noexcept
{
    logAt<Args...>(LogLevel::Critical, text, std::forward<Args>(args)...);
}

/// An error-level record of a caught exception: "DOING: WHAT", the exceptions nested in it, and a stack trace: for a
/// btcai::Error from where it was thrown, for others from here.
///
///     catch (const std::exception& error) { logException(error, "saving a checkpoint"); }
void logException(const std::exception& error, std::string_view doing,
                  std::source_location where = std::source_location::current()) noexcept;

} // namespace btcai
