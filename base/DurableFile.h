#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "base/FileSystemOps.h"

namespace btcai {

/// Writing that survives a crash, a kill and a power cut: after one at any moment, a reader finds the old content or
/// the new one, whole. Once a function here has returned, it is the new one. The content is written aside in the same
/// folder, synced to the disk, renamed over the old name, and the folder is synced.
///
/// On failure Error(Io) names the path and what the operating system said; what was written aside is removed and the
/// old content stands. One exception: when only the last step, syncing the folder, fails, the new content is in place
/// but might not survive a power cut; the message says so.
///
/// The functions block on the disk. They may run in several threads at once. Of several writers of one path the last
/// rename wins. A symbolic link at the path is replaced, not followed; a device, pipe or socket, or a link to one, is refused with
/// Error(BadInput). Folders must exist already.

/// Replaces `path` by these bytes.
void writeFileDurably(const std::filesystem::path& path, std::string_view bytes,
                      FileSystemOps& ops = posixFileSystem());
void writeFileDurably(const std::filesystem::path& path, std::span<const std::byte> bytes,
                      FileSystemOps& ops = posixFileSystem());

/// For libraries that write by path (HDF5, SQLite): `write` creates the file it is given, fills and closes it.
/// What `write` throws passes through, after the file is removed.
void writeFileDurablyBy(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path& temporary)>& write,
                        FileSystemOps& ops = posixFileSystem());

/// A fresh name beside `path` for content that is to replace it. sweepTemporaries() knows such names.
std::filesystem::path temporaryPathFor(const std::filesystem::path& path);

/// Makes the folder `temporary` (from temporaryPathFor(final)), with the files and folders in it, appear as `final`:
/// syncs every file and folder inside, renames, syncs the parent. An existing folder `final` is swapped for the new one
/// in one step and then removed, which needs a local file system (ext4, xfs, btrfs, tmpfs, overlay); elsewhere that
/// is Error(Io). On failure `temporary` is removed with all that is in it.
void commitDirectoryDurably(const std::filesystem::path& temporary, const std::filesystem::path& final,
                            FileSystemOps& ops = posixFileSystem());

/// Creates a folder and the folders above it as needed, so that they are still there after a power cut.
void createDirectoriesDurably(const std::filesystem::path& path, FileSystemOps& ops = posixFileSystem());

/// Removes what crashed writers left in `directory` (not below it) and returns how many entries went. What a process
/// that still runs on this machine is writing is left alone. A missing folder has no leftovers; never throws for one
/// leftover that can't be removed.
std::size_t sweepTemporaries(const std::filesystem::path& directory, FileSystemOps& ops = posixFileSystem());

} // namespace btcai
