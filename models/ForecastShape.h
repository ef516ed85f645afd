#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace btcai {

/// The family that a network's forecasts belong to (forecast.distribution).
enum class ForecastDistribution {
    Gaussian,
    StudentT,
    Quantiles, ///< no family: the quantiles at kForecastLevels, learned one by one
};

/// "gaussian", "student-t", "quantiles": stable.
std::string_view forecastDistributionName(ForecastDistribution distribution);
/// Throws Error(BadInput) for another name.
ForecastDistribution forecastDistribution(std::string_view name);

/// Levels of the quantiles that are learned: the median and the ends of intervals of 20, 50, 80, 90, 95 and 99 %.
inline constexpr std::array kForecastLevels{0.005, 0.025, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.975, 0.995};
inline constexpr std::size_t kForecastQuantiles = kForecastLevels.size();

/// The bound above which degrees of freedom are learned: a Student-t has a variance above 2, and at this its deviation is 4.6 times its scale.
inline constexpr double kLeastDegrees = 2.1;

/// The standard normal quantiles of kForecastLevels.
const std::array<double, kForecastQuantiles>& forecastScores();

/// Between learned quantiles the quantile function is linear in the normal score of the level, and goes on so beyond the outermost two: through
/// the quantiles of a Gaussian that is the Gaussian itself. What follows from it is exact for the distribution so interpolated, and linear or
/// quadratic in the quantiles q, whose basis these are (hat functions h of the normal score x, density phi).
struct QuantileBasis {
    std::array<double, kForecastQuantiles> mean;   ///< integral of h_i phi: the mean is their product with q
    std::array<std::array<double, kForecastQuantiles>, kForecastQuantiles> square; ///< integral of h_i h_j phi: the mean square is q' M q
    std::array<double, kForecastQuantiles> spread; ///< integral of h_i (2 Phi - 1) phi: half the mean difference of two draws
};
const QuantileBasis& quantileBasis();

/// What a forecast looks like once its mean is taken off and it is divided by its deviation: a distribution of mean 0 and variance 1.
class ForecastShape {
public:
    /// The standard normal distribution.
    ForecastShape() = default;
    /// Student's t, scaled to variance 1. Throws Error(Numeric) for degrees of freedom not above 2.
    static ForecastShape studentT(double degrees);
    /// Of quantiles at kForecastLevels, of a distribution with mean 0 and variance 1. Throws Error(Numeric) unless they ascend and are finite.
    static ForecastShape quantiles(std::span<const float> ascending);
    /// By what a network says of a forecast's shape: nothing for a Gaussian, degrees of freedom, or kForecastQuantiles quantiles.
    static ForecastShape of(ForecastDistribution distribution, std::span<const float> parameters);

    ForecastDistribution distribution() const { return m_distribution; }
    bool isGaussian() const { return m_distribution == ForecastDistribution::Gaussian; }

    /// The probability of no more than z. Of a Student-t by the incomplete beta function (Abramowitz and Stegun 1964, 26.7.1).
    double cumulative(double z) const;
    /// The value that is not exceeded with this probability, within (0, 1).
    double quantile(double level) const;
    /// Continuous ranked probability score for the outcome z; 0 is perfect. Gaussian: Gneiting and Raftery, "Strictly proper scoring rules, prediction, and
    /// estimation" (2007), equation 21. Student-t: Jordan, Krueger and Lerch, "Evaluating Probabilistic Forecasts with scoringRules" (2019), appendix A.
    /// Quantiles: the integral of twice the pinball loss over all levels, exact for the interpolated distribution (QuantileBasis).
    double crps(double z) const;

private:
    double quantileCrps(double z) const;

    ForecastDistribution m_distribution = ForecastDistribution::Gaussian;
    double m_degrees = 0.0;
    double m_scale = 1.0; ///< of the t at variance 1
    std::array<double, kForecastQuantiles> m_quantiles{};
};

/// Of the standard normal distribution; its quantile is in env/risk/ValueAtRisk.h.
double normalCumulative(double z);
double normalDensity(double z);

} // namespace btcai
