#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace btcai {

/// A semantic version 2.0.0 (semver.org): 1.4.0, 1.4.0-rc.1, 1.4.0+20260101.
struct Version {
    std::uint64_t majorNumber = 0; // "major" and "minor" are macros in glibc
    std::uint64_t minorNumber = 0;
    std::uint64_t patchNumber = 0;
    std::vector<std::string> preRelease{}; ///< the identifiers after '-'
    std::string build{};                   ///< what stands after '+'; has no part in the order

    /// Throws Error(BadInput) naming the text and what is wrong with it. No "v" in front, no blanks.
    static Version parse(std::string_view text);

    std::string toString() const;
    bool isPreRelease() const { return !preRelease.empty(); }

    /// Precedence, item 11 of the specification. Versions that differ in the build alone are equivalent, and so ==.
    std::weak_ordering operator<=>(const Version& other) const;
    bool operator==(const Version& other) const { return (*this <=> other) == 0; }
};

} // namespace btcai
