#include "agent/dataset/MarketData.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/ranges.h>

#include "base/Error.h"
#include "base/Log.h"
#include "data/bars/BarStore.h"
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
                    "data = {}: is not fit to learn from: {}. See btcai check; to learn from it all the same, set quality.allow_bad",
                    config.data, fmt::join(verdict.reasons, "; "));
    for (const std::string& reason : verdict.reasons)
        logWarning("learning from bad data, as quality.allow_bad asks: {}", reason);
    return {{"score", report.score}, {"errors", verdict.reasons}};
}

/// Of "STORE.h5#BTCUSD/300" the file and which series of it; any other text is a file alone.
BarSeries loadBars(const std::string& data)
{
    const std::size_t mark = data.rfind('#');
    if (mark == std::string::npos || std::filesystem::exists(data))
        return loadSeries(data);
    ImportOptions options;
    const std::string which = data.substr(mark + 1);
    const std::size_t slash = which.find('/');
    options.instrument = which.substr(0, slash);
    if (slash != std::string::npos) {
        const char* const end = which.data() + which.size();
        const auto [rest, code] = std::from_chars(which.data() + slash + 1, end, options.intervalSeconds);
        if (code != std::errc{} || rest != end)
            throw Error(ErrorKind::BadInput, "data = {}: after # must stand INSTRUMENT or INSTRUMENT/SECONDS", data);
    }
    return loadSeries(data.substr(0, mark), options);
}

FundingSeries loadFunding(const RunConfig& config)
{
    const std::filesystem::path file = config.features.funding;
    if (file.empty())
        return {};
    if (!BarStore::looksLikeOne(file))
        return importFunding(std::array{file}).series;
    const std::vector<StoredSeries> stored = BarStore::list(file);
    const auto isFunding = [](const StoredSeries& series) { return series.id.kind == SeriesKind::Funding; };
    const auto found = std::ranges::find_if(stored, isFunding);
    if (found == stored.end() || std::ranges::count_if(stored, isFunding) > 1)
        throw Error(ErrorKind::BadInput, "features.funding = {}: must hold one series of funding rates", file.string());
    return BarStore::readFunding(file, found->id.instrument);
}

} // namespace

/// Features of the funding group are 0 where no rate is known: an agent must not learn from a column of zeros unawares.
void checkFunding(const RunConfig& config, const MarketData& data)
{
    const auto names = resolveFeatureSelection(config.features.select);
    const bool wanted = std::ranges::any_of(names, [](const std::string& name) { return findFeature(name).group == FeatureGroup::Funding; });
    const bool all = config.features.select == "all"; // everything there is, funding only if given
    if (wanted && !all && data.funding.empty())
        throw Error(ErrorKind::BadInput, "features.select = {}: funding features need features.funding, a file of funding rates", config.features.select);
    const auto end = data.series.timestamp(data.series.size());
    if (!data.funding.empty() && (data.funding.rates().front().timestamp >= end || !data.funding.latest(end)
                                  || data.funding.rates().back().timestamp < data.series.startTime()))
        throw Error(ErrorKind::BadInput, "features.funding = {}: its rates lie outside of the time of the data", config.features.funding);
    if (!data.funding.empty() && !wanted)
        logWarning("features.funding is given, but no feature of the funding group is chosen");
}

MarketData loadMarketData(const RunConfig& config)
{
    if (config.data.empty())
        throw Error(ErrorKind::BadInput, "data: no market data given; name a CSV file or a stored series");
    const auto synthetic = parseSyntheticSpec(config.data);
    MarketData data{synthetic ? makeSyntheticMarket(synthetic->options).series : loadBars(config.data), loadFunding(config)};
    checkFunding(config, data);
    if (!synthetic)
        data.quality = checkQuality(config, data.series);
    return data;
}

} // namespace btcai
