#include "agent/dataset/MarketDataset.h"

#include "base/Error.h"
#include "data/features/FeatureKernel.h"

namespace btcai {

namespace {

/// Moves the start of a part up to the token grid.
RowRange alignToGrid(RowRange range, std::size_t grid)
{
    range.first = (range.first + grid - 1) / grid * grid;
    if (range.first >= range.last)
        throw Error(ErrorKind::BadInput, "a part of the data is shorter than one patch of the encoder; use more data");
    return range;
}

} // namespace

MarketDataset makeMarketDataset(const RunConfig& config, const BarSeries& series, std::size_t contextRows,
                                const Normalizer* normalizer)
{
    MarketDataset dataset;
    dataset.market = std::make_shared<const Market>(series);
    dataset.features = FeatureMatrix::compute(series, normalizer ? normalizer->names() : defaultFeatureNames());
    dataset.dataName = series.instrument();
    dataset.dataHash = series.contentHash();
    dataset.presentBars = series.presentCount();

    const std::size_t warmUp = dataset.features.warmUp();
    const auto lookback = static_cast<std::size_t>(config.model.lookbackBars);
    dataset.split = splitByTime(warmUp + contextRows, series.size(),
                                {.trainShare = config.split.trainShare, .validationShare = config.split.validationShare,
                                 .embargoRows = lookback + warmUp});
    const auto grid = static_cast<std::size_t>(config.model.patchBars);
    for (RowRange* part : {&dataset.split.train, &dataset.split.validation, &dataset.split.test})
        *part = alignToGrid(*part, grid);

    dataset.normalizer = normalizer ? *normalizer
                                    : Normalizer::fit(dataset.features, dataset.split.train.first, dataset.split.train.last);
    dataset.normalizer.apply(dataset.features);
    return dataset;
}

} // namespace btcai
