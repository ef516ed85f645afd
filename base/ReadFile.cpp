#include "base/ReadFile.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/Error.h"

namespace btcai {

std::string readFile(const std::filesystem::path& path, std::size_t maxBytes)
{
    const auto fail = [&](const char* what) {
        throw Error(ErrorKind::Io, "{}: {}: {}", path.string(), what, std::generic_category().message(errno));
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
    if (!file)
        fail("cannot be opened for reading");
    std::string bytes;
    char buffer[1 << 16];
    // Counted while reading rather than asked for: a pipe or a file of /proc has no size, and a growing file a false
    // one.
    while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, file.get())) {
        if (size > maxBytes - bytes.size())
            throw Error(ErrorKind::BadInput, "{}: more than the {} bytes allowed", path.string(), maxBytes);
        bytes.append(buffer, size);
    }
    if (std::ferror(file.get()))
        fail("cannot be read");
    return bytes;
}

} // namespace btcai
