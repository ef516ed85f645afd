#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

// A bar's value uses the settlements stamped at or before its close. Before the first, and where the market has no funding, all
// are 0: what a network makes of "nothing known" and of "nothing paid" is the same, no cost of holding.

class FundingRateCore {
public:
    void settle(const FundingRate& rate) { m_rate = rate.rate; }
    double next(const Bar&) const { return m_rate; }

private:
    double m_rate = 0.0;
};

class FundingChangeCore {
public:
    void settle(const FundingRate& rate)
    {
        m_change = m_rate.known() ? rate.rate - m_rate.value() : 0.0;
        m_rate.set(rate.rate);
    }
    double next(const Bar&) const { return m_change; }

private:
    PreviousClose m_rate;
    double m_change = 0.0;
};

template <std::size_t settlements>
class FundingMeanCore {
public:
    void settle(const FundingRate& rate) { m_moments.push(rate.rate); }
    double next(const Bar&) const { return m_moments.value().mean; }

private:
    RollingMoments<settlements> m_moments;
};

template <std::size_t settlements>
class FundingScoreCore {
public:
    void settle(const FundingRate& rate)
    {
        m_moments.push(rate.rate);
        const Moments& moments = m_moments.value();
        m_score = m_moments.full() ? ratioOr(rate.rate - moments.mean, std::sqrt(moments.squares / static_cast<double>(settlements)), 0.0) : 0.0;
    }
    double next(const Bar&) const { return m_score; }

private:
    RollingMoments<settlements> m_moments;
    double m_score = 0.0;
};

} // namespace

std::vector<FeatureInfo> fundingFeatures()
{
    constexpr auto group = FeatureGroup::Funding;
    constexpr auto ratio = FeatureScale::Stationary;
    constexpr const char* source = "He, Manela, Ross, von Wachter, Fundamentals of Perpetual Futures (2022)";
    return {
        {"FUNDING_RATE", group, "the last settled rate; 0 before the first", source, "", 1, kOpen, ratio, "", makeKernel<FundingRateCore>},
        {"FUNDING_CHANGE", group, "the last settled rate less the one before; 0 before the second", source, "", 1, kOpen, ratio, "",
         makeKernel<FundingChangeCore>},
        {"FUNDING_MEAN_9", group, "mean of the last 9 settled rates, of fewer while there are fewer; 0 before the first", source, "9 settlements", 1,
         kOpen, ratio, "", makeKernel<FundingMeanCore<9>>},
        {"FUNDING_ZSCORE_30", group, "(last settled rate - mean) / population deviation of the last 30; 0 before the 30th and without spread",
         source, "30 settlements", 1, kOpen, ratio, "", makeKernel<FundingScoreCore<30>>},
    };
}

} // namespace btcai
