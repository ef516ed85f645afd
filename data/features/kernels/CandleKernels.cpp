#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

struct SignedBody {
    double next(const Bar& bar) const { return ratioOr(bar.close - bar.open, bar.high - bar.low, 0.0); }
};
struct UpperWick {
    double next(const Bar& bar) const { return ratioOr(bar.high - std::max(bar.open, bar.close), bar.high - bar.low, 0.0); }
};
struct LowerWick {
    double next(const Bar& bar) const { return ratioOr(std::min(bar.open, bar.close) - bar.low, bar.high - bar.low, 0.0); }
};

} // namespace

std::vector<FeatureInfo> candleFeatures()
{
    constexpr auto group = FeatureGroup::Candle;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr const char* nison = "Nison, Japanese Candlestick Charting Techniques (1991)";
    return {
        {"BOP", group, "(close - open) / (high - low): the signed share of the body; 0 without range", "Livshin, Balance of Power (2001)", "", 1,
         kSignedUnit, ratio, "BOP", makeKernel<SignedBody>},
        {"UPPER_WICK_SHARE", group, "(high - max(open, close)) / (high - low); 0 without range", nison, "", 1, kUnit, ratio, "",
         makeKernel<UpperWick>},
        {"LOWER_WICK_SHARE", group, "(min(open, close) - low) / (high - low); 0 without range", nison, "", 1, kUnit, ratio, "",
         makeKernel<LowerWick>},
    };
}

} // namespace btcai
