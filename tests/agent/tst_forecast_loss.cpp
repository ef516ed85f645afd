// What forecasts are learned by: against densities worked by hand, finite differences, and samples whose distribution is known.
#include <cmath>
#include <numbers>

#include <QtTest>

#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/ForecastLoss.h"
#include "base/Rng.h"

using namespace btcai;
using torch::Tensor;

namespace {

bool near(double a, double b, double tolerance = 1e-6) { return std::abs(a - b) <= tolerance; }

Tensor scalar(double value) { return torch::full({1}, value, torch::kFloat64); }

/// The gradient of `loss` against differences of 1e-6, input by input.
void checkGradient(const std::vector<Tensor>& inputs, const std::function<Tensor(const std::vector<Tensor>&)>& loss)
{
    std::vector<Tensor> leaves;
    for (const Tensor& input : inputs)
        leaves.push_back(input.clone().requires_grad_());
    loss(leaves).backward();
    torch::NoGradGuard guard;
    for (std::size_t k = 0; k < inputs.size(); ++k)
        for (std::int64_t i = 0; i < inputs[k].numel(); ++i) {
            const auto shifted = [&](double by) {
                std::vector<Tensor> moved;
                for (const Tensor& input : inputs)
                    moved.push_back(input.clone());
                moved[k].view({-1})[i] += by;
                return loss(moved).item<double>();
            };
            const double expected = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            const double got = leaves[k].grad().view({-1})[i].item<double>();
            QVERIFY2(near(got, expected, 1e-6), qPrintable(QString("input %1, %2: %3, not %4").arg(k).arg(i).arg(got).arg(expected)));
        }
}

AgentNetwork networkOf(ForecastDistribution distribution)
{
    torch::manual_seed(3);
    AgentNetworkOptions options;
    options.encoder = {.features = 1, .width = 8, .patch = 1, .tokens = 1, .layers = 1, .heads = 1};
    options.privateSize = 1;
    options.headWidth = 8;
    options.horizons = 1;
    options.distribution = distribution;
    return AgentNetwork(options);
}

/// Of the network once it has learned these outcomes, of a market that says nothing.
ForecastOutput learned(AgentNetwork network, const std::vector<float>& outcomes, int steps)
{
    const auto count = static_cast<std::int64_t>(outcomes.size());
    const Tensor target = torch::tensor(outcomes).view({1, count, 1}), z = torch::ones({1, 1, 8});
    FlatAdam optimizer(*network);
    for (int step = 0; step < steps; ++step) {
        optimizer.zeroGradients();
        ForecastMembers members = network->forecastMembers(z);
        const auto everywhere = [&](Tensor& tensor) { tensor = tensor.expand({1, count, 1, 1}); };
        everywhere(members.mean), everywhere(members.logDeviation);
        if (members.quantiles.defined())
            members.quantiles = members.quantiles.expand({1, count, 1, 1, -1});
        forecastLoss(members, target).backward();
        optimizer.step(0.02 * (1.0 - static_cast<double>(step) / steps), optimizer.gradientNorm(), 1.0);
    }
    torch::NoGradGuard guard;
    return network->forecast(z);
}

} // namespace

class TestForecastLoss : public QObject {
    Q_OBJECT

private slots:
    // The density of t with 3 degrees of freedom at 0 is 2 / (pi sqrt 3) = 0.367553, at 1 it is 9/16 of that; stretched by 2, half as much. The loss leaves
    // log(2 pi) / 2 out.
    void studentTByHand()
    {
        const double left = 0.5 * std::log(2.0 * std::numbers::pi), atZero = 2.0 / (std::numbers::pi * std::numbers::sqrt3);
        const auto loss = [&](double location, double logScale, double target) {
            return studentTNll(scalar(location), scalar(logScale), scalar(3.0), scalar(target)).item<double>();
        };
        QVERIFY(near(loss(0, 0, 0), -std::log(atZero) - left));
        QVERIFY(near(loss(0, 0, 1), -std::log(atZero * 9.0 / 16.0) - left));
        QVERIFY(near(loss(5, std::log(2.0), 3), -std::log(atZero * 9.0 / 16.0 / 2.0) - left));
        for (const double target : {-2.0, 0.5}) // many degrees of freedom are a Gaussian
            QVERIFY(near(studentTNll(scalar(0.3), scalar(0.2), scalar(1e7), scalar(target)).item<double>(),
                         gaussianNll(scalar(0.3), scalar(0.2), scalar(target)).item<double>(), 1e-5));
    }

    // Error 1 at the level 0.1 costs 0.1, at 0.9 the other way round 0.1 too; all quantiles at 0 and an outcome of 2: 2 * 2 * mean of the levels = 4 * 0.5.
    void pinballByHand()
    {
        QVERIFY(near(pinballLoss(torch::zeros({1, 13}, torch::kFloat64), scalar(2.0)).item<double>(), 2.0));
        QVERIFY(near(pinballLoss(torch::zeros({1, 13}, torch::kFloat64), scalar(-2.0)).item<double>(), 2.0));
        Tensor quantiles = torch::full({1, 13}, 1.0, torch::kFloat64);
        quantiles[0][3] = 0.0; // level 0.1, one below the outcome
        QVERIFY(near(pinballLoss(quantiles, scalar(1.0)).item<double>(), 2.0 * 0.1 / 13.0));
        quantiles[0][3] = 2.0; // one above
        QVERIFY(near(pinballLoss(quantiles, scalar(1.0)).item<double>(), 2.0 * 0.9 / 13.0));
    }

    void gradientsAreTheDifferences()
    {
        const Tensor location = torch::tensor({0.1, -0.4, 0.8}, torch::kFloat64), logScale = torch::tensor({0.2, -0.7, 0.0}, torch::kFloat64);
        const Tensor target = torch::tensor({0.5, std::nan(""), -3.0}, torch::kFloat64);
        checkGradient({location, logScale, torch::tensor({2.6, 5.0, 40.0}, torch::kFloat64)},
                      [&](const std::vector<Tensor>& in) { return studentTNll(in[0], in[1], in[2], target, torch::tensor({1.0, 1.0, 2.0}, torch::kFloat64)); });
        const Tensor quantiles = torch::stack({torch::linspace(-2.0, 2.0, 13, torch::kFloat64), torch::linspace(-1.0, 4.0, 13, torch::kFloat64),
                                               torch::linspace(-4.1, 0.0, 13, torch::kFloat64)});
        checkGradient({quantiles}, [&](const std::vector<Tensor>& in) { return pinballLoss(in[0], target); });
    }

    // An unknown target moves nothing, of whichever distribution; where all are unknown the loss is 0.
    void unknownOutcomesAreLeftOut()
    {
        for (const auto distribution : {ForecastDistribution::Gaussian, ForecastDistribution::StudentT, ForecastDistribution::Quantiles}) {
            AgentNetwork network = networkOf(distribution);
            const Tensor z = torch::randn({1, 2, 8}), known = torch::tensor({0.7F, std::nanf("")}).view({1, 2, 1});
            const double both = forecastLoss(network->forecastMembers(z), known).item<double>();
            const double one = forecastLoss(network->forecastMembers(z.narrow(1, 0, 1)), known.narrow(1, 0, 1)).item<double>();
            QVERIFY(near(both, one, 1e-6));
            const Tensor loss = forecastLoss(network->forecastMembers(z), torch::full({1, 2, 1}, std::nanf("")));
            loss.backward();
            QCOMPARE(loss.item<float>(), 0.0F);
            for (const auto& item : network->named_parameters())
                if (item.key().starts_with("forecast"))
                    QVERIFY(torch::isfinite(item.value().grad()).all().item<bool>());
            // The mixture of one member is that member.
            torch::NoGradGuard guard;
            QVERIFY(near(forecastLoss(network->forecast(z), distribution, known).item<double>(), both, 1e-5));
        }
    }

    // 40,000 draws 0.5 + 2 t: location, scale and degrees of freedom come back; those of a maximum-likelihood fit have standard errors of about 0.013, 0.013
    // and 3 % (4 degrees), 4 % (8).
    void degreesOfFreedomAreFound()
    {
        for (const int degrees : {4, 8}) {
            Rng rng(1, "t-test", static_cast<std::uint64_t>(degrees));
            std::vector<float> outcomes;
            for (int i = 0; i < 40'000; ++i) {
                double square = 0.0;
                for (int k = 0; k < degrees; ++k)
                    square += std::pow(rng.normal(), 2);
                outcomes.push_back(static_cast<float>(0.5 + 2.0 * rng.normal() / std::sqrt(square / degrees)));
            }
            const ForecastOutput forecast = learned(networkOf(ForecastDistribution::StudentT), outcomes, 400);
            const double found = forecast.shape.item<double>();
            const double scale = forecast.logDeviation.exp().item<double>() * std::sqrt((found - 2.0) / found);
            qInfo("%d degrees of freedom: found %.3f, location %.3f, scale %.3f", degrees, found, forecast.mean.item<double>(), scale);
            QVERIFY(std::abs(found / degrees - 1.0) < 0.12);
            QVERIFY(near(forecast.mean.item<double>(), 0.5, 0.05) && near(scale, 2.0, 0.06));
        }
    }

    // Draws of an exponential distribution, whose quantiles are -log(1 - level), mean and deviation 1: learned to the accuracy of 40,000 draws, but for the
    // lowest, which the interpolation smooths over.
    void quantilesOfASkewedOutcomeAreFound()
    {
        Rng rng(2, "quantile-test");
        std::vector<float> outcomes;
        for (int i = 0; i < 40'000; ++i)
            outcomes.push_back(static_cast<float>(-std::log1p(-rng.uniform())));
        const ForecastOutput forecast = learned(networkOf(ForecastDistribution::Quantiles), outcomes, 800);
        const double mean = forecast.mean.item<double>(), deviation = forecast.logDeviation.exp().item<double>();
        qInfo("mean %.3f, deviation %.3f", mean, deviation);
        QVERIFY(near(mean, 1.0, 0.05) && near(deviation, 1.0, 0.08));
        for (std::size_t i = 0; i < kForecastQuantiles; ++i) {
            const double level = kForecastLevels[i], got = mean + deviation * forecast.shape.view({-1})[static_cast<std::int64_t>(i)].item<double>();
            const double truth = -std::log1p(-level), error = std::sqrt(level * (1.0 - level) / 40'000.0) / (1.0 - level); // of an empirical quantile
            QVERIFY2(near(got, truth, 5.0 * error + 0.02), qPrintable(QString("%1: %2, not %3").arg(level).arg(got).arg(truth)));
        }
    }
};

QTEST_APPLESS_MAIN(TestForecastLoss)
#include "tst_forecast_loss.moc"
