#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/dataset/MarketData.h"
#include "agent/dataset/RunSplit.h"
#include "data/dataset/Normalizer.h"
#include "data/features/FeatureMatrix.h"
#include "env/Market.h"

namespace btcai {

/// Names what an agent sees, so that it is never shown anything else than what it learned from.
struct FeatureIdentity {
    int catalogVersion = 1;  ///< kFeatureCatalogVersion of the build that trained
    std::string setHash;     ///< featureSetHash of the choice
    std::string fundingHash; ///< of the funding series; empty without one
    std::int64_t intervalSeconds = 0; ///< of the bars; 0 in a checkpoint that does not say it

    bool operator==(const FeatureIdentity&) const = default;
};

/// What a market is doing, by the features REGIME_TREND and REGIME_VOLATILE: known at each close.
enum class MarketRegime : std::uint8_t { Range, Trend, Volatile };
inline constexpr std::array kMarketRegimes{MarketRegime::Range, MarketRegime::Trend, MarketRegime::Volatile};
std::string_view marketRegimeName(MarketRegime regime);

/// What a run learns from: prices to trade at, features to see, and the parts of the data.
struct MarketDataset {
    std::shared_ptr<const Market> market;
    FeatureMatrix features; ///< raw; the cache's file, shared with other workers, where there is one
    Normalizer normalizer;  ///< fitted on the training part (or given); copies that augmentation made have no say in it
    FeatureIdentity identity;
    RunSplit split;
    std::vector<RowRange> copies; ///< altered copies of the training part; learned from, never tested
    std::string dataName;
    std::string dataHash;   ///< of the data as they came
    std::size_t presentBars = 0;
    std::vector<MarketRegime> regimes; ///< of each row of the data as they came; Range while the indicators warm up

    std::size_t rows() const { return market->rows(); }
    /// All rows that episodes are drawn from.
    std::vector<RowRange> trainingRows() const;
};

/// Computes features and splits a series. `contextRows`: rows the encoder needs before its first output. What is kept between two
/// parts is the look-back, the longest indicator warm-up and the longest forecast horizon. A given normaliser (from a checkpoint) is used as it is and must
/// fit the features. Throws Error(BadInput) saying how many bars are missing for the configuration.
MarketDataset makeMarketDataset(const RunConfig& config, const MarketData& data, std::size_t contextRows,
                                const Normalizer* normalizer = nullptr);

/// Throws Error(BadInput) when an agent that learned from `trained` would be shown other features by this build and data. `otherData`: the
/// data are meant to be others, so their funding rates may be too.
void checkFeatures(const FeatureIdentity& trained, const FeatureIdentity& now, bool otherData);

} // namespace btcai
