#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

class VolumeRatioKernel : public FeatureKernel {
public:
    explicit VolumeRatioKernel(std::size_t period) : m_average(period) {}
    double push(const Bar& bar) override
    {
        m_average.push(bar.volume);
        if (!m_average.full())
            return kNotYet;
        // Bounded below, so that a bar without volume is a low value and not minus infinity.
        return std::log(std::max(ratioOr(bar.volume, m_average.value(), 1.0), kFloor));
    }

private:
    static constexpr double kFloor = 1e-3;
    Ema m_average;
};

class MoneyFlowKernel : public FeatureKernel {
public:
    explicit MoneyFlowKernel(std::size_t period) : m_in(period), m_out(period) {}
    double push(const Bar& bar) override
    {
        const double typical = (bar.high + bar.low + bar.close) / 3.0;
        if (m_previous.known()) {
            const double flow = typical * bar.volume;
            m_in.push(typical > m_previous.value() ? flow : 0.0);
            m_out.push(typical < m_previous.value() ? flow : 0.0);
        }
        m_previous.set(typical);
        return m_in.full() ? 100.0 * ratioOr(m_in.value(), m_in.value() + m_out.value(), 0.0) : kNotYet;
    }

private:
    RollingSum m_in, m_out;
    PreviousClose m_previous;
};

/// The change of Granville's on-balance volume over a window as a share of the volume traded in it.
class OnBalanceShareKernel : public FeatureKernel {
public:
    explicit OnBalanceShareKernel(std::size_t period) : m_signed(period), m_volume(period) {}
    double push(const Bar& bar) override
    {
        if (m_previous.known()) {
            const double change = bar.close - m_previous.value();
            m_signed.push(change > 0.0 ? bar.volume : change < 0.0 ? -bar.volume : 0.0);
            m_volume.push(bar.volume);
        }
        m_previous.set(bar.close);
        return m_signed.full() ? ratioOr(m_signed.value(), m_volume.value(), 0.0) : kNotYet;
    }

private:
    RollingSum m_signed, m_volume;
    PreviousClose m_previous;
};

class ChaikinMoneyFlowKernel : public FeatureKernel {
public:
    explicit ChaikinMoneyFlowKernel(std::size_t period) : m_flow(period), m_volume(period) {}
    double push(const Bar& bar) override
    {
        const double position = ratioOr((bar.close - bar.low) - (bar.high - bar.close), bar.high - bar.low, 0.0);
        m_flow.push(position * bar.volume);
        m_volume.push(bar.volume);
        return m_flow.full() ? ratioOr(m_flow.value(), m_volume.value(), 0.0) : kNotYet;
    }

private:
    RollingSum m_flow, m_volume;
};

} // namespace

std::vector<FeatureInfo> volumeFeatures()
{
    constexpr auto group = FeatureGroup::Volume;
    constexpr const char* average = "Karpoff, The Relation Between Price Changes and Trading Volume (1987)";
    return {
        {"VOLUME_RATIO_12", group, "log(volume / EMA_12 of volume), at least log 0.001; 0 where none traded at all", average, 12,
         makeKernel<VolumeRatioKernel, 12>},
        {"VOLUME_RATIO_288", group, "log(volume / EMA_288 of volume), at least log 0.001; 0 where none traded at all", average, 288,
         makeKernel<VolumeRatioKernel, 288>},
        {"MFI_14", group, "100 inflow / (inflow + outflow) of typical price times volume over 14 bars; 0 where nothing moved",
         "Quong and Soudack, Volume-Weighted RSI: Money Flow (1989)", 15, makeKernel<MoneyFlowKernel, 14>},
        {"OBV_SHARE_20", group, "change of on-balance volume over 20 bars / volume of them; 0 without volume",
         "Granville, Granville's New Key to Stock Market Profits (1963)", 21, makeKernel<OnBalanceShareKernel, 20>},
        {"CMF_20", group, "sum of ((close - low) - (high - close)) / (high - low) volume over 20 bars / volume of them; 0 without volume",
         "Chaikin Money Flow; TA-Lib AD", 20, makeKernel<ChaikinMoneyFlowKernel, 20>},
    };
}

} // namespace btcai
