#include "agent/distributed/SharedRows.h"

#include <cerrno>
#include <cstring>
#include <random>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/Error.h"

namespace btcai {

namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// What it begins with: a number by which the others know that it is this memory that they found.
constexpr std::size_t kKeyBytes = 64;
constexpr auto kWatchful = 2ms; ///< of a wait, without sleeping: ranks with equal work come within that
constexpr auto kNap = 100us;

[[noreturn]] void refuse(std::string_view what, int error)
{
    throw Error(ErrorKind::Io, "shared memory: {}: {}", what, std::strerror(error));
}

std::uint64_t drawnKey()
{
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

} // namespace

std::size_t SharedRows::bytesOf(int members, std::int64_t columns)
{
    const auto rows = static_cast<std::size_t>(2 * members);
    return kKeyBytes + static_cast<std::size_t>(members) * sizeof(Presence) +
           rows * (static_cast<std::size_t>(kNotes) * sizeof(double) + static_cast<std::size_t>(columns) * sizeof(float));
}

SharedRows::SharedRows(int members, std::int64_t columns) : m_members(members), m_columns(columns), m_bytes(bytesOf(members, columns))
{
    m_file = ::memfd_create("btcai-ranks", MFD_CLOEXEC);
    if (m_file < 0)
        refuse("cannot be made", errno);
    try {
        if (const int error = ::posix_fallocate(m_file, 0, static_cast<off_t>(m_bytes)))
            refuse(fmt::format("{} bytes cannot be had", m_bytes), error);
        map();
    } catch (...) {
        ::close(m_file);
        throw;
    }
    const std::uint64_t key = drawnKey();
    std::memcpy(m_memory, &key, sizeof key);
    m_place = fmt::format("{} {} {}", ::getpid(), m_file, key);
}

SharedRows::SharedRows(const std::string& place, int members, std::int64_t columns)
    : m_members(members), m_columns(columns), m_bytes(bytesOf(members, columns)), m_place(place)
{
    int process = 0, number = 0;
    unsigned long long key = 0;
    if (std::sscanf(place.c_str(), "%d %d %llu", &process, &number, &key) != 3)
        throw Error(ErrorKind::Io, "shared memory: '{}' is no place of any", place);
    m_file = ::open(fmt::format("/proc/{}/fd/{}", process, number).c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (m_file < 0)
        refuse("cannot be opened", errno);
    try {
        struct stat found {};
        if (::fstat(m_file, &found) != 0 || !S_ISREG(found.st_mode) ||
            static_cast<std::size_t>(found.st_size) != m_bytes)
            throw Error(ErrorKind::Io, "shared memory: what was found there has not the {} bytes that belong there",
                        m_bytes);
        map();
    } catch (...) {
        ::close(m_file);
        throw;
    }
    if (std::memcmp(m_memory, &key, sizeof key) != 0) {
        ::munmap(m_memory, m_bytes);
        ::close(m_file);
        throw Error(ErrorKind::Io, "shared memory: what was found there is something else");
    }
}

SharedRows::~SharedRows()
{
    if (m_member >= 0)
        presence(m_member).isGone = 1;
    for (const int process : m_processes)
        if (process >= 0)
            ::close(process);
    ::munmap(m_memory, m_bytes);
    ::close(m_file);
}

void SharedRows::map()
{
    m_memory = ::mmap(nullptr, m_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m_file, 0);
    if (m_memory == MAP_FAILED)
        refuse("cannot be mapped", errno);
    // Zero bytes are a Presence that has come to no meeting.
    char* const notes = reinterpret_cast<char*>(&presence(m_members));
    m_notes = torch::from_blob(notes, {2 * m_members, kNotes}, torch::kFloat64);
    m_values = torch::from_blob(notes + m_notes.nbytes(), {2 * m_members, m_columns});
}

SharedRows::Presence& SharedRows::presence(int member)
{
    return reinterpret_cast<Presence*>(static_cast<char*>(m_memory) + kKeyBytes)[member];
}

void SharedRows::enter(int member, std::span<const std::int64_t> processes)
{
    m_member = member;
    for (const std::int64_t process : processes)
        m_processes.push_back(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(process), 0))); // glibc 2.36 has no C++ declaration
}

void SharedRows::meet(std::chrono::milliseconds patience)
{
    const std::uint32_t meeting = presence(m_member).meetings.load(std::memory_order_relaxed) + 1;
    presence(m_member).meetings.store(meeting, std::memory_order_release);
    const auto deadline = SteadyClock::now() + patience;
    for (int member = 0; member < m_members; ++member)
        waitFor(member, meeting, deadline);
}

void SharedRows::waitFor(int member, std::uint32_t meeting, SteadyClock::time_point deadline)
{
    Presence& other = presence(member);
    // A difference, since the count may begin anew.
    const auto hasCome = [&] { return static_cast<std::int32_t>(other.meetings.load(std::memory_order_acquire) - meeting) >= 0; };
    const auto began = SteadyClock::now();
    while (!hasCome()) {
        const auto now = SteadyClock::now();
        if (now - began < kWatchful) {
            std::this_thread::yield();
            continue;
        }
        pollfd process{.fd = m_processes[static_cast<std::size_t>(member)], .events = POLLIN, .revents = 0};
        const bool isGone = other.isGone != 0, ended = ::poll(&process, 1, 0) > 0;
        if (hasCome())
            return; // before it left
        if (isGone || ended)
            throw Error(ErrorKind::Io, "rank {} left{}", member, ended ? ": its process ended" : "");
        if (now > deadline)
            throw Error(ErrorKind::Io, "rank {} did not come to a sum in time", member);
        std::this_thread::sleep_for(kNap);
    }
}

} // namespace btcai
