#include "base/Log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/CrashHandler.h"
#include "base/Error.h"
#include "base/LogFormat.h"
#include "base/RotatingFileSink.h"

namespace btcai {

namespace {

constexpr std::array<std::string_view, 7> levelNames = {"trace", "debug",    "info", "warning",
                                                        "error", "critical", "off"};
static_assert(static_cast<int>(LogLevel::Off) == static_cast<int>(spdlog::level::off), "levels are cast, not mapped");

spdlog::level::level_enum toSpdlog(LogLevel level) { return static_cast<spdlog::level::level_enum>(level); }

class ObserverSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    using Observer = std::function<void(LogLevel, std::string_view)>;

    explicit ObserverSink(Observer observer) : m_observer(std::move(observer)) {}

protected:
    void sink_it_(const spdlog::details::log_msg& record) override
    {
        m_observer(static_cast<LogLevel>(record.level), {record.payload.data(), record.payload.size()});
    }
    void flush_() override {}

private:
    Observer m_observer;
};

void ignoreBrokenPipes()
{
    struct sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &action, nullptr);
    }
}

std::shared_ptr<spdlog::sinks::sink> makeConsole(LogLevel level, LogFormat format)
{
    auto console = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    console->set_level(toSpdlog(level));
    console->set_formatter(makeLogFormatter(format));
    return console;
}

} // namespace

struct LogSession::Impl {
    Impl(LogOptions given, std::shared_ptr<const Clock> givenClock)
        : options(std::move(given)), clock(std::move(givenClock))
    {
        console = makeConsole(options.consoleLevel, options.consoleFormat);
        std::vector<spdlog::sink_ptr> sinks = {console};
        if (!options.file.empty()) {
            file = std::make_shared<RotatingFileSink>(options, clock, hooks());
            file->set_level(toSpdlog(options.fileLevel));
            sinks.push_back(file);
        }
        level = options.file.empty() ? options.consoleLevel : std::min(options.consoleLevel, options.fileLevel);
        if (options.observer)
            sinks.push_back(std::make_shared<ObserverSink>(options.observer));
        logger = std::make_unique<spdlog::logger>("", sinks.begin(), sinks.end());
        logger->set_level(toSpdlog(level));
    }

    RotatingFileSink::Hooks hooks()
    {
        return {
            .fallback =
                [this](const spdlog::details::log_msg& record) {
                    if (!console->should_log(record.level)) // otherwise it gets there by itself
                        console->log(record);
                },
            .warn =
                [this](const std::string& reason) {
                    console->log({{__FILE__, __LINE__, __func__}, "", spdlog::level::warn, reason});
                },
            .descriptorChanged = [this](int descriptor) { setCrashLog(descriptor, options.fileFormat); },
        };
    }

    LogOptions options;
    std::shared_ptr<const Clock> clock;
    std::shared_ptr<spdlog::sinks::sink> console;
    std::shared_ptr<RotatingFileSink> file;
    LogLevel level = LogLevel::Off;
    std::unique_ptr<spdlog::logger> logger;
};

namespace {

constexpr LogLevel levelWithoutSession = LogLevel::Warning;

/// Where a record goes. The logger keeps alive all that it writes to.
struct Target {
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<const Clock> clock;
};

struct Current {
    std::mutex mutex;
    Target target;
    const Target withoutSession = {
        std::make_shared<spdlog::logger>("", makeConsole(levelWithoutSession, LogFormat::Text)),
        std::make_shared<SystemClock>()};
};

std::atomic<LogLevel> currentLevel{levelWithoutSession};

/// Never destroyed: the destructors of other globals may log.
Current& current()
{
    static auto* const instance = new Current();
    return *instance;
}

Target currentTarget()
{
    Current& all = current();
    const std::lock_guard lock(all.mutex);
    return all.target.logger ? all.target : all.withoutSession;
}

void setTarget(Target target, LogLevel level)
{
    Current& all = current();
    {
        const std::lock_guard lock(all.mutex);
        std::swap(all.target, target);
    }
    currentLevel = level; // the former target ends here, outside the lock: it may log a last record
}

void send(LogLevel level, const std::source_location& where, std::string_view text)
{
    const Target target = currentTarget();
    const auto time = toLogTime(target.clock->utcSeconds());
    target.logger->log(time, {where.file_name(), static_cast<int>(where.line()), where.function_name()},
                       toSpdlog(level), text);
}

void appendNested(std::string& text, const std::exception& error)
{
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& inner) {
        text += fmt::format("\ncaused by: {}", inner.what());
        appendNested(text, inner);
    } catch (...) {
        text += "\ncaused by an exception of unknown type";
    }
}

} // namespace

LogSession::LogSession(LogOptions options, std::shared_ptr<const Clock> clock)
    : m_impl(std::make_shared<Impl>(std::move(options), std::move(clock)))
{
    ignoreBrokenPipes();
    // The logger shares the life of the whole session, which its sinks refer to.
    setTarget({std::shared_ptr<spdlog::logger>(m_impl, m_impl->logger.get()), m_impl->clock}, m_impl->level);
}

LogSession::~LogSession()
{
    if (currentTarget().logger.get() == m_impl->logger.get())
        setTarget({}, levelWithoutSession);
}

void LogSession::waitForArchives()
{
    if (m_impl->file)
        m_impl->file->waitForArchives();
}

std::string_view logLevelName(LogLevel level) { return levelNames.at(static_cast<std::size_t>(level)); }

LogLevel parseLogLevel(std::string_view name)
{
    const auto found = std::find(levelNames.begin(), levelNames.end(), name);
    if (found == levelNames.end())
        throw Error(ErrorKind::BadInput, "\"{}\" is no log level; there are {}", name.substr(0, 64),
                    fmt::join(levelNames, ", "));
    return static_cast<LogLevel>(found - levelNames.begin());
}

bool isLogged(LogLevel level) noexcept
{
    return level >= currentLevel.load(std::memory_order_relaxed) && level != LogLevel::Off;
}

void detail::log(LogLevel level, const std::source_location& where, fmt::string_view format,
                 fmt::format_args arguments) noexcept
{
    try {
        send(level, where, fmt::vformat(format, arguments));
    } catch (...) {
        // Out of memory, or an argument that can't be formatted: there is no one to tell who would not log it.
    }
}

void logException(const std::exception& error, std::string_view doing, std::source_location where) noexcept
{
    try {
        const auto* const ours = dynamic_cast<const Error*>(&error);
        const StackTrace stackTrace = ours ? ours->stackTrace() : StackTrace::here();
        const AttachedStackTrace attached(stackTrace);
        std::string text = fmt::format("{}: {}", doing, error.what());
        appendNested(text, error);
        send(LogLevel::Error, where, text);
    } catch (...) {
        // As above.
    }
}

} // namespace btcai
