#include "models/ForecastShape.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <unsupported/Eigen/SpecialFunctions>

#include "base/Error.h"
#include "env/risk/ValueAtRisk.h"

namespace btcai {

namespace {

constexpr std::array<std::string_view, 3> kNames{"gaussian", "student-t", "quantiles"};
using Knots = std::array<double, kForecastQuantiles>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// P(T <= t) of Student's t.
double tCumulative(double t, double degrees)
{
    const double tail = 0.5 * Eigen::numext::betainc(0.5 * degrees, 0.5, degrees / (degrees + t * t));
    return t < 0.0 ? tail : 1.0 - tail;
}

/// Its inverse, by bisection.
double tQuantile(double level, double degrees)
{
    double low = -1.0, high = 1.0;
    while (tCumulative(low, degrees) > level && std::isfinite(low))
        low *= 2.0;
    while (tCumulative(high, degrees) < level && std::isfinite(high))
        high *= 2.0;
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        (tCumulative(middle, degrees) < level ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

double logBeta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

/// Integrals of phi, x phi and x^2 phi between two scores, which may be infinite.
struct Moments {
    double zeroth, first, second;
};
Moments moments(double low, double high)
{
    const auto atEnd = [](double x) { return std::isinf(x) ? 0.0 : x * normalDensity(x); };
    const double zeroth = normalCumulative(high) - normalCumulative(low);
    return {zeroth, normalDensity(low) - normalDensity(high), zeroth + atEnd(low) - atEnd(high)};
}

/// Antiderivatives of (2 Phi - 1) phi and x (2 Phi - 1) phi.
std::pair<double, double> spreadIntegrals(double x)
{
    const double below = normalCumulative(x);
    return {below * below - below, normalCumulative(std::numbers::sqrt2 * x) * std::numbers::inv_sqrtpi - normalDensity(x) * (2.0 * below - 1.0)};
}

/// The scores between which the quantile function is one line: those of knots `segment` and the next, the outermost lines without an end.
std::pair<double, double> reach(std::size_t segment)
{
    const auto& x = forecastScores();
    return {segment == 0 ? -kInfinity : x[segment], segment + 2 == kForecastQuantiles ? kInfinity : x[segment + 1]};
}

/// Where a value stands among ascending ones: the line that it belongs to.
std::size_t segmentOf(const Knots& ascending, double value)
{
    const auto above = std::upper_bound(ascending.begin() + 1, ascending.end() - 1, value);
    return static_cast<std::size_t>(above - ascending.begin()) - 1;
}

/// The line through (from[s], to[s]) and the next, at x.
double onLine(const Knots& from, const Knots& to, std::size_t s, double x)
{
    return to[s] + (x - from[s]) / (from[s + 1] - from[s]) * (to[s + 1] - to[s]);
}

QuantileBasis makeBasis()
{
    QuantileBasis basis{};
    const auto& x = forecastScores();
    for (std::size_t s = 0; s + 1 < kForecastQuantiles; ++s) {
        const auto [low, high] = reach(s);
        const Moments m = moments(low, high);
        const auto [fromZeroth, fromFirst] = spreadIntegrals(low);
        const auto [toZeroth, toFirst] = spreadIntegrals(high);
        const double width = x[s + 1] - x[s];
        // The two hat functions that are not 0 here, as lines a + b x.
        const std::array<std::pair<double, double>, 2> hats{{{x[s + 1] / width, -1.0 / width}, {-x[s] / width, 1.0 / width}}};
        for (std::size_t i = 0; i < 2; ++i) {
            const auto [a, b] = hats[i];
            basis.mean[s + i] += a * m.zeroth + b * m.first;
            basis.spread[s + i] += a * (toZeroth - fromZeroth) + b * (toFirst - fromFirst);
            for (std::size_t j = 0; j < 2; ++j) {
                const auto [c, d] = hats[j];
                basis.square[s + i][s + j] += a * c * m.zeroth + (a * d + b * c) * m.first + b * d * m.second;
            }
        }
    }
    return basis;
}

} // namespace

double normalCumulative(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }
double normalDensity(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi); }

std::string_view forecastDistributionName(ForecastDistribution distribution) { return kNames.at(static_cast<std::size_t>(distribution)); }

ForecastDistribution forecastDistribution(std::string_view name)
{
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end())
        throw Error(ErrorKind::BadInput, "forecast distribution '{}': write gaussian, student-t or quantiles", name);
    return static_cast<ForecastDistribution>(found - kNames.begin());
}

const std::array<double, kForecastQuantiles>& forecastScores()
{
    static const auto scores = [] {
        std::array<double, kForecastQuantiles> all{};
        std::ranges::transform(kForecastLevels, all.begin(), normalQuantile);
        return all;
    }();
    return scores;
}

const QuantileBasis& quantileBasis()
{
    static const QuantileBasis basis = makeBasis();
    return basis;
}

ForecastShape ForecastShape::studentT(double degrees)
{
    if (!(degrees > 2.0) || !std::isfinite(degrees))
        throw Error(ErrorKind::Numeric, "a Student-t forecast with {} degrees of freedom has no variance", degrees);
    ForecastShape shape;
    shape.m_distribution = ForecastDistribution::StudentT;
    shape.m_degrees = degrees;
    shape.m_scale = std::sqrt((degrees - 2.0) / degrees);
    return shape;
}

ForecastShape ForecastShape::quantiles(std::span<const float> ascending)
{
    if (ascending.size() != kForecastQuantiles || !std::ranges::all_of(ascending, [](float q) { return std::isfinite(q); })
        || std::ranges::adjacent_find(ascending, std::ranges::greater_equal()) != ascending.end())
        throw Error(ErrorKind::Numeric, "a forecast's quantiles are no {} finite numbers that ascend", kForecastQuantiles);
    ForecastShape shape;
    shape.m_distribution = ForecastDistribution::Quantiles;
    std::ranges::copy(ascending, shape.m_quantiles.begin());
    return shape;
}

ForecastShape ForecastShape::of(ForecastDistribution distribution, std::span<const float> parameters)
{
    switch (distribution) {
    case ForecastDistribution::Gaussian: return {};
    case ForecastDistribution::StudentT: return studentT(parameters[0]);
    case ForecastDistribution::Quantiles: return quantiles(parameters);
    }
    return {};
}

double ForecastShape::cumulative(double z) const
{
    switch (m_distribution) {
    case ForecastDistribution::Gaussian: break;
    case ForecastDistribution::StudentT: return tCumulative(z / m_scale, m_degrees);
    case ForecastDistribution::Quantiles: return normalCumulative(onLine(m_quantiles, forecastScores(), segmentOf(m_quantiles, z), z));
    }
    return normalCumulative(z);
}

double ForecastShape::quantile(double level) const
{
    if (m_distribution == ForecastDistribution::StudentT)
        return m_scale * tQuantile(level, m_degrees);
    const double score = normalQuantile(level);
    return isGaussian() ? score : onLine(forecastScores(), m_quantiles, segmentOf(forecastScores(), score), score);
}

double ForecastShape::crps(double z) const
{
    switch (m_distribution) {
    case ForecastDistribution::Gaussian: break;
    case ForecastDistribution::StudentT: {
        const double nu = m_degrees, t = z / m_scale;
        const double density = std::exp(-0.5 * (nu + 1.0) * std::log1p(t * t / nu) - logBeta(0.5, 0.5 * nu)) / std::sqrt(nu);
        const double constant = 2.0 * std::sqrt(nu) / (nu - 1.0) * std::exp(logBeta(0.5, nu - 0.5) - 2.0 * logBeta(0.5, 0.5 * nu));
        return m_scale * (t * (2.0 * tCumulative(t, nu) - 1.0) + 2.0 * density * (nu + t * t) / (nu - 1.0) - constant);
    }
    case ForecastDistribution::Quantiles: return quantileCrps(z);
    }
    return z * (2.0 * normalCumulative(z) - 1.0) + 2.0 * normalDensity(z) - std::numbers::inv_sqrtpi;
}

/// E|X - z| - E|X - X'| / 2 (Gneiting and Raftery 2007, equation 20), with E|X - z| = z (2 F(z) - 1) + E X - 2 E[X; X <= z].
double ForecastShape::quantileCrps(double z) const
{
    const auto& x = forecastScores();
    const QuantileBasis& basis = quantileBasis();
    const double score = onLine(m_quantiles, x, segmentOf(m_quantiles, z), z);
    double mean = 0.0, halfDifference = 0.0, below = 0.0;
    for (std::size_t i = 0; i < kForecastQuantiles; ++i) {
        mean += basis.mean[i] * m_quantiles[i];
        halfDifference += basis.spread[i] * m_quantiles[i];
    }
    for (std::size_t s = 0; s + 1 < kForecastQuantiles; ++s) {
        const auto [low, high] = reach(s);
        if (low >= score)
            break;
        const Moments m = moments(low, std::min(high, score));
        const double slope = (m_quantiles[s + 1] - m_quantiles[s]) / (x[s + 1] - x[s]);
        below += (m_quantiles[s] - slope * x[s]) * m.zeroth + slope * m.first;
    }
    return z * (2.0 * normalCumulative(score) - 1.0) + mean - 2.0 * below - halfDifference;
}

} // namespace btcai
