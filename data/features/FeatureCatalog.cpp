#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "base/Error.h"
#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

std::vector<FeatureInfo> buildCatalog()
{
    std::vector<FeatureInfo> catalog;
    for (const auto group : {trendFeatures, momentumFeatures, volatilityFeatures, volumeFeatures, candleFeatures, timeFeatures}) {
        std::vector<FeatureInfo> entries = group();
        std::move(entries.begin(), entries.end(), std::back_inserter(catalog));
    }
    return catalog;
}

/// Levenshtein's distance.
std::size_t editDistance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

constexpr std::array kDefaultFeatures{
    "LOGRET_1", "LOGRET_3", "LOGRET_12", "LOGRET_48", "LOGRET_144", "LOGRET_288",
    "EMA_RATIO_48", "EMA_RATIO_288", "PPO_12_26_EMA", "ADX_14", "RSI_14",
    "NATR_14", "BBANDS_PERCENT_20_2", "RVOL_12", "RVOL_288",
    "VOLUME_RATIO_12", "VOLUME_RATIO_288", "MFI_14", "OBV_SHARE_20",
    "BOP", "UPPER_WICK_SHARE", "LOWER_WICK_SHARE",
    "HOUR_SIN", "HOUR_COS", "WEEKDAY_SIN", "WEEKDAY_COS",
};

} // namespace

std::string_view featureGroupName(FeatureGroup group)
{
    switch (group) {
    case FeatureGroup::Trend: return "trend";
    case FeatureGroup::Momentum: return "momentum";
    case FeatureGroup::Volatility: return "volatility";
    case FeatureGroup::Volume: return "volume";
    case FeatureGroup::Candle: return "candle";
    case FeatureGroup::Time: return "time";
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
    constexpr std::size_t kLongestName = 64; // bounds the work and the message for a name from outside
    const std::string_view shown = name.substr(0, kLongestName);
    const auto nearest = std::ranges::min_element(catalog, {}, [&](const FeatureInfo& f) { return editDistance(shown, f.name); });
    throw Error(ErrorKind::BadInput, "there is no feature \"{}\"; did you mean \"{}\"?", shown, nearest->name);
}

} // namespace btcai
