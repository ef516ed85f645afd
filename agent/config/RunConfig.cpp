#include "agent/config/RunConfig.h"

#include <algorithm>
#include <charconv>

#include "agent/config/MessageText.h"
#include "base/Error.h"

namespace btcai {

RunConfig defaultConfig(Bucket bucket)
{
    const BucketSpec& spec = bucketSpec(bucket);
    RunConfig config;
    config.bucket = bucket;
    config.account.episodeBars = spec.episodeBars;
    config.model.lookbackBars = spec.lookbackBars;
    config.model.patchBars = spec.patchBars;
    config.model.horizons = spec.horizons;
    config.ppo.gamma = spec.gamma;
    config.reward.drawdownPenalty = spec.drawdownPenalty;
    config.account.maxPositions = spec.maxPositions;
    config.goal.period = goalPeriodName(spec.goalPeriod);
    config.goal.least = spec.goalLeast;
    config.goal.most = spec.goalMost;
    return config;
}

std::vector<std::int64_t> forecastHorizons(const RunConfig& config)
{
    const std::string& text = config.model.horizons;
    std::vector<std::int64_t> horizons;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        std::int64_t value = 0;
        const auto [rest, code] = std::from_chars(text.data() + begin, text.data() + end, value);
        if (code != std::errc{} || rest != text.data() + end || value < 1 || value > 100'000
            || (!horizons.empty() && value <= horizons.back()))
            throw Error(ErrorKind::BadInput,
                        "model.horizons = \"{}\": write ascending whole numbers of bars between 1 and 100000, separated by "
                        "commas, such as \"1,12,48\"",
                        messageText(text));
        horizons.push_back(value);
        begin = end + 1;
    }
    if (horizons.size() > 8)
        throw Error(ErrorKind::BadInput, "model.horizons: at most 8 horizons, found {}", horizons.size());
    return horizons;
}

} // namespace btcai
