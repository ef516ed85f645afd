#include "agent/evaluation/ForecastSamples.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace btcai {

namespace {

constexpr std::size_t kForecastPoints = 300;
constexpr double kOneDeviation = 0.6826894921370859; ///< of a Gaussian lies within one
constexpr double kRegimeLevel = 0.9; ///< of the intervals whose coverage is told by regime

} // namespace

ForecastRecorder::ForecastRecorder(const MarketTensors& tensors, ForecastDistribution distribution) : m_tensors(tensors), m_distribution(distribution)
{
    for (const std::int64_t bars : tensors.horizons())
        m_horizons.push_back({.horizonBars = bars, .rows = {}, .samples = {}});
}

void ForecastRecorder::add(const ForecastOutput& output, std::int64_t firstRow)
{
    const torch::Tensor shape = output.shape.defined() ? output.shape.to(torch::kCPU).contiguous() : torch::Tensor();
    const auto shapeAt = [&](std::int64_t at) {
        if (!shape.defined())
            return ForecastShape();
        const auto parameters = static_cast<std::size_t>(shape.size(3));
        return ForecastShape::of(m_distribution, {shape.data_ptr<float>() + at * shape.size(3), parameters});
    };
    const torch::Tensor mean = output.mean.to(torch::kCPU).contiguous();
    const torch::Tensor deviation = output.logDeviation.exp().to(torch::kCPU).contiguous();
    const torch::Tensor epistemic = output.epistemic.to(torch::kCPU).contiguous();
    const torch::Tensor target = m_tensors.targets({firstRow}, mean.size(1)).to(torch::kCPU).contiguous();
    for (std::int64_t i = 0; i < mean.size(1); ++i)
        for (std::size_t h = 0; h < m_horizons.size(); ++h) {
            const auto at = i * static_cast<std::int64_t>(m_horizons.size()) + static_cast<std::int64_t>(h);
            const auto value = [&](const torch::Tensor& of) { return m_tensors.targetScale()[h] * static_cast<double>(of.data_ptr<float>()[at]); };
            if (!std::isfinite(value(target)))
                continue;
            m_horizons[h].rows.push_back(static_cast<std::size_t>(firstRow + i));
            m_horizons[h].samples.push_back({value(mean), value(deviation), value(target), value(epistemic), shapeAt(at)});
        }
}

std::vector<HorizonSamples> forecastRows(AgentNetwork network, const MarketTensors& tensors, const RowRange& rows, const std::function<void()>& poll)
{
    torch::InferenceMode guard;
    ForecastRecorder recorder(tensors, network->options().distribution);
    const auto last = static_cast<std::int64_t>(rows.last);
    auto& encoder = network->encoder();
    for (auto row = static_cast<std::int64_t>(rows.first); row < last; row += kChunkRows) {
        if (poll)
            poll();
        const torch::Tensor features = tensors.stretches({row}, encoder->contextRows(), std::min(kChunkRows, last - row));
        recorder.add(network->forecast(encoder(features).embedding), row);
    }
    return recorder.take();
}

RunCalibration fitCalibration(const std::vector<HorizonSamples>& samples, const MarketTensors& tensors, const std::string& dataHash, std::int64_t step)
{
    RunCalibration run{.step = step, .dataHash = dataHash, .horizons = {}};
    for (std::size_t h = 0; h < samples.size(); ++h) {
        HorizonCalibration of{.horizonBars = samples[h].horizonBars, .targetScale = tensors.targetScale()[h], .calibration = {}};
        if (samples[h].samples.size() >= kLeastFitted)
            of.calibration = ForecastCalibration::fit(samples[h].samples, static_cast<std::size_t>(of.horizonBars));
        run.horizons.push_back(std::move(of));
    }
    return run;
}

protocol::Forecast forecastMessage(const HorizonSamples& samples, const MarketDataset& dataset, std::int64_t step)
{
    protocol::Forecast message;
    message.step = step;
    message.horizonBars = samples.horizonBars;
    const std::size_t stride = std::max<std::size_t>(1, samples.rows.size() / kForecastPoints);
    const bool isEnsemble = std::ranges::any_of(samples.samples, [](const ForecastSample& sample) { return sample.epistemic > 0.0; });
    for (std::size_t i = 0; i < samples.rows.size(); i += stride) {
        message.time.push_back(dataset.market->timestamp(samples.rows[i]) + dataset.market->intervalSeconds);
        message.mean.push_back(samples.samples[i].mean);
        message.deviation.push_back(samples.samples[i].deviation);
        message.outcome.push_back(samples.samples[i].outcome);
        if (isEnsemble)
            message.epistemic.push_back(samples.samples[i].epistemic);
        if (const ForecastSample& sample = samples.samples[i]; !sample.shape.isGaussian()) {
            message.lower.push_back(sample.mean + sample.deviation * sample.shape.quantile(0.5 - 0.5 * kOneDeviation));
            message.upper.push_back(sample.mean + sample.deviation * sample.shape.quantile(0.5 + 0.5 * kOneDeviation));
        }
    }
    return message;
}

std::pair<HorizonSamples, HorizonSamples> halves(const HorizonSamples& samples)
{
    // The last outcomes of the first half lie in the second: a horizon is left out between the two.
    const auto size = static_cast<std::ptrdiff_t>(samples.samples.size());
    const auto middle = size / 2;
    const auto firstEnd = std::max<std::ptrdiff_t>(0, middle - samples.horizonBars);
    const auto part = [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        return HorizonSamples{samples.horizonBars, {samples.rows.begin() + first, samples.rows.begin() + last},
                              {samples.samples.begin() + first, samples.samples.begin() + last}};
    };
    return {part(0, firstEnd), part(middle, size)};
}

protocol::Calibration calibrationMessage(const HorizonSamples& fitted, const HorizonSamples& judged, const MarketDataset& dataset, const std::string& part,
                                         std::int64_t step)
{
    const auto overlap = static_cast<std::size_t>(judged.horizonBars);
    const ForecastCalibration calibration = ForecastCalibration::fit(fitted.samples, overlap);
    const CalibrationReport report = measureCalibration(calibration, judged.samples, fitted.samples, overlap);
    protocol::Calibration message;
    message.step = step;
    message.part = part;
    message.horizonBars = judged.horizonBars;
    message.count = static_cast<std::int64_t>(report.count);
    message.deviationFactor = calibration.deviationFactor();
    message.deviationRatio = report.deviationRatio;
    message.crps = report.crps;
    message.crpsSkill = report.crpsSkill;
    message.ece = report.ece;
    message.calibratedEce = report.calibratedEce;
    message.epistemic = report.epistemic;
    message.aleatoric = report.aleatoric;
    for (const CoverageAt& at : report.coverage)
        message.coverage.push_back({at.level, at.raw, at.calibrated, at.running});
    for (const ReliabilityBin& bin : report.reliability)
        message.reliability.push_back({static_cast<std::int64_t>(bin.count), bin.probability, bin.frequency});

    std::array<protocol::RegimeCoverage, kMarketRegimes.size()> regimes;
    const double factor = calibration.intervalFactor(kRegimeLevel);
    for (std::size_t i = 0; i < judged.samples.size(); ++i) {
        const ForecastSample& sample = judged.samples[i];
        protocol::RegimeCoverage& regime = regimes[static_cast<std::size_t>(dataset.regimes[judged.rows[i]])];
        ++regime.count;
        regime.covered += std::abs(sample.outcome - sample.mean) <= factor * sample.deviation ? 1.0 : 0.0;
    }
    for (std::size_t i = 0; i < regimes.size(); ++i) {
        regimes[i].regime = std::string(marketRegimeName(kMarketRegimes[i]));
        regimes[i].level = kRegimeLevel;
        regimes[i].covered = regimes[i].count > 0 ? regimes[i].covered / static_cast<double>(regimes[i].count) : 0.0;
    }
    message.regimes.assign(regimes.begin(), regimes.end());
    return message;
}

} // namespace btcai
