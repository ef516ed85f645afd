#include "agent/protocol/EventLog.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/protocol/Codec.h"
#include "agent/protocol/LineReader.h"
#include "agent/protocol/SessionRules.h"
#include "base/Error.h"

namespace btcai::protocol {

namespace {

[[noreturn]] void failIo(const std::filesystem::path& path, std::string_view action)
{
    throw Error(ErrorKind::Io, "{}: cannot {}: {}", path.string(), action, std::strerror(errno));
}

/// The length of the file up to and including its last newline.
off_t lengthOfWholeLines(int descriptor, off_t size)
{
    std::vector<char> block(64 * 1024);
    while (size > 0) {
        const off_t begin = std::max<off_t>(0, size - static_cast<off_t>(block.size()));
        const ssize_t got = ::pread(descriptor, block.data(), static_cast<std::size_t>(size - begin), begin);
        if (got <= 0)
            return size;
        for (ssize_t i = got; i > 0; --i)
            if (block[static_cast<std::size_t>(i - 1)] == '\n')
                return begin + i;
        size = begin;
    }
    return 0;
}

} // namespace

EventRecorder::EventRecorder(const std::filesystem::path& path) : m_path(path)
{
    m_descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (m_descriptor < 0)
        failIo(path, "open for appending");
    struct stat info {};
    if (::fstat(m_descriptor, &info) != 0)
        failIo(path, "read its size");
    const off_t whole = lengthOfWholeLines(m_descriptor, info.st_size);
    m_tornBytes = static_cast<std::size_t>(info.st_size - whole);
    if (m_tornBytes > 0 && ::ftruncate(m_descriptor, whole) != 0)
        failIo(path, "cut off its torn last line");
}

EventRecorder::~EventRecorder() { ::close(m_descriptor); }

void EventRecorder::append(std::string_view line)
{
    std::string bytes(line);
    bytes += '\n';
    struct stat before {};
    ::fstat(m_descriptor, &before);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(m_descriptor, bytes.data() + done, bytes.size() - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            const int reason = errno;
            if (done > 0 && ::ftruncate(m_descriptor, before.st_size) != 0)
                errno = reason; // the next opening mends it
            errno = reason;
            failIo(m_path, "append an event");
        }
        done += static_cast<std::size_t>(written);
    }
}

void EventRecorder::sync()
{
    if (::fdatasync(m_descriptor) != 0)
        failIo(m_path, "sync");
}

ReplaySummary replayEvents(const std::filesystem::path& path, const std::function<void(const Event&)>& onEvent)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw Error(ErrorKind::Io, "{}: cannot be opened for reading", path.string());
    ReplaySummary summary;
    SessionRules rules;
    rules.setRecorded(true);
    LineReader lines(path.string());
    std::vector<char> block(256 * 1024);
    while (file) {
        file.read(block.data(), static_cast<std::streamsize>(block.size()));
        lines.feed({block.data(), static_cast<std::size_t>(file.gcount())}, [&](std::string_view line) {
            ++summary.lines;
            const std::string where = fmt::format("{}:{}", path.string(), lines.lineNumber());
            const Event event = decodeEvent(line, where);
            rules.onEvent(event, where);
            onEvent(event);
        });
    }
    summary.tornLastLine = !lines.rest().empty();
    summary.lastState = rules.state();
    return summary;
}

} // namespace btcai::protocol
