#include "base/DurableFile.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "base/Error.h"

namespace btcai {

namespace fs = std::filesystem;
using Kind = FileSystemOps::Kind;

namespace {

constexpr std::string_view temporarySuffix = ".btcai-tmp";

[[noreturn]] void fail(const fs::path& path, std::string_view what)
{
    const int error = errno;
    throw Error(ErrorKind::Io, "{}: {}: {}", path.string(), what, std::generic_category().message(error));
}

fs::path parentOf(const fs::path& path)
{
    const fs::path parent = path.parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

/// An open file or folder, closed at the end of its scope at the latest.
class Descriptor {
public:
    Descriptor(FileSystemOps& ops, int descriptor) : m_ops(ops), m_descriptor(descriptor) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor()
    {
        if (m_descriptor != -1)
            m_ops.close(m_descriptor);
    }

    bool isOpen() const { return m_descriptor != -1; }
    int get() const { return m_descriptor; }
    int close() { return m_ops.close(std::exchange(m_descriptor, -1)); }

private:
    FileSystemOps& m_ops;
    int m_descriptor;
};

/// Best effort: serves clean-up, where there is nobody left to tell.
void removeTree(FileSystemOps& ops, const fs::path& path)
{
    if (ops.kind(path) == Kind::Directory) {
        std::vector<FileSystemOps::Entry> entries;
        ops.list(path, entries);
        for (const auto& entry : entries)
            removeTree(ops, path / entry.name);
    }
    ops.remove(path);
}

/// Removes what was written aside, unless it was renamed into place.
class Aside {
public:
    Aside(FileSystemOps& ops, fs::path path) : m_ops(ops), m_path(std::move(path)) {}
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;
    ~Aside()
    {
        if (!m_committed)
            removeTree(m_ops, m_path);
    }

    const fs::path& path() const { return m_path; }
    void setCommitted() { m_committed = true; }

private:
    FileSystemOps& m_ops;
    fs::path m_path;
    bool m_committed = false;
};

void syncPath(FileSystemOps& ops, const fs::path& path)
{
    Descriptor descriptor(ops, ops.open(path));
    if (!descriptor.isOpen())
        fail(path, "cannot be opened for syncing");
    if (ops.sync(descriptor.get()) != 0)
        fail(path, "cannot be synced to the disk");
}

/// The folder is opened before the rename, so that only the sync itself can fail after it.
class Folder {
public:
    Folder(FileSystemOps& ops, const fs::path& path) : m_ops(ops), m_path(path), m_descriptor(ops, ops.open(path))
    {
        if (!m_descriptor.isOpen())
            fail(path, "folder cannot be opened");
    }

    /// Some network and FUSE file systems can't sync a folder and say EINVAL; they order renames in their own way.
    void sync()
    {
        if (m_ops.sync(m_descriptor.get()) != 0 && errno != EINVAL)
            fail(m_path, "done, but the folder cannot be synced, so a power cut may undo it");
    }

private:
    FileSystemOps& m_ops;
    fs::path m_path;
    Descriptor m_descriptor;
};

void writeAll(FileSystemOps& ops, int descriptor, std::string_view bytes, const fs::path& path)
{
    while (!bytes.empty()) {
        const ssize_t written = ops.write(descriptor, bytes.data(), bytes.size());
        if (written == 0)
            errno = EIO; // a file that takes nothing and reports nothing would keep us here forever
        if (written <= 0)
            fail(path, "cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// A device, pipe or socket, or a link to one, must never be renamed over: as root that would take it from the whole machine.
void refuseDevice(const fs::path& path)
{
    std::error_code ignored;
    switch (fs::status(path, ignored).type()) {
    case fs::file_type::block:
    case fs::file_type::character:
    case fs::file_type::fifo:
    case fs::file_type::socket:
        throw Error(ErrorKind::BadInput, "{}: is a device, pipe or socket, which no file can replace; choose another name", path.string());
    default: return;
    }
}

void renameIntoPlace(FileSystemOps& ops, Aside& aside, const fs::path& path, Folder& folder)
{
    if (ops.rename(aside.path(), path) != 0)
        fail(path, "cannot be replaced");
    aside.setCommitted();
    folder.sync();
}

void syncTree(FileSystemOps& ops, const fs::path& path)
{
    std::vector<FileSystemOps::Entry> entries;
    if (ops.list(path, entries) != 0)
        fail(path, "folder cannot be read");
    for (const auto& entry : entries) {
        if (entry.kind == Kind::Directory)
            syncTree(ops, path / entry.name);
        else if (entry.kind == Kind::File)
            syncPath(ops, path / entry.name); // a symbolic link is synced with its folder
    }
    syncPath(ops, path);
}

/// When a process started, in ticks since boot, or nothing when there is no such process. Together with the process id
/// it names a process: ids are used again, in containers soon and always from 1 up.
std::optional<std::uint64_t> processStart(std::uint64_t pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    // The second field is the command in brackets and may itself hold spaces and brackets; the start is field 22.
    std::size_t position = line.rfind(')');
    for (int field = 2; field < 22 && position != std::string::npos; ++field)
        position = line.find(' ', position + 1);
    if (position == std::string::npos)
        return std::nullopt;
    std::uint64_t ticks = 0;
    const auto result = std::from_chars(line.data() + position + 1, line.data() + line.size(), ticks);
    return result.ec == std::errc() ? std::optional(ticks) : std::nullopt;
}

/// Whether `name` is one of ours (".name.PID-START-COUNT.btcai-tmp") and its writer is gone.
bool isLeftover(std::string_view name)
{
    if (!name.starts_with('.') || !name.ends_with(temporarySuffix))
        return false;
    name.remove_suffix(temporarySuffix.size());
    const std::string_view owner = name.substr(name.rfind('.') + 1);
    std::uint64_t pid = 0;
    std::uint64_t start = 0;
    const char* const end = owner.data() + owner.size();
    const auto first = std::from_chars(owner.data(), end, pid);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-')
        return false;
    const auto second = std::from_chars(first.ptr + 1, end, start);
    if (second.ec != std::errc() || second.ptr == end || *second.ptr != '-')
        return false;
    // Without /proc nobody can be told to be gone.
    return processStart(static_cast<std::uint64_t>(::getpid())) && processStart(pid) != start;
}

} // namespace

fs::path temporaryPathFor(const fs::path& path)
{
    static std::atomic<std::uint64_t> counter{0};
    const auto pid = static_cast<std::uint64_t>(::getpid()); // asked each time: a fork changes it
    // A name may be 255 bytes long; the part that tells ours apart is at its end.
    const std::string name = path.filename().string().substr(0, 150);
    return parentOf(path) /
           fmt::format(".{}.{}-{}-{}{}", name, pid, processStart(pid).value_or(0), ++counter, temporarySuffix);
}

void writeFileDurably(const fs::path& path, std::string_view bytes, FileSystemOps& ops)
{
    refuseDevice(path);
    Folder folder(ops, parentOf(path));
    const fs::path temporary = temporaryPathFor(path);
    Descriptor file(ops, ops.create(temporary));
    if (!file.isOpen())
        fail(path, "cannot be written beside it");
    Aside aside(ops, temporary);
    writeAll(ops, file.get(), bytes, path);
    if (ops.sync(file.get()) != 0)
        fail(path, "cannot be synced to the disk");
    if (file.close() != 0)
        fail(path, "cannot be closed");
    renameIntoPlace(ops, aside, path, folder);
}

void writeFileDurably(const fs::path& path, std::span<const std::byte> bytes, FileSystemOps& ops)
{
    writeFileDurably(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), ops);
}

void writeFileDurablyBy(const fs::path& path, const std::function<void(const fs::path&)>& write, FileSystemOps& ops)
{
    refuseDevice(path);
    Folder folder(ops, parentOf(path));
    Aside aside(ops, temporaryPathFor(path));
    write(aside.path());
    syncPath(ops, aside.path());
    renameIntoPlace(ops, aside, path, folder);
}

void commitDirectoryDurably(const fs::path& temporary, const fs::path& final, FileSystemOps& ops)
{
    if (parentOf(temporary) != parentOf(final))
        throw Error(ErrorKind::Internal, "{}: must be written in the same folder as {}", temporary.string(),
                    final.string());
    Aside aside(ops, temporary);
    Folder folder(ops, parentOf(final));
    syncTree(ops, temporary);
    if (ops.kind(final) != Kind::Directory) {
        renameIntoPlace(ops, aside, final, folder);
        return;
    }
    if (ops.exchange(temporary, final) != 0)
        fail(final, "cannot be swapped for its new version");
    aside.setCommitted();
    folder.sync(); // before the old version loses its first file
    removeTree(ops, temporary);
}

void createDirectoriesDurably(const fs::path& path, FileSystemOps& ops)
{
    if (path.empty() || ops.kind(path) == Kind::Directory)
        return;
    createDirectoriesDurably(path.parent_path(), ops);
    Folder parent(ops, parentOf(path));
    if (ops.makeDirectory(path) != 0 && errno != EEXIST)
        fail(path, "folder cannot be created");
    if (ops.kind(path) == Kind::File) {
        errno = ENOTDIR;
        fail(path, "folder cannot be created");
    }
    parent.sync();
}

std::size_t sweepTemporaries(const fs::path& directory, FileSystemOps& ops)
{
    std::vector<FileSystemOps::Entry> entries;
    if (ops.list(directory, entries) != 0)
        return 0;
    std::size_t removed = 0;
    for (const auto& entry : entries) {
        if (!isLeftover(entry.name))
            continue;
        removeTree(ops, directory / entry.name);
        removed += ops.kind(directory / entry.name) == Kind::Missing ? 1 : 0;
    }
    return removed;
}

} // namespace btcai
