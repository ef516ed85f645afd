#include "agent/config/RunConfig.h"

#include <algorithm>
#include <charconv>

#include "agent/config/MessageText.h"
#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::int64_t kMostHorizonBars = 100'000;

} // namespace

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

std::vector<std::int64_t> chosenHorizons(const RunConfig& config)
{
    const std::string& text = config.model.horizons;
    std::vector<std::int64_t> horizons;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        std::int64_t value = 0;
        const auto [rest, code] = std::from_chars(text.data() + begin, text.data() + end, value);
        if (code != std::errc{} || rest != text.data() + end || value < 1 || value > kMostHorizonBars
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

std::vector<std::int64_t> forecastHorizons(const RunConfig& config)
{
    std::vector<std::int64_t> horizons = chosenHorizons(config);
    const auto& forecast = config.forecast;
    if (!forecast.adapt)
        return horizons;
    const std::int64_t least = forecast.leastBars > 0 ? forecast.leastBars : std::max<std::int64_t>(1, horizons.front() / 2);
    const std::int64_t most = forecast.mostBars > 0 ? forecast.mostBars : std::min<std::int64_t>(2 * horizons.back(), kMostHorizonBars);
    if (least > horizons.front() || most < horizons.back())
        throw Error(ErrorKind::BadInput, "forecast.least_bars and forecast.most_bars: must hold all of model.horizons between them, which go from {} to {} bars",
                    horizons.front(), horizons.back());
    for (std::int64_t power = 1; power <= most; power *= 2)
        for (const std::int64_t rung : {power, 3 * power})
            if (rung >= least && rung <= most)
                horizons.push_back(rung);
    std::ranges::sort(horizons);
    const auto doubles = std::ranges::unique(horizons);
    horizons.erase(doubles.begin(), doubles.end());
    return horizons;
}

} // namespace btcai
