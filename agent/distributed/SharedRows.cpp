#include "agent/distributed/SharedRows.h"

#include <cerrno>
#include <cstring>
#include <random>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/Error.h"

namespace btcai {

namespace {

/// Before the values: a number by which the others know that it is this memory that they found.
constexpr std::size_t kHeader = 64;

std::size_t bytesOf(std::int64_t rows, std::int64_t columns)
{
    return kHeader + static_cast<std::size_t>(rows * columns) * sizeof(float);
}

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

SharedRows::SharedRows(std::int64_t rows, std::int64_t columns) : m_bytes(bytesOf(rows, columns))
{
    m_file = ::memfd_create("btcai-ranks", MFD_CLOEXEC);
    if (m_file < 0)
        refuse("cannot be made", errno);
    try {
        if (const int error = ::posix_fallocate(m_file, 0, static_cast<off_t>(m_bytes)))
            refuse(fmt::format("{} bytes cannot be had", m_bytes), error);
        map(rows, columns);
    } catch (...) {
        ::close(m_file);
        throw;
    }
    const std::uint64_t key = drawnKey();
    std::memcpy(m_memory, &key, sizeof key);
    m_place = fmt::format("{} {} {}", ::getpid(), m_file, key);
}

SharedRows::SharedRows(const std::string& place, std::int64_t rows, std::int64_t columns)
    : m_bytes(bytesOf(rows, columns)), m_place(place)
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
        map(rows, columns);
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
    ::munmap(m_memory, m_bytes);
    ::close(m_file);
}

void SharedRows::map(std::int64_t rows, std::int64_t columns)
{
    m_memory = ::mmap(nullptr, m_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m_file, 0);
    if (m_memory == MAP_FAILED)
        refuse("cannot be mapped", errno);
    m_values = torch::from_blob(static_cast<char*>(m_memory) + kHeader, {rows, columns});
}

} // namespace btcai
