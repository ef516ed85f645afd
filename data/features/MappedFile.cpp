#include "data/features/MappedFile.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/Error.h"

namespace btcai {

MappedFile::MappedFile(const std::filesystem::path& path)
{
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    void* memory = MAP_FAILED;
    if (descriptor != -1 && ::fstat(descriptor, &status) == 0) {
        if (S_ISREG(status.st_mode))
            memory = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0);
        else
            errno = EINVAL;
    }
    const int error = errno;
    if (descriptor != -1)
        ::close(descriptor);
    if (memory == MAP_FAILED)
        throw Error(ErrorKind::Io, "{}: cannot be mapped: {}", path.string(), std::generic_category().message(error));
    m_bytes = {static_cast<const std::byte*>(memory), static_cast<std::size_t>(status.st_size)};
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(m_bytes.data()), m_bytes.size()); }

} // namespace btcai
