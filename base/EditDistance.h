#pragma once

#include <cstddef>
#include <string_view>

namespace btcai {

/// Levenshtein's distance between two names, capitals aside: to suggest what a mistyped one may have meant.
std::size_t editDistance(std::string_view a, std::string_view b);

} // namespace btcai
