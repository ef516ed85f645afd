// Forecasts by an ensemble: what the market leaves open and what the network does not know are told apart.
#include <cmath>

#include <QTest>

#include "agent/ppo/BootstrapWeights.h"
#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/ForecastLoss.h"
#include "base/Rng.h"
#include "models/AgentNetwork.h"

using namespace btcai;
using torch::Tensor;

namespace {

AgentNetwork makeNetwork(std::int64_t members, std::int64_t horizons = 1)
{
    torch::manual_seed(4);
    AgentNetworkOptions options;
    options.encoder = {.features = 1, .width = 8, .patch = 1, .tokens = 1, .layers = 1, .heads = 1};
    options.privateSize = 1;
    options.headWidth = 16;
    options.horizons = horizons;
    options.members = members;
    return AgentNetwork(options);
}

constexpr double kNoise = 0.2;

/// The number, and a one that lets hidden units have thresholds: [1, count, 8].
Tensor embedded(const Tensor& x)
{
    Tensor z = torch::zeros({1, x.numel(), 8});
    z.select(2, 0).copy_(x);
    z.select(2, 1).fill_(1.0);
    return z;
}

/// Heads that have learned sin(3 x) under noise from points within [-1, 1].
AgentNetwork learned(std::int64_t points)
{
    AgentNetwork network = makeNetwork(6);
    Rng rng(1, "forecast-test", 0, static_cast<std::uint64_t>(points));
    Tensor x = torch::empty({points}), y = torch::empty({1, points, 1, 1});
    for (std::int64_t i = 0; i < points; ++i) {
        x[i] = 2.0 * rng.uniform() - 1.0;
        y[0][i] = std::sin(3.0 * x[i].item<double>()) + kNoise * rng.normal();
    }
    const Tensor z = embedded(x), weights = bootstrapWeights(1, 6, 1, {0}, points).unsqueeze(3);
    FlatAdam optimizer(*network);
    for (int step = 0; step < 1200; ++step) {
        optimizer.zeroGradients();
        const ForecastMembers members = network->forecastMembers(z);
        gaussianNll(members.mean, members.logDeviation, y.expand_as(members.mean), weights).backward();
        optimizer.step(0.01, optimizer.gradientNorm(), 1.0);
    }
    return network;
}

/// Root mean square of the epistemic deviation over [first, last], and of the aleatoric one.
std::pair<double, double> uncertainty(AgentNetwork network, double first, double last)
{
    torch::NoGradGuard guard;
    const ForecastOutput forecast = network->forecast(embedded(torch::linspace(first, last, 101)));
    const Tensor epistemic = forecast.epistemic.square(), total = torch::exp(2.0 * forecast.logDeviation);
    return {std::sqrt(epistemic.mean().item<double>()), std::sqrt((total - epistemic).mean().item<double>())};
}

} // namespace

class ForecastMembersTest : public QObject {
    Q_OBJECT

private slots:
    // Means 1 and 3, deviations 1 and 2: the mean is 2, the means vary by 1, the variances are 2.5 on average, together 3.5.
    void lawOfTotalVarianceByHand()
    {
        const Tensor mean = torch::tensor({1.0, 3.0}).view({1, 1, 2, 1}), deviation = torch::tensor({1.0, 2.0}).view({1, 1, 2, 1});
        const ForecastOutput forecast = combined({mean, deviation.log()});
        QCOMPARE(forecast.mean.sizes().vec(), (std::vector<std::int64_t>{1, 1, 1}));
        QVERIFY(std::abs(forecast.mean.item<double>() - 2.0) < 1e-6);
        QVERIFY(std::abs(forecast.epistemic.item<double>() - 1.0) < 1e-6);
        QVERIFY(std::abs(std::exp(2.0 * forecast.logDeviation.item<double>()) - 3.5) < 1e-5);
    }

    // One member is the head of old, to the bit: out tanh(hidden z). Of several each reads its own rows, and they begin apart.
    void eachMemberIsAHeadOfItsOwn()
    {
        const Tensor z = torch::randn({2, 5, 8});
        AgentNetwork one = makeNetwork(1, 2);
        const auto p = one->named_parameters();
        QCOMPARE(p["forecast_hidden.weight"].sizes().vec(), (std::vector<std::int64_t>{16, 8}));
        const Tensor out = torch::linear(torch::tanh(torch::linear(z, p["forecast_hidden.weight"], p["forecast_hidden.bias"])), p["forecast_out.weight"],
                                         p["forecast_out.bias"]);
        const ForecastOutput forecast = one->forecast(z);
        QVERIFY(torch::equal(forecast.mean, out.narrow(2, 0, 2)) && torch::equal(forecast.logDeviation, out.narrow(2, 2, 2)));
        QVERIFY(torch::equal(forecast.epistemic, torch::zeros({2, 5, 2})));

        AgentNetwork three = makeNetwork(3, 2);
        const auto q = three->named_parameters();
        {
            torch::NoGradGuard guard;
            q["forecast_hidden.bias"].normal_();
            q["forecast_out.bias"].normal_();
        }
        const ForecastMembers members = three->forecastMembers(z);
        QCOMPARE(members.mean.sizes().vec(), (std::vector<std::int64_t>{2, 5, 3, 2}));
        for (std::int64_t k = 0; k < 3; ++k) {
            const auto rows = [&](const char* name, std::int64_t size) { return q[name].narrow(0, k * size, size); };
            const Tensor own = torch::linear(torch::tanh(torch::linear(z, rows("forecast_hidden.weight", 16), rows("forecast_hidden.bias", 16))),
                                             rows("forecast_out.weight", 4), rows("forecast_out.bias", 4));
            QVERIFY(torch::allclose(members.mean.select(2, k), own.narrow(2, 0, 2), 1e-5, 1e-6));
            QVERIFY(torch::allclose(members.logDeviation.select(2, k), own.narrow(2, 2, 2), 1e-5, 1e-6));
            const Tensor next = q["forecast_hidden.weight"].narrow(0, (k + 1) % 3 * 16, 16);
            QVERIFY((rows("forecast_hidden.weight", 16) - next).abs().max().item<double>() > 0.1);
        }
    }

    // Poisson of mean 1: mean and variance 1, none in exp(-1) = 0.3679 of the cases; 20,000 blocks leave errors of about 0.007. Two members know
    // nothing of each other, and a block is drawn as one.
    void bootstrapCountsArePoisson()
    {
        const Tensor blocks = bootstrapWeights(7, 2, 1, {0}, 20'000)[0];
        for (std::int64_t k = 0; k < 2; ++k) {
            const Tensor counts = blocks.select(1, k);
            QVERIFY(std::abs(counts.mean().item<double>() - 1.0) < 0.03);
            QVERIFY(std::abs(counts.var().item<double>() - 1.0) < 0.06);
            QVERIFY(std::abs((counts == 0).to(torch::kFloat64).mean().item<double>() - 0.3679) < 0.015);
            QVERIFY(torch::equal(counts, counts.round()));
        }
        const Tensor product = (blocks.select(1, 0) - 1.0) * (blocks.select(1, 1) - 1.0);
        QVERIFY(std::abs(product.mean().item<double>()) < 0.03);
        const Tensor wide = bootstrapWeights(7, 2, 12, {0}, 1200)[0];
        for (std::int64_t row = 0; row < 1200; ++row)
            QVERIFY(torch::equal(wide[row], blocks[row / 12]));
        QVERIFY(!torch::equal(bootstrapWeights(8, 2, 12, {0}, 1200)[0], wide));
    }

    // Whichever stretch it is read in, and beside which: so it is the same in every minibatch and thread.
    void aRowCountsAlikeWhereverItIsRead()
    {
        const Tensor all = bootstrapWeights(3, 4, 48, {0}, 600)[0];
        const Tensor parts = bootstrapWeights(3, 4, 48, {300, 17, 552}, 48);
        QVERIFY(torch::equal(parts[0], all.narrow(0, 300, 48)));
        QVERIFY(torch::equal(parts[1], all.narrow(0, 17, 48)));
        QVERIFY(torch::equal(parts[2], all.narrow(0, 552, 48)));
    }

    // Forty times the points: what is unknown falls by more than half, the noise is found; beyond the points more is unknown than among them.
    void moreDataTellsMoreAndFarInputsAreUnknown()
    {
        AgentNetwork few = learned(40), many = learned(1600);
        const auto [unknownFew, noiseFew] = uncertainty(few, -1.0, 1.0);
        const auto [unknownMany, noiseMany] = uncertainty(many, -1.0, 1.0);
        const double far = uncertainty(many, 2.5, 3.5).first;
        qInfo("unknown: 40 points %.4f, 1600 points %.4f, far away %.4f; noise %.4f", unknownFew, unknownMany, far, noiseMany);
        QVERIFY(unknownMany < 0.5 * unknownFew);
        QVERIFY(std::abs(noiseMany / kNoise - 1.0) < 0.1);
        QVERIFY(far > 5.0 * unknownMany);
    }
};

QTEST_GUILESS_MAIN(ForecastMembersTest)
#include "tst_forecast_members.moc"
