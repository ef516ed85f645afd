#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>

#include <fmt/ranges.h>

#include "base/EditDistance.h"
#include "base/Error.h"
#include "data/bars/FieldHash.h"
#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

std::vector<FeatureInfo> buildCatalog()
{
    std::vector<FeatureInfo> catalog;
    for (const auto group : {trendFeatures, averageFeatures, cycleFeatures, momentumFeatures, volatilityFeatures, volumeFeatures,
                             statisticsFeatures, candleFeatures, patternFeatures, levelFeatures, timeframeFeatures, timeFeatures,
                             fundingFeatures, regimeFeatures}) {
        std::vector<FeatureInfo> entries = group();
        std::move(entries.begin(), entries.end(), std::back_inserter(catalog));
    }
    return catalog;
}

constexpr std::array kDefaultFeatures{
    "LOGRET_1", "LOGRET_3", "LOGRET_12", "LOGRET_48", "LOGRET_144", "LOGRET_288",
    "EMA_RATIO_48", "EMA_RATIO_288", "PPO_12_26_EMA", "ADX_14", "RSI_14",
    "NATR_14", "BBANDS_PERCENT_20_2", "RVOL_12", "RVOL_288",
    "VOLUME_RATIO_12", "VOLUME_RATIO_288", "MFI_14", "OBV_SHARE_20",
    "BOP", "UPPER_WICK_SHARE", "LOWER_WICK_SHARE",
    "HOUR_SIN", "HOUR_COS", "WEEKDAY_SIN", "WEEKDAY_COS",
};

constexpr std::size_t kLongestName = 64; // bounds the work and the message for a name from outside
constexpr std::size_t kLongestSelection = 65'536;

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t first = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

constexpr std::array kGroups{FeatureGroup::Trend,     FeatureGroup::Momentum, FeatureGroup::Volatility, FeatureGroup::Volume,
                             FeatureGroup::Statistics, FeatureGroup::Candle,   FeatureGroup::Level,      FeatureGroup::Timeframe,
                             FeatureGroup::Time,      FeatureGroup::Funding,  FeatureGroup::Regime};

std::vector<std::string_view> groupNames()
{
    std::vector<std::string_view> names;
    std::ranges::transform(kGroups, std::back_inserter(names), featureGroupName);
    return names;
}

/// The features of a group, of "default" or of "all"; nothing for another word.
std::optional<std::vector<std::string>> namesOfSet(std::string_view word)
{
    if (word == "default")
        return defaultFeatureNames();
    const auto names = groupNames();
    if (word != "all" && std::ranges::find(names, word) == names.end())
        return std::nullopt;
    std::vector<std::string> chosen;
    for (const FeatureInfo& info : featureCatalog())
        if (word == "all" || featureGroupName(info.group) == word)
            chosen.push_back(info.name);
    return chosen;
}

} // namespace

int FeatureInfo::warmUpBars(std::int64_t intervalSeconds) const
{
    if (timeframeSeconds <= intervalSeconds)
        return warmUp;
    return warmUp * static_cast<int>((timeframeSeconds + intervalSeconds - 1) / intervalSeconds);
}

std::string_view featureGroupName(FeatureGroup group)
{
    switch (group) {
    case FeatureGroup::Trend: return "trend";
    case FeatureGroup::Momentum: return "momentum";
    case FeatureGroup::Volatility: return "volatility";
    case FeatureGroup::Volume: return "volume";
    case FeatureGroup::Statistics: return "statistics";
    case FeatureGroup::Candle: return "candle";
    case FeatureGroup::Level: return "level";
    case FeatureGroup::Timeframe: return "timeframe";
    case FeatureGroup::Time: return "time";
    case FeatureGroup::Funding: return "funding";
    case FeatureGroup::Regime: return "regime";
    }
    return "unknown";
}

std::span<const FeatureInfo> featureCatalog()
{
    static const std::vector<FeatureInfo> catalog = buildCatalog();
    return catalog;
}

std::vector<std::string> defaultFeatureNames() { return {kDefaultFeatures.begin(), kDefaultFeatures.end()}; }

const FeatureInfo& findFeature(std::string_view name)
{
    const auto catalog = featureCatalog();
    const auto found = std::ranges::find(catalog, name, &FeatureInfo::name);
    if (found != catalog.end())
        return *found;
    const std::string_view shown = name.substr(0, kLongestName);
    std::vector<std::string_view> known = groupNames();
    for (const FeatureInfo& info : catalog)
        known.push_back(info.name);
    const auto nearest = std::ranges::min_element(known, {}, [&](std::string_view text) { return editDistance(shown, text); });
    throw Error(ErrorKind::BadInput, "there is no feature \"{}\"; did you mean \"{}\"?", shown, *nearest);
}

std::vector<std::string> resolveFeatureSelection(std::string_view text)
{
    if (text.size() > kLongestSelection)
        throw Error(ErrorKind::BadInput, "a choice of features of {} characters is too long: name groups, or \"all\"", text.size());
    std::vector<std::string> names;
    std::set<std::string, std::less<>> seen; // features, and sets as written
    while (true) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view item = trimmed(text.substr(0, comma));
        if (item.empty())
            throw Error(ErrorKind::BadInput, "a choice of features has an empty place: write names, groups ({}), \"default\" or \"all\", with a "
                                             "comma between two", fmt::join(groupNames(), ", "));
        const auto set = namesOfSet(item);
        if (!seen.insert(std::string(item)).second)
            throw Error(ErrorKind::BadInput, "\"{}\" is listed twice in the choice of features", item.substr(0, kLongestName));
        if (!set)
            names.push_back(findFeature(item).name);
        else
            std::ranges::copy_if(*set, std::back_inserter(names), [&](const std::string& name) { return seen.insert(name).second; });
        if (comma == text.size())
            return names;
        text.remove_prefix(comma + 1);
    }
}

std::string featureSetHash(std::span<const std::string> names)
{
    FieldHash hash;
    hash.addText("btcai-feature-set");
    hash.addWord(kFeatureCatalogVersion);
    hash.addWord(names.size());
    for (const std::string& name : names) {
        const FeatureInfo& info = findFeature(name);
        for (const std::string_view text : {std::string_view(info.name), std::string_view(info.formula), std::string_view(info.parameters)})
            hash.addText(text);
        hash.addWord(static_cast<std::uint64_t>(info.warmUp));
        hash.addWord(static_cast<std::uint64_t>(info.timeframeSeconds));
    }
    return hash.hexDigest();
}

} // namespace btcai
