#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

class BodyKernel : public FeatureKernel {
public:
    double push(const Bar& bar) override { return ratioOr(bar.close - bar.open, bar.high - bar.low, 0.0); }
};

class UpperWickKernel : public FeatureKernel {
public:
    double push(const Bar& bar) override { return ratioOr(bar.high - std::max(bar.open, bar.close), bar.high - bar.low, 0.0); }
};

class LowerWickKernel : public FeatureKernel {
public:
    double push(const Bar& bar) override { return ratioOr(std::min(bar.open, bar.close) - bar.low, bar.high - bar.low, 0.0); }
};

} // namespace

std::vector<FeatureInfo> candleFeatures()
{
    constexpr auto group = FeatureGroup::Candle;
    constexpr const char* nison = "Nison, Japanese Candlestick Charting Techniques (1991)";
    return {
        {"BOP", group, "(close - open) / (high - low): the signed share of the body; 0 without range", "Livshin, Balance of Power (2001)", 1,
         makeKernel<BodyKernel>},
        {"UPPER_WICK_SHARE", group, "(high - max(open, close)) / (high - low); 0 without range", nison, 1, makeKernel<UpperWickKernel>},
        {"LOWER_WICK_SHARE", group, "(min(open, close) - low) / (high - low); 0 without range", nison, 1, makeKernel<LowerWickKernel>},
    };
}

} // namespace btcai
