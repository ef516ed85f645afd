#include "base/Toml.h"

#include "base/Error.h"
#include "base/ReadFile.h"

namespace btcai {

toml::table parseToml(std::string_view text, std::string_view sourceName, std::size_t maxBytes)
{
    if (text.size() > maxBytes)
        throw Error(ErrorKind::BadInput, "{}: {} bytes, more than the {} allowed", sourceName, text.size(), maxBytes);
    try {
        return toml::parse(text, sourceName);
    } catch (const toml::parse_error& error) {
        const toml::source_position& at = error.source().begin;
        throw Error(ErrorKind::BadInput, "{}: line {}, column {}: {}", sourceName, at.line, at.column,
                    error.description());
    }
}

toml::table readTomlFile(const std::filesystem::path& path, std::size_t maxBytes)
{
    return parseToml(readFile(path, maxBytes), path.string(), maxBytes);
}

} // namespace btcai
