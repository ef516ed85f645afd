#pragma once

#include <memory>
#include <string>

#include "agent/config/RunConfig.h"
#include "data/bars/BarSeries.h"
#include "data/dataset/Normalizer.h"
#include "data/dataset/Split.h"
#include "data/features/FeatureMatrix.h"
#include "env/Market.h"

namespace btcai {

/// What a run learns from: prices to trade at, normalised features to see, and the three parts by time.
struct MarketDataset {
    std::shared_ptr<const Market> market;
    FeatureMatrix features; ///< normalised in place
    Normalizer normalizer;  ///< fitted on the rows of the training part (or given)
    TimeSplit split;        ///< the parts start on the encoder's token grid
    std::string dataName;
    std::string dataHash;
    std::size_t presentBars = 0;

    std::size_t rows() const { return market->rows(); }
};

/// Computes features and splits a series. `contextRows`: rows the encoder needs before its first output. The embargo is the look-back
/// plus the longest indicator warm-up. A given normaliser (from a checkpoint) is used as it is and must fit the features.
/// Throws Error(BadInput) saying how many bars are missing for the configuration.
MarketDataset makeMarketDataset(const RunConfig& config, const BarSeries& series, std::size_t contextRows,
                                const Normalizer* normalizer = nullptr);

} // namespace btcai
