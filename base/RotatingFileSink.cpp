#include "base/RotatingFileSink.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/LogFormat.h"

namespace btcai {

namespace fs = std::filesystem;

namespace {

std::int64_t secondsOf(spdlog::log_clock::time_point time)
{
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

} // namespace

std::int64_t logPeriod(LogRotation rotation, std::int64_t utcSeconds)
{
    using namespace std::chrono;
    const sys_days day = floor<days>(sys_seconds(seconds(utcSeconds)));
    const std::int64_t number = day.time_since_epoch().count();
    switch (rotation) {
    case LogRotation::Never: return 0;
    case LogRotation::Daily: return number;
    case LogRotation::Weekly: return floor<weeks>(days(number + 3)).count(); // 1970-01-01 was a Thursday
    case LogRotation::Monthly: {
        const year_month_day date(day);
        return (int(date.year()) - 1970) * 12 + static_cast<int>(unsigned(date.month())) - 1;
    }
    }
    return 0;
}

RotatingFileSink::RotatingFileSink(const LogOptions& options, std::shared_ptr<const Clock> clock, Hooks hooks)
    : base_sink(makeLogFormatter(options.fileFormat)), m_path(options.file), m_maxBytes(options.maxFileBytes),
      m_rotation(options.rotation), m_retrySeconds(options.retrySeconds), m_clock(std::move(clock)),
      m_hooks(std::move(hooks)), m_format(options.fileFormat), m_archiver(options.file, options.maxArchives)
{
    openFile(static_cast<std::int64_t>(m_clock->utcSeconds()));
}

RotatingFileSink::~RotatingFileSink() { closeFile(); }

void RotatingFileSink::sink_it_(const spdlog::details::log_msg& record)
{
    spdlog::memory_buf_t line;
    formatter_->format(record, line);
    const std::string_view bytes(line.data(), line.size());
    if (isReady(bytes.size(), secondsOf(record.time)) && writeAll(bytes)) {
        if (std::exchange(m_isFailing, false))
            noteTheGap();
        return;
    }
    ++m_missed;
    m_hooks.fallback(record);
}

bool RotatingFileSink::isReady(std::size_t size, std::int64_t utcSeconds)
{
    if (m_descriptor == -1) {
        if (m_clock->steadySeconds() < m_retryAt || !openFile(utcSeconds))
            return false;
    }
    if (mustRotate(size, utcSeconds))
        rotate(utcSeconds);
    return m_descriptor != -1;
}

bool RotatingFileSink::openFile(std::int64_t utcSeconds)
{
    std::error_code ignored;
    if (m_path.has_parent_path())
        fs::create_directories(m_path.parent_path(), ignored); // open() says why it can't
    // Without O_NONBLOCK, a pipe that nobody reads would hold us up here.
    m_descriptor = ::open(m_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    struct stat status {};
    if (m_descriptor == -1 || ::fstat(m_descriptor, &status) != 0) {
        fail(errno, "cannot be opened");
        return false;
    }
    m_isRegular = S_ISREG(status.st_mode);
    m_size = m_isRegular ? static_cast<std::uint64_t>(status.st_size) : 0;
    // A file of an earlier run belongs to the time of its last record.
    m_period = logPeriod(m_rotation, m_size > 0 ? std::int64_t{status.st_mtim.tv_sec} : utcSeconds);
    m_hooks.descriptorChanged(m_descriptor);
    return true;
}

void RotatingFileSink::closeFile()
{
    if (m_descriptor == -1)
        return;
    m_hooks.descriptorChanged(-1);
    ::close(std::exchange(m_descriptor, -1));
}

void RotatingFileSink::fail(int error, const char* what)
{
    closeFile();
    m_retryAt = m_clock->steadySeconds() + m_retrySeconds;
    if (!std::exchange(m_isFailing, true))
        m_hooks.warn(fmt::format("{}: log file {}: {}; its records go to the console until it can be written again",
                                 m_path.string(), what, std::generic_category().message(error)));
}

bool RotatingFileSink::writeAll(std::string_view bytes)
{
    std::string_view rest = bytes;
    while (!rest.empty()) {
        const ssize_t written = ::write(m_descriptor, rest.data(), rest.size());
        if (written == -1 && errno == EINTR)
            continue;
        if (written <= 0) {
            const int error = written == 0 ? EIO : errno;
            // A record that is torn would be read as garbage, so what there is of it goes.
            if (m_isRegular && rest.size() < bytes.size())
                (void)!::ftruncate(m_descriptor, static_cast<off_t>(m_size));
            fail(error, "cannot be written");
            return false;
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    m_size += bytes.size();
    return true;
}

bool RotatingFileSink::mustRotate(std::size_t size, std::int64_t utcSeconds) const
{
    if (!m_isRegular || m_size == 0 || m_clock->steadySeconds() < m_rotateAgainAt)
        return false;
    const bool isFull = m_maxBytes > 0 && m_size + size > m_maxBytes;
    return isFull || logPeriod(m_rotation, utcSeconds) > m_period;
}

void RotatingFileSink::rotate(std::int64_t utcSeconds)
{
    if (::rename(m_path.c_str(), archivePath(utcSeconds).c_str()) != 0) {
        m_rotateAgainAt = m_clock->steadySeconds() + m_retrySeconds; // a file that grows is better than none
        return;
    }
    closeFile();
    m_archiver.notify();
    openFile(utcSeconds);
}

fs::path RotatingFileSink::archivePath(std::int64_t utcSeconds) const
{
    std::string stamp = formatUtc(std::max<std::int64_t>(utcSeconds, 0)); // 2026-01-02T03:04:05Z
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':' || c == 'Z'; });
    stamp[8] = '-';
    std::error_code ignored;
    for (int number = 0;; ++number) {
        const std::string name = fmt::format("{}.{}-{:03}", m_path.string(), stamp, number);
        if (number == 999 || (!fs::exists(name, ignored) && !fs::exists(name + ".gz", ignored)))
            return name;
    }
}

void RotatingFileSink::noteTheGap()
{
    const std::string text = fmt::format("{} records before this one could not be written here and went to the console",
                                         std::exchange(m_missed, 0));
    const auto now = toLogTime(m_clock->utcSeconds());
    const spdlog::details::log_msg record(now, {__FILE__, __LINE__, __func__}, "", spdlog::level::warn, text);
    const StackTrace none;
    const AttachedStackTrace notThatOfTheRecord(none);
    spdlog::memory_buf_t line;
    makeLogFormatter(m_format)->format(record, line);
    writeAll({line.data(), line.size()});
}

} // namespace btcai
