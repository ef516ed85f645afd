#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <fmt/ranges.h>

#include "base/Error.h"

namespace btcai {

/// Reads "all" or names with commas between; a name that comes twice counts once. `nameOf` gives the name of a choice, `what` says what
/// they are. Throws Error(BadInput) naming what is none and what there is.
template <typename Choice, std::size_t N, typename NameOf>
std::vector<Choice> parseNameList(std::string_view text, const std::array<Choice, N>& choices, NameOf&& nameOf, std::string_view what)
{
    if (text == "all")
        return {choices.begin(), choices.end()};
    std::vector<Choice> found;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string_view name = text.substr(begin, end - begin);
        const auto choice = std::ranges::find(choices, name, nameOf);
        if (choice == choices.end()) {
            std::vector<std::string_view> names;
            std::ranges::transform(choices, std::back_inserter(names), nameOf);
            throw Error(ErrorKind::BadInput, "'{}' is no {}: write all, or of {} some with commas between", name, what,
                        fmt::join(names, ", "));
        }
        if (std::ranges::find(found, *choice) == found.end())
            found.push_back(*choice);
        begin = end + 1;
    }
    return found;
}

} // namespace btcai
