#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace btcai {

/// A whole file as bytes. Throws Error(Io) naming the path and the reason when it can't be read, and Error(BadInput)
/// when it holds more than `maxBytes`, before more than that is in memory. A folder is not a file.
std::string readFile(const std::filesystem::path& path, std::size_t maxBytes);

} // namespace btcai
