#include <array>
#include <charconv>
#include <string>

#include "base/Error.h"
#include "env/execution/CostModel.h"

namespace btcai {

namespace {

std::string_view trimmed(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(' ');
    return first == std::string_view::npos ? std::string_view{} : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

FeeTier parseTier(std::string_view text)
{
    std::array<double, 3> values{};
    std::string_view rest = text;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t colon = i + 1 < values.size() ? rest.find(':') : rest.size();
        const std::string_view part = trimmed(rest.substr(0, colon));
        const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), values[i]);
        const bool isRate = i > 0;
        if (colon == std::string_view::npos || code != std::errc{} || end != part.data() + part.size()
            || !(values[i] >= 0.0 && values[i] <= (isRate ? 1000.0 : 1e15)))
            throw Error(ErrorKind::BadInput,
                        "fee tier '{}': write VOLUME:TAKER:MAKER, a volume in quote currency and two fees of 0 to 1000 bps",
                        text.substr(0, 80));
        rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
    return {values[0], values[1], values[2]};
}

} // namespace

std::vector<FeeTier> parseFeeTiers(std::string_view text)
{
    std::vector<FeeTier> tiers;
    for (std::string_view rest = trimmed(text); !rest.empty();) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        tiers.push_back(parseTier(trimmed(rest.substr(0, comma))));
        if (tiers.size() > 1 && !(tiers.back().volume > tiers[tiers.size() - 2].volume))
            throw Error(ErrorKind::BadInput, "fee tiers: the volume {} must be above the {} before it", tiers.back().volume,
                        tiers[tiers.size() - 2].volume);
        rest = comma == rest.size() ? std::string_view{} : trimmed(rest.substr(comma + 1));
    }
    return tiers;
}

} // namespace btcai
