#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// A streaming indicator. `push` sees each present bar once, in order, and returns the value as known at that bar's
/// close: it cannot see the future, because it is never shown it. A batch is a loop over push, and live trading uses the
/// same object, so the two can't differ.
class FeatureKernel {
public:
    virtual ~FeatureKernel() = default;
    /// The value at this bar's close. Finite once `warmUp` bars were pushed; before that it may be NaN.
    virtual double push(const Bar& bar) = 0;
};

enum class FeatureGroup { Trend, Momentum, Volatility, Volume, Candle, Time };

/// What the catalogue says about a feature.
struct FeatureInfo {
    std::string name;             ///< "RSI_14": the reference column of TA-Lib's naming where there is one
    FeatureGroup group;
    std::string formula;
    std::string source;           ///< book or paper
    int warmUp = 0;               ///< present bars needed before the value is valid (1: valid at the first)
    std::unique_ptr<FeatureKernel> (*make)(std::int64_t intervalSeconds) = nullptr;
};

/// Bumped whenever the value of any feature changes.
inline constexpr int kFeatureCatalogVersion = 1;

std::string_view featureGroupName(FeatureGroup group);
/// Every feature this build knows, in a fixed order.
std::span<const FeatureInfo> featureCatalog();
/// The names used when a configuration does not choose: stationary features only (no raw price levels).
std::vector<std::string> defaultFeatureNames();
/// Throws Error(BadInput) for an unknown name and suggests the nearest one.
const FeatureInfo& findFeature(std::string_view name);

} // namespace btcai
