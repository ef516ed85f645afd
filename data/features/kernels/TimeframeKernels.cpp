#include "data/features/kernels/Aggregation.h"
#include "data/features/kernels/SharedCores.h"

namespace btcai {

namespace {

template <std::int64_t timeframe, typename Core>
FeatureInfo onHigherBars(const char* suffix, const char* name, const char* formula, const char* source, const char* parameters, int warmUp,
                         FeatureRange range)
{
    return {std::string(name) + "_" + suffix,
            FeatureGroup::Timeframe,
            std::string(formula) + ", on complete bars of " + suffix + " (UTC), each from its close on",
            source,
            std::string(parameters) + ", timeframe " + suffix,
            warmUp,
            range,
            FeatureScale::Stationary,
            "",
            makeKernel<HigherCore<timeframe, Core>>,
            timeframe};
}

template <std::int64_t timeframe>
void addTimeframe(std::vector<FeatureInfo>& features, const char* suffix)
{
    features.push_back(onHigherBars<timeframe, LogReturnCore<1>>(suffix, "LOGRET_1", "log(close / close 1 bar ago)", kReturns, "lag 1", 2, kOpen));
    features.push_back(
        onHigherBars<timeframe, EmaRatioCore<12>>(suffix, "EMA_RATIO_12", "log(close / EMA_12)", kAppel, "period 12", 12, kOpen));
    features.push_back(onHigherBars<timeframe, StrengthCore<14, StrengthLine::Rsi>>(suffix, "RSI_14", "RSI_14", kWilder, "period 14", 15, kPercent));
    features.push_back(
        onHigherBars<timeframe, AtrCore<14, AtrUnit::PercentOfClose>>(suffix, "NATR_14", "NATR_14", kWilder, "period 14", 15, kNotNegative));
    features.push_back(onHigherBars<timeframe, BollingerCore<20, 2, BandLine::Percent>>(
        suffix, "BBANDS_PERCENT_20_2", "BBANDS_PERCENT_20_2", kBollinger, "period 20, 2 deviations", 20, kOpen));
}

} // namespace

std::vector<FeatureInfo> timeframeFeatures()
{
    std::vector<FeatureInfo> features;
    addTimeframe<15 * kMinute>(features, "15M");
    addTimeframe<kHour>(features, "1H");
    addTimeframe<4 * kHour>(features, "4H");
    addTimeframe<kDay>(features, "1D");
    return features;
}

} // namespace btcai
