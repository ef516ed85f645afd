#include "base/MappedFile.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/Error.h"

namespace btcai {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error)
{
    throw Error(ErrorKind::Io, "{}: cannot be read: {}", path.string(), std::generic_category().message(error));
}

} // namespace

MappedFile::MappedFile(const std::filesystem::path& path)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not make us wait
    if (file == -1)
        fail(path, errno);
    struct stat status {};
    const int error = ::fstat(file, &status) == 0 ? 0 : errno;
    if (error != 0 || !S_ISREG(status.st_mode)) {
        ::close(file);
        if (error != 0)
            fail(path, error);
        throw Error(ErrorKind::BadInput, "{}: is not a plain file", path.string());
    }
    m_size = static_cast<std::size_t>(status.st_size);
    void* const mapped = m_size == 0 ? nullptr : ::mmap(nullptr, m_size, PROT_READ, MAP_SHARED, file, 0);
    const int mapError = errno;
    ::close(file); // the mapping holds it
    if (mapped == MAP_FAILED)
        fail(path, mapError);
    m_bytes = static_cast<const char*>(mapped);
}

MappedFile::~MappedFile()
{
    if (m_bytes)
        ::munmap(const_cast<char*>(m_bytes), m_size);
}

} // namespace btcai
