#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "agent/ppo/MarketTensors.h"
#include "agent/protocol/Messages.h"
#include "models/AgentNetwork.h"
#include "models/RunCalibration.h"

namespace btcai {

/// Forecasts over one horizon and what came, of every row whose outcome is known within its part, in order of time. In log returns.
struct HorizonSamples {
    std::int64_t horizonBars = 0;
    std::vector<std::size_t> rows;
    std::vector<ForecastSample> samples;
};

/// Gathers forecasts stretch by stretch.
class ForecastRecorder {
public:
    /// Which must outlive it.
    ForecastRecorder(const MarketTensors& tensors, ForecastDistribution distribution);
    /// Forecasts of rows [firstRow, firstRow + T): [1, T, H].
    void add(const ForecastOutput& output, std::int64_t firstRow);
    std::vector<HorizonSamples> take() { return std::move(m_horizons); }

private:
    const MarketTensors& m_tensors;
    ForecastDistribution m_distribution;
    std::vector<HorizonSamples> m_horizons;
};

/// What the network forecasts for rows of the data, which must have their context before them.
std::vector<HorizonSamples> forecastRows(AgentNetwork network, const MarketTensors& tensors, const RowRange& rows, const std::function<void()>& poll = {});

/// Forecasts that a calibration is fitted on, at least.
inline constexpr std::size_t kLeastFitted = 200;

/// Fits each horizon by its samples, of the validation part; those that have too few are left unfitted.
RunCalibration fitCalibration(const std::vector<HorizonSamples>& samples, const MarketTensors& tensors, const std::string& dataHash, std::int64_t step);

/// At most some hundreds of them, evenly spread, for a chart.
protocol::Forecast forecastMessage(const HorizonSamples& samples, const MarketDataset& dataset, std::int64_t step);

/// The first and the second half, for data that must serve to fit and to judge.
std::pair<HorizonSamples, HorizonSamples> halves(const HorizonSamples& samples);

/// Judges forecasts of a part by a calibration fitted on others of the same horizon. Throws Error(BadInput) where those are too few.
protocol::Calibration calibrationMessage(const HorizonSamples& fitted, const HorizonSamples& judged, const MarketDataset& dataset, const std::string& part,
                                         std::int64_t step);

} // namespace btcai
