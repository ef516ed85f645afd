#include "data/bars/FolderLock.h"

#include <cerrno>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/Error.h"

namespace btcai {

FolderLock::FolderLock(const std::filesystem::path& folder, std::chrono::milliseconds patience)
    : m_descriptor(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))
{
    if (m_descriptor == -1)
        throw Error(ErrorKind::Io, "{}: folder cannot be opened: {}", folder.string(), std::generic_category().message(errno));
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(m_descriptor, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        if (error == EINTR)
            continue;
        if (error == EWOULDBLOCK && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            continue;
        }
        ::close(m_descriptor);
        if (error == EWOULDBLOCK)
            throw Error(ErrorKind::Io, "{}: somebody else has been writing to this folder for {} ms; try again when they are done",
                        folder.string(), patience.count());
        throw Error(ErrorKind::Io, "{}: folder cannot be locked: {}; use a folder on a local disk", folder.string(),
                    std::generic_category().message(error));
    }
}

FolderLock::~FolderLock() { ::close(m_descriptor); }

} // namespace btcai
