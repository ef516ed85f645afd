#include "base/FileSystemOps.h"

#include <cerrno>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace btcai {

namespace {

/// Repeats a system call that a signal interrupted.
template <typename Call>
auto retried(Call call)
{
    auto result = call();
    while (result == -1 && errno == EINTR)
        result = call();
    return result;
}

class PosixFileSystem final : public FileSystemOps {
public:
    int create(const std::filesystem::path& path) override
    {
        return retried([&] { return ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666); });
    }

    int open(const std::filesystem::path& path) override
    {
        return retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    }

    ssize_t write(int descriptor, const void* bytes, std::size_t size) override
    {
        return retried([&] { return ::write(descriptor, bytes, size); });
    }

    int sync(int descriptor) override
    {
        return retried([&] { return ::fsync(descriptor); });
    }

    // Never repeated: on Linux the descriptor is gone even when close reports EINTR.
    int close(int descriptor) override { return ::close(descriptor); }

    int rename(const std::filesystem::path& from, const std::filesystem::path& to) override
    {
        return ::rename(from.c_str(), to.c_str());
    }

    int exchange(const std::filesystem::path& a, const std::filesystem::path& b) override
    {
        return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
    }

    int remove(const std::filesystem::path& path) override { return std::remove(path.c_str()); }

    int makeDirectory(const std::filesystem::path& path) override { return ::mkdir(path.c_str(), 0777); }

    int list(const std::filesystem::path& path, std::vector<Entry>& entries) override
    {
        DIR* directory = ::opendir(path.c_str());
        if (!directory)
            return -1;
        errno = 0;
        while (const dirent* entry = ::readdir(directory)) {
            const std::string name = entry->d_name;
            if (name != "." && name != "..")
                entries.push_back({name, kind(path / name)});
            errno = 0;
        }
        const int error = errno;
        ::closedir(directory);
        errno = error;
        return error == 0 ? 0 : -1;
    }

    Kind kind(const std::filesystem::path& path) override
    {
        struct stat status {};
        if (::lstat(path.c_str(), &status) != 0)
            return errno == ENOENT || errno == ENOTDIR ? Kind::Missing : Kind::Other;
        if (S_ISREG(status.st_mode))
            return Kind::File;
        return S_ISDIR(status.st_mode) ? Kind::Directory : Kind::Other;
    }
};

} // namespace

FileSystemOps& posixFileSystem()
{
    static PosixFileSystem ops;
    return ops;
}

} // namespace btcai
