#include "models/Calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>

#include "base/Error.h"
#include "env/risk/ValueAtRisk.h"

namespace btcai {

namespace {

constexpr std::size_t kLeastSamples = 20;
constexpr std::size_t kLeastInStep = 100; ///< independent samples behind a step of the isotonic map: a standard error of a twentieth
constexpr std::size_t kQuantiles = 2001; ///< kept of the scores: a level is then right to a twentieth of a per cent
constexpr std::size_t kBins = 10;
constexpr std::array kLevels{0.5, 0.8, 0.9, 0.95};

double score(const ForecastSample& sample) { return (sample.outcome - sample.mean) / sample.deviation; }

double rootMeanSquare(std::span<const ForecastSample> samples)
{
    double sum = 0.0;
    for (const ForecastSample& sample : samples)
        sum += score(sample) * score(sample);
    return std::sqrt(sum / static_cast<double>(samples.size()));
}

/// The value that a share of ascending values does not exceed, between two of them in proportion.
double quantile(std::span<const double> ascending, double share)
{
    const double place = share * static_cast<double>(ascending.size()) - 1.0;
    if (place <= 0.0)
        return ascending.front();
    const auto below = static_cast<std::size_t>(place);
    if (below + 1 >= ascending.size())
        return ascending.back();
    return std::lerp(ascending[below], ascending[below + 1], place - static_cast<double>(below));
}

double meanCrps(std::span<const ForecastSample> samples, double factor)
{
    double sum = 0.0;
    for (const ForecastSample& sample : samples)
        sum += forecastCrps({.mean = sample.mean, .deviation = factor * sample.deviation, .outcome = sample.outcome, .shape = sample.shape});
    return sum / static_cast<double>(samples.size());
}

/// What came before, every time, by the energy form of the score (Gneiting and Raftery 2007, equation 20): E|X - y| - E|X - X'| / 2.
double pastCrps(std::span<const ForecastSample> samples, std::span<const ForecastSample> climate)
{
    std::vector<double> past;
    for (const ForecastSample& sample : climate)
        past.push_back(sample.outcome);
    std::ranges::sort(past);
    const auto count = static_cast<double>(past.size());
    std::vector<double> below{0.0}; // sums of the first i
    double halfDifference = 0.0;
    for (std::size_t i = 0; i < past.size(); ++i) {
        below.push_back(below.back() + past[i]);
        halfDifference += (2.0 * static_cast<double>(i) + 1.0 - count) * past[i] / count / count;
    }
    double sum = 0.0;
    for (const ForecastSample& sample : samples) {
        const auto i = static_cast<std::size_t>(std::ranges::lower_bound(past, sample.outcome) - past.begin());
        const double distance = sample.outcome * (2.0 * static_cast<double>(i) - count) + below.back() - 2.0 * below[i];
        sum += distance / count - halfDifference;
    }
    return sum / static_cast<double>(samples.size());
}

/// The same Gaussian every time: mean and deviation of what came before.
double climateCrps(std::span<const ForecastSample> samples, std::span<const ForecastSample> climate)
{
    double mean = 0.0;
    for (const ForecastSample& sample : climate)
        mean += sample.outcome / static_cast<double>(climate.size());
    double squares = 0.0;
    for (const ForecastSample& sample : climate)
        squares += (sample.outcome - mean) * (sample.outcome - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(climate.size()));
    double sum = 0.0;
    for (const ForecastSample& sample : samples)
        sum += forecastCrps({.mean = mean, .deviation = deviation, .outcome = sample.outcome});
    return sum / static_cast<double>(samples.size());
}

std::vector<ReliabilityBin> reliabilityOf(std::span<const ForecastSample> samples, const auto& probabilityOf)
{
    std::vector<ReliabilityBin> bins(kBins);
    for (const ForecastSample& sample : samples) {
        const double probability = probabilityOf(sample);
        ReliabilityBin& bin = bins[std::min(kBins - 1, static_cast<std::size_t>(probability * kBins))];
        ++bin.count;
        bin.probability += probability;
        bin.frequency += sample.outcome > 0.0 ? 1.0 : 0.0;
    }
    for (ReliabilityBin& bin : bins)
        if (bin.count > 0) {
            bin.probability /= static_cast<double>(bin.count);
            bin.frequency /= static_cast<double>(bin.count);
        }
    return bins;
}

double expectedError(std::span<const ReliabilityBin> bins)
{
    double sum = 0.0;
    double count = 0.0;
    for (const ReliabilityBin& bin : bins) {
        sum += static_cast<double>(bin.count) * std::abs(bin.probability - bin.frequency);
        count += static_cast<double>(bin.count);
    }
    return count > 0.0 ? sum / count : 0.0;
}

CoverageAt coverageAt(double level, const ForecastCalibration& calibration, std::span<const ForecastSample> samples, std::size_t overlap)
{
    CoverageAt coverage{.level = level};
    const double factor = calibration.intervalFactor(level);
    RunningCoverage running(level);
    std::deque<bool> pending; // forecasts whose outcome is not known yet
    std::size_t raw = 0, fixed = 0;
    for (const ForecastSample& sample : samples) {
        const double distance = std::abs(score(sample));
        raw += std::abs(2.0 * sample.shape.cumulative(score(sample)) - 1.0) <= level ? 1 : 0;
        fixed += distance <= factor ? 1 : 0;
        pending.push_back(distance <= calibration.intervalFactor(running.asked()));
        if (pending.size() > overlap) {
            running.observe(pending.front());
            pending.pop_front();
        }
    }
    for (const bool covered : pending)
        running.observe(covered);
    coverage.raw = static_cast<double>(raw) / static_cast<double>(samples.size());
    coverage.calibrated = static_cast<double>(fixed) / static_cast<double>(samples.size());
    coverage.running = running.covered();
    return coverage;
}

/// Whether a map fitted on either half of the samples, in order of time, foretells the other half better than the probabilities as they are, by the sum
/// of squares (Brier 1950). Where probabilities differ little, a map of the noise between them would be worse than none.
bool mapHelps(std::span<const double> probabilities, std::span<const bool> happened, std::size_t least, std::size_t overlap)
{
    const std::size_t middle = probabilities.size() / 2;
    const std::size_t firstEnd = middle - std::min(middle, overlap); // outcomes of what is left out lie in the second half
    double gain = 0.0;
    const auto judge = [&](std::size_t fitFrom, std::size_t fitTo, std::size_t from, std::size_t to) {
        const IsotonicMap map = IsotonicMap::fit(probabilities.subspan(fitFrom, fitTo - fitFrom), happened.subspan(fitFrom, fitTo - fitFrom), least);
        for (std::size_t i = from; i < to; ++i) {
            const double came = happened[i] ? 1.0 : 0.0, raw = probabilities[i] - came, mapped = map(probabilities[i]) - came;
            gain += raw * raw - mapped * mapped;
        }
    };
    judge(0, firstEnd, middle, probabilities.size());
    judge(middle, probabilities.size(), 0, firstEnd);
    return gain > 0.0;
}

std::vector<double> numbers(const Json& json, const char* name)
{
    try {
        return json.at(name).get<std::vector<double>>();
    } catch (const Json::exception&) {
        throw Error(ErrorKind::Corrupt, "calibration: {} is no list of numbers", name);
    }
}

} // namespace

double forecastCrps(const ForecastSample& sample) { return sample.deviation * sample.shape.crps(score(sample)); }

double climatologyCrps(std::span<const ForecastSample> samples, std::span<const ForecastSample> climate)
{
    return samples.front().shape.isGaussian() ? climateCrps(samples, climate) : pastCrps(samples, climate);
}

double upProbability(double mean, double deviation, const ForecastShape& shape)
{
    return shape.isGaussian() ? normalCumulative(mean / deviation) : 1.0 - shape.cumulative(-mean / deviation);
}

IsotonicMap IsotonicMap::fit(std::span<const double> probabilities, std::span<const bool> happened, std::size_t least)
{
    struct Step {
        double at = 0.0, value = 0.0, count = 0.0; ///< means over its samples
    };
    const auto join = [](const Step& a, const Step& b) {
        const double count = a.count + b.count;
        return Step{(a.at * a.count + b.at * b.count) / count, (a.value * a.count + b.value * b.count) / count, count};
    };
    std::vector<std::size_t> order(probabilities.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return probabilities[i]; });

    std::vector<Step> steps;
    for (const std::size_t i : order) {
        Step step{probabilities[i], happened[i] ? 1.0 : 0.0, 1.0};
        // Equal probabilities are one step, however their outcomes follow each other.
        while (!steps.empty() && (steps.back().value >= step.value || steps.back().at == step.at)) {
            step = join(steps.back(), step);
            steps.pop_back();
        }
        steps.push_back(step);
    }
    std::vector<Step> large; // joining neighbours keeps the order of the values
    for (const Step& step : steps) {
        if (!large.empty() && large.back().count < static_cast<double>(least))
            large.back() = join(large.back(), step);
        else
            large.push_back(step);
    }
    if (large.size() > 1 && large.back().count < static_cast<double>(least)) {
        const Step last = large.back();
        large.pop_back();
        large.back() = join(large.back(), last);
    }
    IsotonicMap map;
    for (const Step& step : large) {
        map.m_at.push_back(step.at);
        map.m_value.push_back(step.value);
    }
    return map;
}

double IsotonicMap::operator()(double probability) const
{
    if (m_at.empty())
        return probability;
    const auto above = std::ranges::upper_bound(m_at, probability);
    if (above == m_at.begin())
        return m_value.front();
    if (above == m_at.end())
        return m_value.back();
    const auto i = static_cast<std::size_t>(above - m_at.begin());
    return std::lerp(m_value[i - 1], m_value[i], (probability - m_at[i - 1]) / (m_at[i] - m_at[i - 1]));
}

Json IsotonicMap::toJson() const { return {{"at", m_at}, {"value", m_value}}; }

IsotonicMap IsotonicMap::fromJson(const Json& json)
{
    IsotonicMap map;
    map.m_at = numbers(json, "at");
    map.m_value = numbers(json, "value");
    const auto isShare = [](double value) { return value >= 0.0 && value <= 1.0; };
    if (map.m_at.size() != map.m_value.size() || !std::ranges::is_sorted(map.m_at) || !std::ranges::is_sorted(map.m_value)
        || !std::ranges::all_of(map.m_at, isShare) || !std::ranges::all_of(map.m_value, isShare))
        throw Error(ErrorKind::Corrupt, "calibration: the isotonic map does not ascend from 0 to 1");
    return map;
}

ForecastCalibration ForecastCalibration::fit(std::span<const ForecastSample> samples, std::size_t overlap)
{
    if (samples.size() < kLeastSamples)
        throw Error(ErrorKind::BadInput, "calibration needs at least {} forecasts with their outcomes, not {}; use a longer validation part", kLeastSamples,
                    samples.size());
    ForecastCalibration calibration;
    std::vector<double> scores;
    for (const ForecastSample& sample : samples) {
        if (!(sample.deviation > 0.0) || !std::isfinite(score(sample)))
            throw Error(ErrorKind::Numeric, "calibration: a forecast of mean {} and deviation {} for the outcome {} is none", sample.mean, sample.deviation,
                        sample.outcome);
        scores.push_back(std::abs(score(sample)));
    }
    calibration.m_deviationFactor = std::max(rootMeanSquare(samples), 1e-6);
    std::ranges::sort(scores);
    calibration.m_count = std::max(kLeastSamples, samples.size() / std::max<std::size_t>(1, overlap));
    const std::size_t kept = std::min(scores.size(), kQuantiles);
    for (std::size_t i = 0; i < kept; ++i)
        calibration.m_scores.push_back(quantile(scores, static_cast<double>(i + 1) / static_cast<double>(kept)));

    std::vector<double> probabilities;
    const auto happened = std::make_unique<bool[]>(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
        probabilities.push_back(btcai::upProbability(samples[i].mean, calibration.m_deviationFactor * samples[i].deviation, samples[i].shape));
        happened[i] = samples[i].outcome > 0.0;
    }
    const std::span<const bool> came{happened.get(), samples.size()};
    const std::size_t least = std::min(samples.size(), kLeastInStep * std::max<std::size_t>(1, overlap));
    if (mapHelps(probabilities, came, least, overlap))
        calibration.m_up = IsotonicMap::fit(probabilities, came, least);
    return calibration;
}

double ForecastCalibration::upProbability(double mean, double deviation, const ForecastShape& shape) const
{
    return m_up(btcai::upProbability(mean, m_deviationFactor * deviation, shape));
}

double ForecastCalibration::intervalFactor(double level) const
{
    if (m_scores.empty())
        return normalQuantile(0.5 + 0.5 * level);
    if (level <= 0.0)
        return 0.0;
    const auto count = static_cast<double>(m_count);
    const double share = std::ceil((count + 1.0) * level) / count;
    return share > 1.0 ? std::numeric_limits<double>::infinity() : quantile(m_scores, share);
}

Json ForecastCalibration::toJson() const
{
    return {{"deviation_factor", m_deviationFactor}, {"up", m_up.toJson()}, {"scores", m_scores}, {"count", m_count}};
}

ForecastCalibration ForecastCalibration::fromJson(const Json& json)
{
    ForecastCalibration calibration;
    try {
        calibration.m_deviationFactor = json.at("deviation_factor").get<double>();
        calibration.m_count = json.at("count").get<std::size_t>();
        calibration.m_up = IsotonicMap::fromJson(json.at("up"));
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::Corrupt, "calibration: {}", error.what());
    }
    calibration.m_scores = numbers(json, "scores");
    if (!(calibration.m_deviationFactor > 0.0) || !std::isfinite(calibration.m_deviationFactor) || !std::ranges::is_sorted(calibration.m_scores)
        || (calibration.m_count == 0) != calibration.m_scores.empty())
        throw Error(ErrorKind::Corrupt, "calibration: its numbers can't be");
    return calibration;
}

double RunningCoverage::asked() const { return std::clamp(m_asked, 0.0, 1.0); }

void RunningCoverage::observe(bool covered)
{
    ++m_count;
    m_covered += covered ? 1 : 0;
    m_asked += m_rate * (m_level - (covered ? 1.0 : 0.0));
}

CalibrationReport measureCalibration(const ForecastCalibration& calibration, std::span<const ForecastSample> samples,
                                     std::span<const ForecastSample> climate, std::size_t overlap)
{
    CalibrationReport report;
    report.count = samples.size();
    if (samples.empty())
        return report;
    report.deviationRatio = rootMeanSquare(samples);
    double epistemic = 0.0, total = 0.0;
    for (const ForecastSample& sample : samples) {
        epistemic += sample.epistemic * sample.epistemic;
        total += sample.deviation * sample.deviation;
    }
    report.epistemic = std::sqrt(epistemic / static_cast<double>(samples.size()));
    report.aleatoric = std::sqrt((total - epistemic) / static_cast<double>(samples.size()));
    report.crps = meanCrps(samples, calibration.deviationFactor());
    const double reference = climate.empty() ? 0.0 : climatologyCrps(samples, climate);
    report.crpsSkill = reference > 0.0 ? 1.0 - report.crps / reference : 0.0;
    report.ece = expectedError(reliabilityOf(samples, [](const ForecastSample& s) { return upProbability(s.mean, s.deviation, s.shape); }));
    report.reliability = reliabilityOf(samples, [&](const ForecastSample& s) { return calibration.upProbability(s.mean, s.deviation, s.shape); });
    report.calibratedEce = expectedError(report.reliability);
    for (const double level : kLevels)
        report.coverage.push_back(coverageAt(level, calibration, samples, overlap));
    return report;
}

} // namespace btcai
