#include "agent/dataset/MarketData.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/Error.h"
#include "base/Log.h"
#include "data/dataset/SyntheticMarket.h"
#include "data/features/FeatureKernel.h"
#include "data/importers/LoadSeries.h"
#include "data/quality/QualityReport.h"

namespace btcai {

namespace {

/// What the check says, for the manifest; throws where it forbids the run.
Json checkQuality(const RunConfig& config, const BarSeries& series)
{
    const QualityReport report = assessQuality(series);
    const Verdict verdict = blocksTraining(report);
    if (verdict.blocks() && !config.quality.allowBad)
        throw Error(ErrorKind::BadInput,
                    "data = {}: is not fit to learn from: {}. See btcai check; to use it all the same, set quality.allow_bad (evaluate: --allow-bad)",
                    config.data, fmt::join(verdict.reasons, "; "));
    for (const std::string& reason : verdict.reasons)
        logWarning("learning from bad data, as quality.allow_bad asks: {}", reason);
    return {{"score", report.score}, {"errors", verdict.reasons}};
}

FundingSeries loadFunding(const std::filesystem::path& file)
{
    return file.empty() ? FundingSeries() : importFunding(std::array{file}).series;
}

/// Features of the funding group are 0 where no rate is known: an agent must not learn from a column of zeros unawares.
void checkFunding(const RunConfig& config, const MarketData& data)
{
    const auto names = resolveFeatureSelection(config.features.select);
    const bool wanted = std::ranges::any_of(names, [](const std::string& name) { return findFeature(name).group == FeatureGroup::Funding; });
    const bool all = config.features.select == "all"; // everything there is, funding only if given
    if (wanted && !all && data.funding.empty())
        throw Error(ErrorKind::BadInput, "features.select = {}: funding features need features.funding, a file of funding rates", config.features.select);
    if (data.funding.empty())
        return;
    const auto end = data.series.timestamp(data.series.size());
    if (data.funding.rates().front().timestamp >= end || data.funding.rates().back().timestamp < data.series.startTime())
        throw Error(ErrorKind::BadInput, "features.funding = {}: its rates lie outside of the time of the data", config.features.funding);
    if (!wanted)
        logWarning("features.funding is given, but no feature of the funding group is chosen");
}

} // namespace

MarketData loadMarketData(const RunConfig& config)
{
    if (config.data.empty())
        throw Error(ErrorKind::BadInput, "data: no market data given; name a CSV file or a stored series");
    const auto synthetic = parseSyntheticSpec(config.data);
    MarketData data{synthetic ? makeSyntheticMarket(synthetic->options).series : loadSeries(config.data), loadFunding(config.features.funding)};
    if (!config.execution.finerBars.empty())
        data.finer = loadSeries(config.execution.finerBars);
    data.swap = loadFunding(config.margin.funding);
    checkFunding(config, data);
    if (!synthetic)
        data.quality = checkQuality(config, data.series);
    return data;
}

std::shared_ptr<const Market> makeMarket(const BarSeries& series, const MarketData& data)
{
    auto market = std::make_shared<Market>(series);
    if (!data.finer.empty())
        market->useFiner(data.finer);
    market->funding = data.swap;
    return market;
}

} // namespace btcai
