#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace btcai {

/// The system calls durable writing needs, as an interface, so that a test can record them, fail any of them and replay
/// every state a crash may leave behind. Everything follows POSIX: -1 and errno on failure. Nothing throws.
class FileSystemOps {
public:
    enum class Kind { Missing, File, Directory, Other };

    struct Entry {
        std::string name;
        Kind kind;
    };

    virtual ~FileSystemOps() = default;

    /// A new file for writing; fails with EEXIST when there is one.
    virtual int create(const std::filesystem::path& path) = 0;
    /// An existing file or folder, read-only: enough to sync it.
    virtual int open(const std::filesystem::path& path) = 0;
    virtual ssize_t write(int descriptor, const void* bytes, std::size_t size) = 0;
    virtual int sync(int descriptor) = 0;
    virtual int close(int descriptor) = 0;
    /// Replaces `to` where it is a file or an empty folder.
    virtual int rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    /// Swaps two existing entries in one step.
    virtual int exchange(const std::filesystem::path& a, const std::filesystem::path& b) = 0;
    /// A file or an empty folder.
    virtual int remove(const std::filesystem::path& path) = 0;
    virtual int makeDirectory(const std::filesystem::path& path) = 0;
    /// Appends the entries of a folder, without "." and "..".
    virtual int list(const std::filesystem::path& path, std::vector<Entry>& entries) = 0;
    /// Does not follow symbolic links: those are Other.
    virtual Kind kind(const std::filesystem::path& path) = 0;
};

/// The real thing. Stateless; usable from any thread.
FileSystemOps& posixFileSystem();

} // namespace btcai
