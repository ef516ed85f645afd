#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include <toml++/toml.h>

namespace btcai {

/// Parses TOML text from outside. `sourceName` names it in messages, usually the path. Throws Error(BadInput) naming
/// source and line ("run.toml:3") for text that is no TOML, and for text of more than `maxBytes` or nested too deeply.
toml::table parseToml(std::string_view text, std::string_view sourceName, std::size_t maxBytes = 1 << 20);

/// Reads and parses a whole file. Throws Error(Io) or Error(BadInput).
toml::table readTomlFile(const std::filesystem::path& path, std::size_t maxBytes = 1 << 20);

} // namespace btcai
