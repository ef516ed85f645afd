#include "base/Json.h"

#include <algorithm>

#include "base/Error.h"
#include "base/ReadFile.h"

namespace btcai {

namespace {

std::size_t nestingDepth(std::string_view text)
{
    std::size_t depth = 0;
    std::size_t deepest = 0;
    bool inString = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inString) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                inString = false;
        } else if (c == '"') {
            inString = true;
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return deepest;
}

} // namespace

Json parseJson(std::string_view text, std::string_view what, JsonLimits limits)
{
    if (text.size() > limits.maxBytes)
        throw Error(ErrorKind::BadInput, "{}: {} bytes, more than the {} allowed", what, text.size(), limits.maxBytes);
    if (nestingDepth(text) > limits.maxDepth)
        throw Error(ErrorKind::BadInput, "{}: nested more than {} levels deep", what, limits.maxDepth);
    try {
        return Json::parse(text);
    } catch (const Json::parse_error& error) {
        throw Error(ErrorKind::BadInput, "{}: not JSON, at byte {}", what, error.byte);
    } catch (const Json::exception&) { // a number too large for any type, such as 1e999
        throw Error(ErrorKind::BadInput, "{}: holds a number that is out of range", what);
    }
}

Json readJsonFile(const std::filesystem::path& path, JsonLimits limits)
{
    return parseJson(readFile(path, limits.maxBytes), path.string(), limits);
}

} // namespace btcai
