#include <cmath>

#include <QtTest>

#include "models/FeatureImportance.h"

using namespace btcai;
using torch::Tensor;

class TestFeatureImportance : public QObject {
    Q_OBJECT

private slots:
    // f = a b^2 from (0, 0) to (2, 3), along (2 t, 3 t): a gets the integral of 2 * 9 t^2 = 6, b that of 3 * 2 * 2 t * 3 t = 36 t^2, 12. c has no part in
    // it. The middles of 200 steps miss the integral of t^2 by 1 / (12 * 200^2).
    void aProductByHand()
    {
        const auto f = [](const Tensor& x) { return x.select(1, 0) * x.select(1, 1).square(); };
        const Attribution of = integratedGradients(f, torch::tensor({2.0, 3.0, 5.0}, torch::kFloat64), torch::zeros({3}, torch::kFloat64), 200);
        QVERIFY(std::abs(of.values[0].item<double>() - 6.0) < 1e-4);
        QVERIFY(std::abs(of.values[1].item<double>() - 12.0) < 1e-4);
        QCOMPARE(of.values[2].item<double>(), 0.0);
        QCOMPARE(of.difference, 18.0);
        QVERIFY(std::abs(of.sum - 18.0) < 2e-4);
    }

    // Of a linear function the attribution is weight times change, from whatever baseline, in one step.
    void aLinearFunctionNeedsOneStep()
    {
        const Tensor weight = torch::randn({4, 3}), input = torch::randn({4, 3}), baseline = torch::randn({4, 3});
        const Attribution of = integratedGradients([&](const Tensor& x) { return (x * weight).sum({1, 2}); }, input, baseline, 1);
        QVERIFY(torch::allclose(of.values, weight * (input - baseline), 1e-5, 1e-6));
        QVERIFY(std::abs(of.sum - of.difference) < 1e-4);
    }

    void parametersKeepNoGradient()
    {
        torch::nn::Linear layer(3, 1);
        integratedGradients([&](const Tensor& x) { return layer(x).select(1, 0); }, torch::ones({3}), torch::zeros({3}), 4);
        QVERIFY(!layer->weight.grad().defined());
    }

    // Ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 * 4 / (5 * 24) = 0.8.
    void rankCorrelationByHand()
    {
        const std::vector<double> a{1, 2, 3, 4, 5}, b{20, 10, 1000, 30, 1001}, c{-1, -2, -3, -4, -50};
        QVERIFY(std::abs(*rankCorrelation(a, b) - 0.8) < 1e-12);
        QVERIFY(std::abs(*rankCorrelation(a, c) + 1.0) < 1e-12);
        // Ties: ranks 1.5 1.5 3 against 1 2 3: (0.5 + 0 + 1) / sqrt(1.5 * 2).
        QVERIFY(std::abs(*rankCorrelation(std::vector<double>{7, 7, 9}, std::vector<double>{1, 2, 3}) - 1.5 / std::sqrt(3.0)) < 1e-12);
        QVERIFY(!rankCorrelation(std::vector<double>{1, 1}, std::vector<double>{1, 2}) && !rankCorrelation(std::vector<double>{1}, std::vector<double>{1}));
    }
};

QTEST_APPLESS_MAIN(TestFeatureImportance)
#include "tst_feature_importance.moc"
