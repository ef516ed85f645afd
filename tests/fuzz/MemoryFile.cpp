#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/FuzzTarget.h"

namespace btcai::fuzz {

MemoryFile::MemoryFile(std::string_view bytes) : m_descriptor(::memfd_create("fuzz", MFD_CLOEXEC))
{
    std::size_t written = 0;
    while (m_descriptor >= 0 && written < bytes.size()) {
        const ssize_t count = ::write(m_descriptor, bytes.data() + written, bytes.size() - written);
        if (count <= 0)
            break;
        written += static_cast<std::size_t>(count);
    }
    if (m_descriptor < 0 || written < bytes.size())
        throw Error(ErrorKind::Io, "no memory file of {} bytes", bytes.size());
    m_path = fmt::format("/proc/self/fd/{}", m_descriptor);
}

MemoryFile::~MemoryFile() { ::close(m_descriptor); }

} // namespace btcai::fuzz
