#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/Json.h"
#include "models/ForecastShape.h"

namespace btcai {

/// A forecast and what came, in one unit: mean + deviation times something distributed like `shape`.
struct ForecastSample {
    double mean = 0.0;
    double deviation = 1.0; ///< above 0
    double outcome = 0.0;
    double epistemic = 0.0; ///< the part of the deviation that stands for what the network does not know; their squares add
    ForecastShape shape{};
};

/// Continuous ranked probability score of a forecast, in the outcome's unit (ForecastShape::crps).
double forecastCrps(const ForecastSample& sample);

/// The probability of an outcome above 0.
double upProbability(double mean, double deviation, const ForecastShape& shape = {});

/// Mean CRPS, over the outcomes of `samples`, of the same distribution every time: for Gaussian forecasts the Gaussian fitted to the outcomes of `climate`, for others,
/// which could follow any shape, those outcomes themselves.
double climatologyCrps(std::span<const ForecastSample> samples, std::span<const ForecastSample> climate);

/// A non-decreasing step function that fits 0/1 outcomes best in squares (pool adjacent violators: Ayer et al. 1955; Zadrozny and Elkan 2002),
/// read off by linear interpolation between the centres of its steps.
class IsotonicMap {
public:
    IsotonicMap() = default;
    /// Of probabilities and whether it happened. Neighbouring steps are pooled until each holds at least `least` samples, or one
    /// step is left: a step of few samples would claim 0 or 1.
    static IsotonicMap fit(std::span<const double> probabilities, std::span<const bool> happened, std::size_t least = 1);

    /// The probability itself where nothing was fitted; beyond the outermost centres the value there.
    double operator()(double probability) const;

    Json toJson() const;
    /// Throws Error(Corrupt) for what is no such map.
    static IsotonicMap fromJson(const Json& json);

private:
    std::vector<double> m_at, m_value; ///< ascending
};

/// What a forecast needs to be believed: fitted for one horizon on data that the network did not learn from.
class ForecastCalibration {
public:
    /// Until fitted: the forecast as it is.
    ForecastCalibration() = default;
    /// Throws Error(BadInput) for fewer than 20 samples, Error(Numeric) for a forecast without a finite, positive deviation. `overlap`: how many
    /// neighbouring samples share a part of their outcome (the horizon over the distance of two decisions, in bars).
    static ForecastCalibration fit(std::span<const ForecastSample> samples, std::size_t overlap = 1);

    bool isFitted() const { return m_count > 0; }
    /// The factor on the deviation after which it is that of the samples, sqrt(mean z^2): for a Gaussian the one that makes them most likely, its
    /// temperature (Guo et al. 2017; Laves et al. 2020). Above 1: the network was too sure.
    double deviationFactor() const { return m_deviationFactor; }
    /// The probability of an outcome above 0, by the scaled deviation and the isotonic map.
    double upProbability(double mean, double deviation, const ForecastShape& shape = {}) const;
    /// Half the width of the interval around the mean that holds `level` (0 to 1) of the outcomes, over the deviation: split conformal
    /// prediction with its correction for few samples (Lei et al. 2018). Infinite where there are too few for the level.
    double intervalFactor(double level) const;

    Json toJson() const;
    static ForecastCalibration fromJson(const Json& json);

    bool operator==(const ForecastCalibration& other) const { return toJson() == other.toJson(); }

private:
    double m_deviationFactor = 1.0;
    IsotonicMap m_up;
    std::vector<double> m_scores; ///< ascending quantiles of |outcome - mean| / deviation, at (i + 1) / size
    std::size_t m_count = 0;      ///< independent samples behind them
};

/// Keeps the coverage of an interval at its level while a market drifts: after each outcome the level asked of the calibration moves by
/// `rate` times what it missed by (Gibbs and Candes, "Adaptive conformal inference under distribution shift", 2021, equation 2).
class RunningCoverage {
public:
    explicit RunningCoverage(double level, double rate = 0.005) : m_level(level), m_asked(level), m_rate(rate) {}
    /// The level to ask of ForecastCalibration::intervalFactor for the next forecast, 0 to 1.
    double asked() const;
    void observe(bool covered);
    /// Of all outcomes so far; 0 before the first.
    double covered() const { return m_count == 0 ? 0.0 : static_cast<double>(m_covered) / static_cast<double>(m_count); }

private:
    double m_level, m_asked, m_rate;
    std::size_t m_count = 0, m_covered = 0;
};

/// How often outcomes lay within the intervals of a level.
struct CoverageAt {
    double level = 0.0;
    double raw = 0.0;        ///< of the forecast as it is, between its quantiles
    double calibrated = 0.0; ///< of the conformal intervals
    double running = 0.0;    ///< of the intervals that RunningCoverage steers
    bool operator==(const CoverageAt&) const = default;
};

/// Probabilities of going up that lie in one tenth, against how often it went up.
struct ReliabilityBin {
    std::size_t count = 0;
    double probability = 0.0; ///< mean in the bin
    double frequency = 0.0;
    bool operator==(const ReliabilityBin&) const = default;
};

/// How far forecasts can be believed.
struct CalibrationReport {
    std::size_t count = 0;
    double deviationRatio = 1.0; ///< root mean square of (outcome - mean) / deviation: 1 when honest, above when too sure
    double crps = 0.0;           ///< mean, in the outcome's unit, of the forecast with its deviation scaled
    /// 1 - crps / climatologyCrps: above 0 the forecast knows something. The reference depends on the distribution, so skills of two distributions do not compare;
    /// their CRPS does.
    double crpsSkill = 0.0;
    double ece = 0.0;            ///< expected calibration error of the probability of going up as the network gives it: mean |probability - frequency| over ten
                                 ///< bins, weighted by their counts (Naeini et al. 2015)
    double calibratedEce = 0.0;  ///< the same of the calibrated probability
    double epistemic = 0.0, aleatoric = 0.0; ///< root mean squares of the two parts of the deviation, as the network gives it
    std::vector<CoverageAt> coverage;         ///< at 50, 80, 90 and 95 %
    std::vector<ReliabilityBin> reliability;  ///< of the calibrated probability, ten tenths
};

/// Judges samples by a calibration that was fitted on others. `climate`: outcomes of those others. Samples in order of time; an outcome is known
/// `overlap` samples after its forecast, and the running coverage learns of it then.
CalibrationReport measureCalibration(const ForecastCalibration& calibration, std::span<const ForecastSample> samples,
                                     std::span<const ForecastSample> climate, std::size_t overlap = 1);

} // namespace btcai
