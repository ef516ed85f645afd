#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"

namespace btcai {

/// Bars in order of time, a column a field, where they lie already: a kernel reads only the fields that it needs.
struct BarBlock {
    std::span<const std::int64_t> timestamp; ///< as long as each of the others
    std::span<const double> open, high, low, close, volume;

    std::size_t size() const { return timestamp.size(); }
    bool empty() const { return timestamp.empty(); }
    Bar operator[](std::size_t i) const { return {timestamp[i], open[i], high[i], low[i], close[i], volume[i]}; }
    BarBlock subspan(std::size_t first, std::size_t count) const
    {
        return {timestamp.subspan(first, count), open.subspan(first, count), high.subspan(first, count),
                low.subspan(first, count),       close.subspan(first, count), volume.subspan(first, count)};
    }
};

/// Bars with columns of their own.
class BarTable {
public:
    BarTable() = default;
    explicit BarTable(std::span<const Bar> bars);

    void clear();
    void push_back(const Bar& bar);
    std::size_t size() const { return m_timestamp.size(); }
    bool empty() const { return m_timestamp.empty(); }
    /// Valid until the table changes.
    BarBlock block() const { return {m_timestamp, m_open, m_high, m_low, m_close, m_volume}; }

private:
    std::vector<std::int64_t> m_timestamp;
    std::vector<double> m_open, m_high, m_low, m_close, m_volume;
};

/// A streaming indicator. `push` sees each present bar once, in order, and returns the value as known at that bar's
/// close: it cannot see the future, because it is never shown it. A batch is a loop over push, and live trading uses the
/// same object, so the two can't differ.
class FeatureKernel {
public:
    virtual ~FeatureKernel() = default;
    /// The value at this bar's close. Finite once `warmUp` bars were pushed; before that it may be NaN.
    virtual double push(const Bar& bar) = 0;
    /// Pushes several bars: values[i] is what push(bars[i]) returns, to the bit, whatever the pieces. `values` is as long as `bars`.
    virtual void run(const BarBlock& bars, std::span<double> values) = 0;
    /// A funding settlement, in order of time, before the first bar that closes at its stamp or later. Most kernels ignore it.
    virtual void settle(const FundingRate&) {}
    /// Where both are lines of one core (MAMA and FAMA, say), takes its values from the other's from now on, and returns true. Neither
    /// may have seen a bar. Both must then see the same bars, but may be some way apart in them; they are no longer free to run in
    /// two threads. The values stay the same.
    virtual bool share(FeatureKernel&) { return false; }
};

enum class FeatureGroup { Trend, Momentum, Volatility, Volume, Statistics, Candle, Level, Timeframe, Time, Funding, Regime };

/// Whether a feature grows with the price or the volume of the market (research), or not (fit for a network).
enum class FeatureScale { Stationary, Level };

/// The bounds that a value never leaves, infinite where it is open.
struct FeatureRange {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
};

/// What the catalogue says about a feature.
struct FeatureInfo {
    std::string name;       ///< "RSI_14": TA-Lib's function and parameters where there is one
    FeatureGroup group;
    std::string formula;
    std::string source;     ///< book or paper
    std::string parameters; ///< "period 14"; empty without any
    int warmUp = 0;         ///< bars needed before the value is valid (1: valid at the first), of the feature's own timeframe
    FeatureRange range;
    FeatureScale scale = FeatureScale::Stationary;
    std::string reference;  ///< the function of TA-Lib it equals, empty where there is none; the reference column has the feature's name
    std::unique_ptr<FeatureKernel> (*make)(std::int64_t intervalSeconds) = nullptr;
    std::int64_t timeframeSeconds = 0; ///< of the bars it aggregates; 0 where it looks at the bars as they come

    /// Present bars of this interval after which the value is valid for sure: where bars are aggregated, gaps may only
    /// bring it forward.
    int warmUpBars(std::int64_t intervalSeconds) const;
};

/// Bumped whenever the value of any feature changes.
inline constexpr int kFeatureCatalogVersion = 3;

std::string_view featureGroupName(FeatureGroup group);
/// Every feature this build knows, in a fixed order.
std::span<const FeatureInfo> featureCatalog();
/// The names used when a configuration does not choose: stationary features only (no raw price levels).
std::vector<std::string> defaultFeatureNames();
/// Throws Error(BadInput) for an unknown name and suggests the nearest one.
const FeatureInfo& findFeature(std::string_view name);

/// The names that a choice such as "default", "momentum, ATR_14" or "all" stands for: a comma list of feature names, group names
/// and the sets "default" and "all", in the order written. What two sets share is taken once, where it comes first. Throws
/// Error(BadInput) for an empty choice, an unknown name (suggesting the nearest), a feature named although it is in already,
/// and a set written twice.
std::vector<std::string> resolveFeatureSelection(std::string_view text);

/// SHA-256, in hex, over what the catalogue says of these features in this order (name, formula, parameters, warm-up, timeframe) and its
/// version: two builds that give the same hash compute the same values.
std::string featureSetHash(std::span<const std::string> names);

} // namespace btcai
