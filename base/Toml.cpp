#include "base/Toml.h"

#include <algorithm>

#include "base/Error.h"
#include "base/ReadFile.h"

namespace btcai {

namespace {

/// Points in one line: each may open a table, and the TOML parser descends into tables until the stack ends.
constexpr std::ptrdiff_t kMaxPointsInLine = 100;

void refuseDeepKeys(std::string_view text, std::string_view source)
{
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        if (std::ranges::count(text.substr(0, end), '.') > kMaxPointsInLine)
            throw Error(ErrorKind::BadInput, "{}:{}: nested too deeply", source, line);
        text.remove_prefix(end);
    }
}

} // namespace

toml::table parseToml(std::string_view text, std::string_view sourceName, std::size_t maxBytes)
{
    if (text.size() > maxBytes)
        throw Error(ErrorKind::BadInput, "{}: {} bytes, more than the {} allowed", sourceName, text.size(), maxBytes);
    refuseDeepKeys(text, sourceName);
    try {
        return toml::parse(text, sourceName);
    } catch (const toml::parse_error& error) {
        throw Error(ErrorKind::BadInput, "{}:{}: not TOML: {}", sourceName, error.source().begin.line, error.description());
    }
}

toml::table readTomlFile(const std::filesystem::path& path, std::size_t maxBytes)
{
    return parseToml(readFile(path, maxBytes), path.string(), maxBytes);
}

} // namespace btcai
