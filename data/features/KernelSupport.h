#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "data/features/FeatureKernel.h"
#include "data/features/Rolling.h"

namespace btcai {

/// The entries of one group; featureCatalog() joins them in this order.
std::vector<FeatureInfo> trendFeatures();
std::vector<FeatureInfo> momentumFeatures();
std::vector<FeatureInfo> volatilityFeatures();
std::vector<FeatureInfo> volumeFeatures();
std::vector<FeatureInfo> candleFeatures();
std::vector<FeatureInfo> timeFeatures();

/// A maker for FeatureInfo::make of a kernel that does not care about the interval.
template <typename Kernel, auto... arguments>
std::unique_ptr<FeatureKernel> makeKernel(std::int64_t)
{
    return std::make_unique<Kernel>(arguments...);
}

/// The previous bar's close, and whether there was one.
class PreviousClose {
public:
    bool known() const { return m_known; }
    double value() const { return m_close; }
    void set(double close)
    {
        m_close = close;
        m_known = true;
    }

private:
    double m_close = 0.0;
    bool m_known = false;
};

/// Wilder's true range; the first bar has no previous close and gives its own range.
inline double trueRange(const Bar& bar, const PreviousClose& previous)
{
    if (!previous.known())
        return bar.high - bar.low;
    return std::max(bar.high, previous.value()) - std::min(bar.low, previous.value());
}

} // namespace btcai
