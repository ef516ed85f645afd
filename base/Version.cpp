#include "base/Version.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/Error.h"

namespace btcai {

namespace {

/// Hostile text must not allocate in proportion to itself.
constexpr std::size_t maxLength = 256;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isIdentifierCharacter(char c)
{
    return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}
bool isNumeric(std::string_view text) { return std::all_of(text.begin(), text.end(), isDigit); }

[[noreturn]] void fail(std::string_view text, std::string_view why)
{
    throw Error(ErrorKind::BadInput, "\"{}\" is no semantic version such as 1.4.0 or 1.4.0-rc.1: {}",
                text.substr(0, 64), why);
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

std::uint64_t parseNumber(std::string_view number, std::string_view text)
{
    if (number.empty() || !isNumeric(number))
        fail(text, "it starts with three numbers, separated by points");
    if (number.size() > 1 && number.front() == '0')
        fail(text, "a number has no leading zero");
    std::uint64_t value = 0;
    const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
    if (result.ec != std::errc())
        fail(text, "a number is too large");
    return value;
}

void checkIdentifier(std::string_view identifier, std::string_view text)
{
    if (identifier.empty())
        fail(text, "an identifier is empty");
    if (!std::all_of(identifier.begin(), identifier.end(), isIdentifierCharacter))
        fail(text, "identifiers consist of letters, digits and hyphens");
}

/// Numeric identifiers compare as numbers of any size and come before the others, which compare as ASCII.
std::weak_ordering compareIdentifiers(const std::string& a, const std::string& b)
{
    const bool aIsNumeric = isNumeric(a);
    if (aIsNumeric != isNumeric(b))
        return aIsNumeric ? std::weak_ordering::less : std::weak_ordering::greater;
    if (aIsNumeric && a.size() != b.size()) // no leading zeros, so the longer one is larger
        return a.size() <=> b.size();
    return a <=> b;
}

} // namespace

Version Version::parse(std::string_view text)
{
    if (text.size() > maxLength)
        fail(text, "it is too long");
    Version version;
    std::string_view rest = text;
    if (const std::size_t plus = rest.find('+'); plus != std::string_view::npos) {
        for (const auto identifier : split(rest.substr(plus + 1), '.'))
            checkIdentifier(identifier, text);
        version.build = rest.substr(plus + 1);
        rest = rest.substr(0, plus);
    }
    if (const std::size_t hyphen = rest.find('-'); hyphen != std::string_view::npos) {
        for (const auto identifier : split(rest.substr(hyphen + 1), '.')) {
            checkIdentifier(identifier, text);
            if (identifier.size() > 1 && identifier.front() == '0' && isNumeric(identifier))
                fail(text, "a number has no leading zero");
            version.preRelease.emplace_back(identifier);
        }
        rest = rest.substr(0, hyphen);
    }
    const auto numbers = split(rest, '.');
    if (numbers.size() != 3)
        fail(text, "it starts with three numbers, separated by points");
    version.majorNumber = parseNumber(numbers[0], text);
    version.minorNumber = parseNumber(numbers[1], text);
    version.patchNumber = parseNumber(numbers[2], text);
    return version;
}

std::string Version::toString() const
{
    std::string text = fmt::format("{}.{}.{}", majorNumber, minorNumber, patchNumber);
    if (isPreRelease())
        text += fmt::format("-{}", fmt::join(preRelease, "."));
    if (!build.empty())
        text += "+" + build;
    return text;
}

std::weak_ordering Version::operator<=>(const Version& other) const
{
    if (const auto order = majorNumber <=> other.majorNumber; order != 0)
        return order;
    if (const auto order = minorNumber <=> other.minorNumber; order != 0)
        return order;
    if (const auto order = patchNumber <=> other.patchNumber; order != 0)
        return order;
    if (isPreRelease() != other.isPreRelease()) // a pre-release comes before its release
        return isPreRelease() ? std::weak_ordering::less : std::weak_ordering::greater;
    const std::size_t shared = std::min(preRelease.size(), other.preRelease.size());
    for (std::size_t i = 0; i < shared; ++i)
        if (const auto order = compareIdentifiers(preRelease[i], other.preRelease[i]); order != 0)
            return order;
    return preRelease.size() <=> other.preRelease.size();
}

} // namespace btcai
