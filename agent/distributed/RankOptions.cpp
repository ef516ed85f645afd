#include "agent/distributed/RankOptions.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr int kMostRanks = 4096;
constexpr int kMostSeconds = 86'400;

/// A whole number within [least, most]; `fallback` where the variable is not set, and an error where there is none.
int number(const ReadVariable& read, const char* name, int least, int most, std::string_view meaning, std::optional<int> fallback = {})
{
    const char* const text = read(name);
    if (!text && fallback)
        return *fallback;
    if (!text)
        throw Error(ErrorKind::BadInput, "{} is missing in the environment: set it to {}, from {} to {} (torchrun sets it)", name, meaning,
                    least, most);
    const std::string_view view(text);
    int value = 0;
    const auto [end, fault] = std::from_chars(view.data(), view.data() + view.size(), value);
    if (fault != std::errc() || end != view.data() + view.size() || value < least || value > most)
        throw Error(ErrorKind::BadInput, "{} = {} in the environment: must be {}, a whole number from {} to {}", name, view.substr(0, 64),
                    meaning, least, most);
    return value;
}

} // namespace

std::chrono::milliseconds rankTimeout(const ReadVariable& read)
{
    return std::chrono::seconds(number(read, "BTCAI_RANK_TIMEOUT", 1, kMostSeconds, "the seconds after which a silent rank is lost", 60));
}

std::optional<RankOptions> ranksFromEnvironment(const ReadVariable& read)
{
    if (!read("RANK") && !read("WORLD_SIZE"))
        return std::nullopt;
    RankOptions options;
    options.size = number(read, "WORLD_SIZE", 1, kMostRanks, "the number of ranks");
    options.rank = number(read, "RANK", 0, options.size - 1, "the number of this rank, below WORLD_SIZE");
    const char* const address = read("MASTER_ADDR");
    if (!address || std::string_view(address).empty())
        throw Error(ErrorKind::BadInput,
                    "MASTER_ADDR is missing in the environment: set it to the host name or address of rank 0 (torchrun sets it)");
    options.address = address;
    options.port = static_cast<std::uint16_t>(number(read, "MASTER_PORT", 1, 65'535, "a free TCP port of the host of rank 0"));
    options.localSize = number(read, "LOCAL_WORLD_SIZE", 1, options.size, "the number of ranks on this machine", 1);
    options.localRank = number(read, "LOCAL_RANK", 0, options.size - 1, "the number of this rank on its machine", 0);
    options.timeout = rankTimeout(read);
    return options;
}

std::optional<RankOptions> ranksFromEnvironment()
{
    return ranksFromEnvironment([](const char* name) { return static_cast<const char*>(std::getenv(name)); });
}

} // namespace btcai
