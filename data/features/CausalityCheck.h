#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/Json.h"
#include "base/StopToken.h"
#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"

namespace btcai {

/// A function of market history that is to be checked: one value a row of the series. Where a bar is missing the value counts for
/// nothing. It must be the same function at every call.
struct CheckedFeature {
    std::string name;
    std::function<std::vector<double>(const BarSeries& series, const FundingSeries& funding)> values;
    std::size_t warmUpBars = 1; ///< present bars; sets how much history is looked at before a cut
};

/// Kernels of the catalogue, streamed. Throws Error(BadInput) for an unknown name.
std::vector<CheckedFeature> catalogueFeatures(std::span<const std::string> names, std::int64_t intervalSeconds);

struct CausalityOptions {
    std::size_t cuts = 24;       ///< points in time, spread over the series at random
    std::size_t barsAfter = 300; ///< rows after a cut that are changed; at least one
    std::uint64_t seed = 1;
    StopToken stop{};
};

/// A value at or before a cut that what came after the cut has changed.
struct CausalityFinding {
    std::string feature;
    std::string change;         ///< what was done to the rows after the cut: "changed", "deleted" or "missing"
    std::int64_t cutTime = 0;   ///< open of the last bar left as it was, UTC seconds
    std::int64_t valueTime = 0; ///< open of the first bar whose value differs
    double before = 0.0;
    double after = 0.0;
};

struct CausalityReport {
    std::size_t features = 0;
    std::size_t cuts = 0;
    std::size_t values = 0; ///< compared, over all features, cuts and changes
    std::vector<CausalityFinding> findings; ///< at most one a feature and kind of change

    bool passed() const { return findings.empty(); }
    Json toJson() const;
    std::string toText() const;
};

/// Whether any value depends on what comes after its bar. At each cut, all that comes later is changed beyond recognition (other
/// prices, bars that appear and vanish, other funding), deleted, and made missing; the values up to the cut must stay the same to
/// the bit. Where the funding series is empty, one of every 8 hours stands in. A pass is no proof, but a kernel that uses one
/// later bar, or any figure of the whole history, differs at nearly every cut. Throws Error(BadInput) for a series of fewer than
/// two rows, Error(Cancelled).
CausalityReport checkCausality(std::span<const CheckedFeature> features, const BarSeries& series, const FundingSeries& funding,
                               const CausalityOptions& options = {});

} // namespace btcai
