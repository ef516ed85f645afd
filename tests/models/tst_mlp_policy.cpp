// The small network with its pass written by hand, against the same network in double, finite differences and libtorch's autograd.
#include <cmath>
#include <limits>

#include <QTest>

#include "base/Rng.h"
#include "models/MlpPolicy.h"
#include "models/Torch.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;
using torch::Tensor;

namespace {

struct Output {
    std::vector<double> logits, value; ///< [count, A], [count]
};

/// One linear layer of the flat parameters: weight [outputs][inputs], then bias.
std::vector<double> linear(const double*& at, const std::vector<double>& x, std::size_t outputs)
{
    std::vector<double> y(outputs);
    const double* const bias = at + outputs * x.size();
    for (std::size_t o = 0; o < outputs; ++o) {
        y[o] = bias[o];
        for (std::size_t i = 0; i < x.size(); ++i)
            y[o] += at[o * x.size() + i] * x[i];
    }
    at = bias + outputs;
    return y;
}

void applyTanh(std::vector<double>& x)
{
    for (double& v : x)
        v = std::tanh(v);
}

/// The network as its definition reads, in double.
Output reference(const HeadShape& s, const std::vector<double>& parameters, const std::vector<float>& observation)
{
    const auto width = static_cast<std::ptrdiff_t>(s.width);
    Output out;
    for (auto row = observation.begin(); row != observation.end(); row += s.state) {
        const double* at = parameters.data();
        std::vector<double> both = linear(at, {row, row + s.state}, static_cast<std::size_t>(2 * s.width));
        applyTanh(both);
        std::vector<double> policy(both.begin(), both.begin() + width), value(both.begin() + width, both.end());
        for (std::int64_t l = 1; l < s.layers; ++l) {
            policy = linear(at, policy, policy.size());
            value = linear(at, value, value.size());
            applyTanh(policy);
            applyTanh(value);
        }
        std::ranges::copy(linear(at, policy, static_cast<std::size_t>(s.actions)), std::back_inserter(out.logits));
        out.value.push_back(linear(at, value, 1)[0]);
    }
    return out;
}

std::vector<float> normals(std::size_t count, const char* purpose, double deviation = 1.0)
{
    Rng rng(3, purpose);
    std::vector<float> values(count);
    for (float& v : values)
        v = static_cast<float>(deviation * rng.normal());
    return values;
}

/// A policy whose parameters are all drawn anew, and a batch with the loss's derivatives: the loss is their product with the output.
struct Case {
    explicit Case(const HeadShape& shape, std::int64_t samples)
        : policy(shape, 1), count(samples), observation(normals(static_cast<std::size_t>(samples * shape.state), "observation")),
          logitsGradient(normals(static_cast<std::size_t>(samples * shape.actions), "logits")),
          valueGradient(normals(static_cast<std::size_t>(samples), "value")), logits(logitsGradient.size()), value(valueGradient.size())
    {
        std::ranges::copy(normals(policy.parameters().size(), "parameters", 0.4), policy.parameters().begin());
        policy.parametersChanged();
        policy.forward(count, observation.data(), logits.data(), value.data());
        policy.backward(logitsGradient.data(), valueGradient.data());
    }
    double loss(const std::vector<double>& parameters) const
    {
        const Output out = reference(policy.shape(), parameters, observation);
        double sum = 0.0;
        for (std::size_t i = 0; i < out.logits.size(); ++i)
            sum += out.logits[i] * static_cast<double>(logitsGradient[i]);
        for (std::size_t i = 0; i < out.value.size(); ++i)
            sum += out.value[i] * static_cast<double>(valueGradient[i]);
        return sum;
    }

    MlpPolicy policy;
    std::int64_t count;
    std::vector<float> observation, logitsGradient, valueGradient, logits, value;
};

double largest(std::span<const float> values)
{
    double most = 0.0;
    for (const float v : values)
        most = std::max(most, std::abs(static_cast<double>(v)));
    return most;
}

} // namespace

class MlpPolicyTest : public QObject {
    Q_OBJECT

private slots:
    void shapes_data()
    {
        QTest::addColumn<QVector<int>>("s"); // observation, width, layers, actions, samples
        QTest::newRow("cartpole") << QVector<int>{4, 64, 2, 2, 64};
        QTest::newRow("part of a block") << QVector<int>{4, 64, 2, 2, 7};
        QTest::newRow("widths off the vector size") << QVector<int>{18, 21, 3, 4, 13};
        QTest::newRow("one layer, many inputs and actions") << QVector<int>{40, 16, 1, 33, 5};
        QTest::newRow("more actions than all else") << QVector<int>{2, 9, 1, 50, 5};
        QTest::newRow("the least") << QVector<int>{1, 1, 1, 1, 1};
    }

    void outputIsThatOfTheDefinition_data() { shapes_data(); }
    void outputIsThatOfTheDefinition()
    {
        QFETCH(QVector<int>, s);
        const Case c({s[0], s[1], s[2], s[3]}, s[4]);
        const Output expected = reference(c.policy.shape(), {c.policy.parameters().begin(), c.policy.parameters().end()}, c.observation);
        for (std::size_t i = 0; i < expected.logits.size(); ++i)
            QVERIFY(std::abs(static_cast<double>(c.logits[i]) - expected.logits[i]) < 1e-5);
        for (std::size_t i = 0; i < expected.value.size(); ++i)
            QVERIFY(std::abs(static_cast<double>(c.value[i]) - expected.value[i]) < 1e-5);
    }

    // Every parameter is moved by +-1e-5 in the double network, whose own error is then about 1e-10.
    void gradientAgreesWithFiniteDifferences_data() { shapes_data(); }
    void gradientAgreesWithFiniteDifferences()
    {
        QFETCH(QVector<int>, s);
        Case c({s[0], s[1], s[2], s[3]}, s[4]);
        std::vector<double> parameters(c.policy.parameters().begin(), c.policy.parameters().end());
        const double scale = std::max(1.0, largest(c.policy.gradients()));
        const std::size_t stride = parameters.size() > 4000 ? 31 : 1; // a prime: reaches every layer, row and column
        for (std::size_t p = 0; p < parameters.size(); p += stride) {
            const double kept = parameters[p], h = 1e-5;
            parameters[p] = kept + h;
            const double up = c.loss(parameters);
            parameters[p] = kept - h;
            const double down = c.loss(parameters);
            parameters[p] = kept;
            const double difference = (up - down) / (2.0 * h);
            const double gradient = static_cast<double>(c.policy.gradients()[p]);
            QVERIFY2(std::abs(gradient - difference) < 1e-5 * scale, qPrintable(QString("parameter %1: %2, by differences %3").arg(p).arg(gradient).arg(difference)));
        }
    }

    void gradientEqualsAutograd_data() { shapes_data(); }
    void gradientEqualsAutograd()
    {
        QFETCH(QVector<int>, s);
        Case c({s[0], s[1], s[2], s[3]}, s[4]);
        const HeadShape& shape = c.policy.shape();
        const Tensor flat = torch::from_blob(c.policy.parameters().data(), {static_cast<std::int64_t>(c.policy.parameters().size())}).clone().requires_grad_();
        std::int64_t at = 0;
        const auto layer = [&](const Tensor& x, std::int64_t outputs) {
            const std::int64_t inputs = x.size(1);
            const Tensor weight = flat.narrow(0, at, inputs * outputs).view({outputs, inputs});
            const Tensor bias = flat.narrow(0, at + inputs * outputs, outputs);
            at += (inputs + 1) * outputs;
            return torch::addmm(bias, x, weight.t());
        };
        const Tensor both = torch::tanh(layer(torch::from_blob(c.observation.data(), {c.count, shape.state}), 2 * shape.width));
        Tensor policy = both.narrow(1, 0, shape.width), value = both.narrow(1, shape.width, shape.width);
        for (std::int64_t l = 1; l < shape.layers; ++l) {
            policy = torch::tanh(layer(policy, shape.width));
            value = torch::tanh(layer(value, shape.width));
        }
        const Tensor logits = layer(policy, shape.actions);
        const Tensor out = layer(value, 1);
        const Tensor loss = (logits * torch::from_blob(c.logitsGradient.data(), {c.count, shape.actions})).sum()
                            + (out.squeeze(1) * torch::from_blob(c.valueGradient.data(), {c.count})).sum();
        loss.backward();
        const Tensor ours = torch::from_blob(c.policy.gradients().data(), {flat.numel()});
        QCOMPARE(at, flat.numel());
        QVERIFY((ours - flat.grad()).abs().max().item<double>() < 1e-5 * std::max(1.0, flat.grad().abs().max().item<double>()));
    }

    // Rows are orthogonal and of length `gain` where there are no more of them than columns, else the columns are. Biases are 0.
    void weightsStartOrthogonal()
    {
        const HeadShape shape{.state = 5, .width = 32, .layers = 2, .actions = 3};
        MlpPolicy policy(shape, 7);
        const float* at = policy.parameters().data();
        const auto check = [&at](std::int64_t rows, std::int64_t columns, std::int64_t blocks, double gain) {
            for (std::int64_t block = 0; block < blocks; ++block, at += rows * columns) {
                const Tensor w = torch::from_blob(const_cast<float*>(at), {rows, columns}).to(torch::kFloat64);
                const Tensor gram = rows <= columns ? w.matmul(w.t()) : w.t().matmul(w);
                if ((gram - gain * gain * torch::eye(gram.size(0), torch::kFloat64)).abs().max().item<double>() > 1e-6)
                    return false;
            }
            const float* const end = at + rows * blocks;
            return std::all_of(std::exchange(at, end), end, [](float b) { return b == 0.0F; });
        };
        QVERIFY(check(32, 5, 2, std::sqrt(2.0))); // both trunks' first layers stand in one matrix
        QVERIFY(check(32, 32, 1, std::sqrt(2.0)));
        QVERIFY(check(32, 32, 1, std::sqrt(2.0)));
        QVERIFY(check(3, 32, 1, 0.01));
        QVERIFY(check(1, 32, 1, 1.0));
        QCOMPARE(at, policy.parameters().data() + policy.parameters().size());

        MlpPolicy same(shape, 7), other(shape, 8);
        QVERIFY(std::ranges::equal(policy.parameters(), same.parameters()));
        QVERIFY(!std::ranges::equal(policy.parameters(), other.parameters()));
    }

    // A policy as it was made, and more samples than a block: as one by one, and as defined.
    void anyCountCanGoForward()
    {
        const HeadShape shape{.state = 4, .width = 32, .layers = 2, .actions = 2};
        MlpPolicy policy(shape, 1);
        const auto observation = normals(4 * 200, "many");
        std::vector<float> logits(400), value(200);
        policy.forward(200, observation.data(), logits.data(), value.data());
        const Output expected = reference(shape, {policy.parameters().begin(), policy.parameters().end()}, observation);
        for (std::size_t i = 0; i < 200; ++i) {
            float oneLogits[2], oneValue;
            policy.forward(1, observation.data() + 4 * i, oneLogits, &oneValue);
            QVERIFY(std::abs(oneLogits[0] - logits[2 * i]) < 1e-6F && std::abs(oneLogits[1] - logits[2 * i + 1]) < 1e-6F);
            QVERIFY(std::abs(oneValue - value[i]) < 1e-5F);
            QVERIFY(std::abs(static_cast<double>(value[i]) - expected.value[i]) < 1e-5);
        }
    }

    void aNanComesThrough()
    {
        Case c({.state = 4, .width = 32, .layers = 2, .actions = 2}, 8);
        c.observation[5] = std::numeric_limits<float>::quiet_NaN();
        c.policy.forward(8, c.observation.data(), c.logits.data(), c.value.data());
        c.policy.backward(c.logitsGradient.data(), c.valueGradient.data());
        QVERIFY(std::isnan(c.logits[2]) && std::isnan(c.value[1]) && !std::isnan(c.value[0]));
        QVERIFY(std::ranges::any_of(c.policy.gradients(), [](float g) { return std::isnan(g); }));
    }

    void badSizesAreRefused()
    {
        const auto failure = failureOf([] { MlpPolicy({.state = 4, .width = 0, .layers = 2, .actions = 2}, 1); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("width 0"));
    }
};

QTEST_APPLESS_MAIN(MlpPolicyTest)
#include "tst_mlp_policy.moc"
