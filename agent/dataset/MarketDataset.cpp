#include "agent/dataset/MarketDataset.h"

#include <algorithm>
#include <optional>

#include "agent/dataset/TrainingCopies.h"
#include "base/Error.h"
#include "data/features/FeatureCache.h"
#include "data/features/FeatureStream.h"

namespace btcai {

namespace {

/// Smaller matrices are computed faster than a disk takes them durably.
constexpr std::size_t kLeastCachedBytes = 8 << 20;

FeatureMatrix featuresOf(const RunConfig& config, const BarSeries& series, const FundingSeries& funding, const std::vector<std::string>& names)
{
    const FeatureMatrixOptions options{.funding = &funding, .threads = static_cast<std::size_t>(std::max<std::int64_t>(1, config.threads))};
    const bool isLarge = series.size() * names.size() * sizeof(float) >= kLeastCachedBytes;
    return config.features.cache && isLarge ? FeatureCache().get(series, names, options) : FeatureMatrix::compute(series, names, options);
}

std::vector<MarketRegime> regimesOf(const BarSeries& series)
{
    const std::vector<std::string> names{"REGIME_TREND", "REGIME_VOLATILE"};
    const FeatureMatrix matrix = FeatureMatrix::compute(series, names);
    std::vector<MarketRegime> regimes(series.size(), MarketRegime::Range);
    for (std::size_t row = 0; row < regimes.size(); ++row) {
        const auto values = matrix.row(row);
        if (values[0] + values[1] > 0.0F)
            regimes[row] = values[1] > 0.0F ? MarketRegime::Volatile : MarketRegime::Trend;
    }
    return regimes;
}

} // namespace

std::string_view marketRegimeName(MarketRegime regime)
{
    switch (regime) {
    case MarketRegime::Range: return "range";
    case MarketRegime::Trend: return "trend";
    case MarketRegime::Volatile: return "volatile";
    }
    return "unknown";
}

std::vector<RowRange> MarketDataset::trainingRows() const
{
    std::vector<RowRange> rows = split.training;
    rows.insert(rows.end(), copies.begin(), copies.end());
    return rows;
}

MarketDataset makeMarketDataset(const RunConfig& config, const MarketData& data, std::size_t contextRows, const Normalizer* normalizer)
{
    const std::vector<std::string> names = resolveFeatureSelection(config.features.select);
    if (normalizer && normalizer->names() != names)
        throw Error(ErrorKind::BadInput, "features.select = {}: stands for other features than the {} this run was trained on", config.features.select,
                    normalizer->names().size());
    MarketDataset dataset;
    dataset.dataName = data.series.instrument();
    dataset.dataHash = data.series.contentHash();
    dataset.presentBars = data.series.presentCount();
    dataset.regimes = regimesOf(data.series);
    dataset.identity = {.catalogVersion = kFeatureCatalogVersion, .setHash = featureSetHash(names),
                        .fundingHash = data.funding.empty() ? std::string() : data.funding.contentHash(),
                        .intervalSeconds = data.series.intervalSeconds()};

    const std::size_t warmUp = FeatureStream(data.series.intervalSeconds(), names).warmUpBars();
    const SplitRows rows{.firstUsable = FeatureMatrix::warmUpRow(data.series, names) + contextRows, .rows = data.series.size(),
                         .reach = {.lookbackRows = static_cast<std::size_t>(config.model.lookbackBars), .warmUpRows = warmUp,
                                   .horizonRows = static_cast<std::size_t>(std::ranges::max(forecastHorizons(config)))}};
    dataset.split = splitForRun(config, rows);

    std::optional<AugmentedSeries> augmented;
    if (wantsTrainingCopies(config)) {
        augmented = appendTrainingCopies(config, data.series, data.funding, dataset.split.training, warmUp + contextRows);
        dataset.copies = augmented->copies;
    }
    const BarSeries& series = augmented ? augmented->series : data.series;
    dataset.market = makeMarket(series, data);
    dataset.features = featuresOf(config, series, augmented ? augmented->funding : data.funding, names);
    dataset.normalizer = normalizer ? *normalizer
                                    : Normalizer::fit(dataset.features, dataset.split.training,
                                                      {.kind = normalizerKindFrom(config.features.normalizer)});
    return dataset;
}

void checkFeatures(const FeatureIdentity& trained, const FeatureIdentity& now, bool otherData)
{
    if (trained.catalogVersion != now.catalogVersion)
        throw Error(ErrorKind::BadInput,
                    "this agent was trained on features of catalogue version {}; this build computes version {}, whose values differ. Use the build "
                    "that trained it (manifest.json names it), or train anew",
                    trained.catalogVersion, now.catalogVersion);
    if (trained.setHash != now.setHash)
        throw Error(ErrorKind::BadInput, "this agent was trained on other features than those this configuration and build compute (their hashes differ)");
    if (trained.intervalSeconds != 0 && trained.intervalSeconds != now.intervalSeconds)
        throw Error(ErrorKind::BadInput, "data: are bars of {} s; this agent was trained on bars of {} s", now.intervalSeconds, trained.intervalSeconds);
    if (!otherData && trained.fundingHash != now.fundingHash)
        throw Error(ErrorKind::BadInput, "features.funding: are not the funding rates this agent was trained on (their hash differs)");
}

} // namespace btcai
