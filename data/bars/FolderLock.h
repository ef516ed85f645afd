#pragma once

#include <chrono>
#include <filesystem>

namespace btcai {

/// While one lives, no other thread or process has a lock on the same folder. For writers that read, change and replace a
/// file in it: the file itself cannot carry the lock, since it is replaced, and nothing is left lying about this way.
/// The system takes the lock back from a process that dies. Readers need none. Not recursive.
class FolderLock {
public:
    /// Waits for other holders. Throws Error(Io) naming the folder when that takes longer than `patience`, or when the folder cannot
    /// be opened or its file system knows no locks.
    explicit FolderLock(const std::filesystem::path& folder, std::chrono::milliseconds patience = std::chrono::seconds(30));
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    int m_descriptor;
};

} // namespace btcai
