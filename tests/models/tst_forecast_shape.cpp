// Distributions of forecasts: against printed tables, numerical integration, and the Gaussian's closed forms.
#include <cmath>
#include <numbers>

#include <QtTest>

#include "base/Error.h"
#include "base/Rng.h"
#include "models/AgentNetwork.h"

using namespace btcai;
using torch::Tensor;

namespace {

bool near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

/// A t at variance 1 is t times this.
double unitScale(double degrees) { return std::sqrt((degrees - 2.0) / degrees); }

std::vector<float> normalQuantiles(double mean = 0.0, double deviation = 1.0)
{
    std::vector<float> all;
    for (const double score : forecastScores())
        all.push_back(static_cast<float>(mean + deviation * score));
    return all;
}

/// Skewed, with a heavy tail above.
std::vector<float> skewedQuantiles()
{
    const std::vector<double> raw{-1.5, -1.2, -1.05, -0.9, -0.55, -0.25, -0.1, 0.1, 0.5, 1.2, 1.9, 2.6, 4.5};
    const QuantileBasis& basis = quantileBasis();
    double mean = 0.0, square = 0.0;
    for (std::size_t i = 0; i < raw.size(); ++i)
        mean += basis.mean[i] * raw[i];
    for (std::size_t i = 0; i < raw.size(); ++i)
        for (std::size_t j = 0; j < raw.size(); ++j)
            square += basis.square[i][j] * (raw[i] - mean) * (raw[j] - mean);
    std::vector<float> all;
    for (const double q : raw)
        all.push_back(static_cast<float>((q - mean) / std::sqrt(square)));
    return all;
}

AgentNetwork networkOf(ForecastDistribution distribution, std::int64_t members)
{
    torch::manual_seed(6);
    AgentNetworkOptions options;
    options.encoder = {.features = 1, .width = 8, .patch = 1, .tokens = 1, .layers = 1, .heads = 1};
    options.privateSize = 1;
    options.headWidth = 8;
    options.horizons = 2;
    options.members = members;
    options.distribution = distribution;
    return AgentNetwork(options);
}

void setForecastWeights(AgentNetwork& network, double deviation)
{
    torch::NoGradGuard guard;
    for (auto& parameter : network->named_parameters())
        if (parameter.key().starts_with("forecast_out"))
            parameter.value().normal_(0.0, deviation);
}

} // namespace

class TestForecastShape : public QObject {
    Q_OBJECT

private slots:
    // Quantiles of t as printed (Abramowitz and Stegun 1964, table 26.10): the probability that is not exceeded, degrees of freedom, t.
    void studentTAgainstThePrintedTable()
    {
        struct Row {
            double level, degrees, t;
        };
        for (const Row row : {Row{0.75, 3, 0.765}, {0.95, 3, 2.353}, {0.975, 3, 3.182}, {0.995, 3, 5.841}, {0.75, 5, 0.727}, {0.95, 5, 2.015}, {0.995, 5, 4.032},
                              {0.95, 10, 1.812}, {0.99, 10, 2.764}, {0.975, 30, 2.042}, {0.9995, 30, 3.646}, {0.975, 120, 1.980}}) {
            const ForecastShape shape = ForecastShape::studentT(row.degrees);
            const double z = row.t * unitScale(row.degrees);
            QVERIFY2(near(shape.quantile(row.level), z, 6e-4), qPrintable(QString::number(shape.quantile(row.level) / unitScale(row.degrees))));
            QVERIFY(near(shape.cumulative(z), row.level, 3e-4) && near(shape.cumulative(-z), 1.0 - row.level, 3e-4));
            QVERIFY(near(shape.cumulative(shape.quantile(row.level)), row.level, 1e-9));
        }
        QCOMPARE(ForecastShape::studentT(2.5).cumulative(0.0), 0.5);
        QVERIFY(near(ForecastShape::studentT(1e6).cumulative(1.0), 0.8413447460685429, 1e-6)); // the Gaussian's
        QVERIFY_EXCEPTION_THROWN(ForecastShape::studentT(2.0), Error);
        QVERIFY_EXCEPTION_THROWN(ForecastShape::studentT(std::nan("")), Error);
    }

    // CRPS is the integral of (F(x) - [x >= outcome])^2; steps that grow with the cube reach the heavy tails.
    void crpsIsItsIntegral()
    {
        const std::vector<ForecastShape> shapes{{}, ForecastShape::studentT(2.2), ForecastShape::studentT(3.0), ForecastShape::studentT(8.0),
                                                ForecastShape::quantiles(normalQuantiles()), ForecastShape::quantiles(skewedQuantiles())};
        for (const ForecastShape& shape : shapes)
            for (const double outcome : {-6.0, -0.7, 0.0, 0.31, 2.5, 30.0}) {
                double integral = 0.0;
                const double step = 1e-3, limit = 30.0; // x up to 27,000
                for (double s = -limit + 0.5 * step; s < limit; s += step) {
                    const double x = outcome + s * s * s;
                    const double difference = shape.cumulative(x) - (x >= outcome ? 1.0 : 0.0);
                    integral += difference * difference * 3.0 * s * s * step;
                }
                QVERIFY2(near(shape.crps(outcome), integral, 1e-5 * (1.0 + integral)),
                         qPrintable(QString("%1: %2 against %3").arg(outcome).arg(shape.crps(outcome)).arg(integral)));
            }
    }

    // Through the quantiles of a Gaussian the interpolation is that Gaussian: mean, variance, probabilities, quantiles and score are its own.
    void quantilesOfAGaussianAreTheGaussian()
    {
        const QuantileBasis& basis = quantileBasis();
        const std::vector<float> q = normalQuantiles(0.3, 2.0);
        double mean = 0.0, square = 0.0, halfDifference = 0.0;
        for (std::size_t i = 0; i < q.size(); ++i) {
            mean += basis.mean[i] * static_cast<double>(q[i]);
            halfDifference += basis.spread[i] * static_cast<double>(q[i]);
            for (std::size_t j = 0; j < q.size(); ++j)
                square += basis.square[i][j] * static_cast<double>(q[i]) * static_cast<double>(q[j]);
        }
        QVERIFY(near(mean, 0.3, 1e-6) && near(square - mean * mean, 4.0, 1e-5));
        QVERIFY(near(halfDifference, 2.0 * std::numbers::inv_sqrtpi, 1e-6)); // half the mean difference of two normal draws of deviation 2
        const ForecastShape shape = ForecastShape::quantiles(normalQuantiles()), gaussian;
        for (const double z : {-4.0, -1.0, 0.0, 0.2, 1.7, 3.0}) {
            QVERIFY(near(shape.cumulative(z), gaussian.cumulative(z), 1e-6));
            QVERIFY(near(shape.crps(z), gaussian.crps(z), 1e-6));
        }
        for (const double level : {0.001, 0.025, 0.3, 0.5, 0.99})
            QVERIFY(near(shape.quantile(level), gaussian.quantile(level), 1e-5));
        QVERIFY(near(gaussian.quantile(0.975), 1.959963984540054, 1e-9));
        QVERIFY_EXCEPTION_THROWN(ForecastShape::quantiles(std::vector<float>(kForecastQuantiles, 1.0F)), Error); // they do not ascend
        QVERIFY_EXCEPTION_THROWN(ForecastShape::quantiles(std::vector<float>{0.0F, 1.0F}), Error);
    }

    // Of a skewed distribution: its mean and deviation against sums over 2,000,000 levels, probabilities against its own quantiles.
    void derivedFiguresOfAnyQuantiles()
    {
        const ForecastShape shape = ForecastShape::quantiles(skewedQuantiles());
        const std::vector<float> q = skewedQuantiles();
        for (std::size_t i = 0; i < q.size(); ++i)
            QVERIFY(near(shape.cumulative(static_cast<double>(q[i])), kForecastLevels[i], 1e-6) && near(shape.quantile(kForecastLevels[i]), static_cast<double>(q[i]), 1e-6));
        double mean = 0.0, square = 0.0;
        const double step = 1e-4;
        for (double score = -9.0 + 0.5 * step; score < 9.0; score += step) {
            const double x = shape.quantile(normalCumulative(score)), weight = normalDensity(score) * step;
            mean += weight * x;
            square += weight * x * x;
        }
        QVERIFY2(near(mean, 0.0, 1e-4) && near(square, 1.0, 1e-3), qPrintable(QString("%1 %2").arg(mean).arg(square)));
    }

    // The network's quantiles ascend whatever its weights, and what it says of mean and deviation is what the interpolation has.
    void aNetworksQuantilesNeverCross()
    {
        for (const double size : {0.0, 0.3, 30.0}) {
            AgentNetwork network = networkOf(ForecastDistribution::Quantiles, 1);
            setForecastWeights(network, size);
            torch::NoGradGuard guard;
            const ForecastMembers members = network->forecastMembers(torch::randn({3, 7, 8}));
            QCOMPARE(members.quantiles.sizes().vec(), (std::vector<std::int64_t>{3, 7, 1, 2, 13}));
            QVERIFY(torch::diff(members.quantiles).gt(0.0).all().item<bool>());
            if (size == 0.0) // of nothing it makes the standard normal distribution
                QVERIFY(members.mean.abs().max().item<double>() < 1e-5 && members.logDeviation.abs().max().item<double>() < 1e-5);
            const ForecastOutput forecast = combined(members);
            QCOMPARE(forecast.shape.sizes().vec(), (std::vector<std::int64_t>{3, 7, 2, 13}));
            const Tensor again = forecast.mean.unsqueeze(-1) + forecast.logDeviation.exp().unsqueeze(-1) * forecast.shape;
            QVERIFY(torch::allclose(again, members.quantiles.squeeze(2), 1e-4, 1e-4));
            const Tensor flat = forecast.shape.reshape({-1, 13}).contiguous();
            for (std::int64_t i = 0; i < flat.size(0); ++i) // each is a shape, of mean 0 and variance 1
                ForecastShape::quantiles({flat.data_ptr<float>() + i * 13, 13});
        }
    }

    // Two members: means and deviations by the law of total variance as for Gaussians, the shape between theirs and at variance 1.
    void ensemblesOfEachDistribution()
    {
        for (const ForecastDistribution distribution : {ForecastDistribution::StudentT, ForecastDistribution::Quantiles}) {
            AgentNetwork network = networkOf(distribution, 2);
            setForecastWeights(network, 0.5);
            torch::NoGradGuard guard;
            const ForecastMembers members = network->forecastMembers(torch::randn({1, 5, 8}));
            const ForecastOutput forecast = combined(members);
            const Tensor variance = torch::exp(2.0 * members.logDeviation).mean(2) + members.mean.var(at::IntArrayRef{2}, false);
            QVERIFY(torch::allclose(torch::exp(2.0 * forecast.logDeviation), variance, 1e-4, 1e-6));
            if (distribution == ForecastDistribution::StudentT) {
                QVERIFY(torch::allclose(forecast.shape, torch::full({1, 5, 2, 1}, 5.0))); // as they begin
                // The deviation is the scale's times sqrt(5 / 3).
                QVERIFY(members.logDeviation.min().item<double>() >= -5.0 + 0.5 * std::log(5.0 / 3.0) - 1e-5);
            } else {
                const Tensor square = torch::matmul(forecast.shape, torch::eye(13)).square().sum(-1);
                QVERIFY(square.gt(0.0).all().item<bool>() && torch::diff(forecast.shape).gt(0.0).all().item<bool>());
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestForecastShape)
#include "tst_forecast_shape.moc"
