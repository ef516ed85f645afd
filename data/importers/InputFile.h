#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace btcai {

/// A stream of bytes: of a file as it is, or unpacked from gzip or from an entry of a zip, told by the first bytes.
class ByteSource {
public:
    virtual ~ByteSource() = default;

    /// Fills at most `out` and returns how much; 0 at the end. Throws Error(Io) when reading fails, and Error(BadInput) when packed
    /// data is damaged or cut short.
    virtual std::size_t read(std::span<char> out) = 0;
};

/// One table or JSON text: a whole file, or an entry of a zip.
struct InputPart {
    std::filesystem::path path;
    std::string entry;          ///< name within the zip, or empty
    std::size_t entryIndex = 0;

    /// For messages: "a.zip", or "a.zip(b.csv)" where the zip has several entries.
    std::string label;
    /// What Lean's day is read from: the entry's name, or the file's.
    std::string name() const { return entry.empty() ? path.filename().string() : entry; }
};

/// The parts of one file: itself, or the entries of a zip in their order, folders left out. Throws Error(Io) when it cannot be opened, Error(BadInput)
/// for a damaged or empty zip and for what is no regular file.
std::vector<InputPart> partsOf(const std::filesystem::path& path);

std::unique_ptr<ByteSource> openPart(const InputPart& part);

/// The first `count` unpacked bytes, or all if there are fewer.
std::string firstBytes(const InputPart& part, std::size_t count);

/// All unpacked bytes. Throws Error(BadInput) when there are more than `maxBytes`, before more are in memory.
std::string allBytes(const InputPart& part, std::size_t maxBytes);

/// The files a caller means by these paths: a folder stands for the regular files in it (not below it), in the order of their names, hidden
/// ones left out. Throws Error(Io) for a path that is not there, Error(BadInput) for a folder without files.
std::vector<std::filesystem::path> expandInputs(std::span<const std::filesystem::path> inputs);

} // namespace btcai
