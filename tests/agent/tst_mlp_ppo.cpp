// PPO with a small network and no autograd: losses and optimiser by hand, endings, repeatability, and what is not a number.
#include <cmath>
#include <limits>

#include <QTest>

#include "agent/ppo/Gae.h"
#include "agent/ppo/MinibatchOrder.h"
#include "agent/ppo/MlpPpo.h"
#include "agent/ppo/PpoLoss.h"
#include "env/reference/CartPole.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;
using torch::Tensor;

namespace {

bool near(double a, double b, double tolerance = 1e-6) { return std::abs(a - b) <= tolerance; }
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct OneLoss {
    LossSums sums;
    double logits[2], value;
};

/// One sample of two actions that counts for all of the minibatch.
OneLoss lossOf(const LossSample& sample, const std::array<float, 2>& logits, float value, const PpoLossOptions& options)
{
    SampleLoss loss(2, 1.0, options);
    float logitsGradient[2], valueGradient;
    loss.add(sample, logits.data(), value, logitsGradient, &valueGradient);
    return {loss.sums(), {static_cast<double>(logitsGradient[0]), static_cast<double>(logitsGradient[1])}, static_cast<double>(valueGradient)};
}

/// Two lanes whose episodes last one step. Lane 0 is seen at (1, 0), gives 0 and is truncated at (0, 1). Lane 1 is seen at (0, 1),
/// gives 5 and terminates. So V(0, 1) = 5 and V(1, 0) = gamma 5.
class TwoLanes final : public VectorEnvironment {
public:
    std::size_t lanes() const override { return 2; }
    std::size_t observationSize() const override { return 2; }
    std::span<const ObservationBounds> observationBounds() const override { return m_bounds; }
    std::size_t actionCount() const override { return 2; }
    void reset(std::uint64_t) override {}
    std::span<const float> observation() const override { return m_observation; }
    void step(std::span<const std::uint8_t>, StepResult& result) override
    {
        result.fit(2, 2);
        result.reward = {0.0F, ++m_steps == m_nanAt ? kNan : 5.0F};
        result.terminated = {0, 1};
        result.truncated = {1, 0};
        result.finalObservation = {0, 1, 0, 1};
    }
    std::span<const double> endedEpisodeReturns() const override { return m_returns; }
    std::vector<std::uint8_t> snapshot() const override { return {}; }
    void restore(std::span<const std::uint8_t>) override {}

    void giveNanAt(std::size_t step) { m_nanAt = step; }

private:
    std::array<ObservationBounds, 2> m_bounds;
    std::vector<float> m_observation{1, 0, 0, 1};
    std::vector<double> m_returns{0.0, 5.0};
    std::size_t m_steps = 0, m_nanAt = 0;
};

std::vector<float> copyOf(std::span<const float> values) { return {values.begin(), values.end()}; }

} // namespace

class MlpPpoTest : public QObject {
    Q_OBJECT

private slots:
    // Logits (log 3, 0): probabilities 3/4 and 1/4. Action 0 had probability 1/2: ratio 1.5, beyond the range of 0.2.
    // Advantage 1: min(1.5, 1.2), loss -1.2, no derivative. Advantage -1: min(-1.5, -1.2), loss 1.5, and d loss / d log p = 1.5, so
    // the logits' derivatives are 1.5 (1 - 3/4) and 1.5 (-1/4).
    void clippedPolicyLossByHand()
    {
        const std::array logits{std::log(3.0F), 0.0F};
        const PpoLossOptions options{.valueCoefficient = 0.0};
        const float old = std::log(0.5F);
        const OneLoss up = lossOf({0, old, 1.0F, 0.0F}, logits, 0.0F, options);
        QVERIFY(near(up.sums.policy, -1.2) && near(up.sums.total, -1.2) && near(up.logits[0], 0.0) && near(up.logits[1], 0.0));
        QCOMPARE(up.sums.clipFraction, 1.0);
        QVERIFY(near(up.sums.approxKl, 0.5 - std::log(1.5)));
        const OneLoss down = lossOf({0, old, -1.0F, 0.0F}, logits, 0.0F, options);
        QVERIFY(near(down.sums.policy, 1.5) && near(down.logits[0], 0.375) && near(down.logits[1], -0.375));
    }

    // H = -3/4 log 3/4 - 1/4 log 1/4 = log 4 - 3/4 log 3, and dH / d logit_0 = -p_0 (log p_0 + H) = -3/16 log 3.
    void entropyByHand()
    {
        const PpoLossOptions options{.valueCoefficient = 0.0, .entropyCoefficient = 0.1};
        const OneLoss loss = lossOf({1, std::log(0.25F), 0.0F, 0.0F}, {std::log(3.0F), 0.0F}, 0.0F, options);
        QVERIFY(near(loss.sums.entropy, std::log(4.0) - 0.75 * std::log(3.0)));
        QVERIFY(near(loss.sums.total, -0.1 * loss.sums.entropy));
        QVERIFY(near(loss.logits[0], 0.1 * 3.0 / 16.0 * std::log(3.0)) && near(loss.logits[1], -0.1 * 3.0 / 16.0 * std::log(3.0)));
    }

    // Old value 1, range 0.5, return 3, coefficient 0.5. Value 1.25 is within: error -1.75. Value 2 is held at 1.5: 1.5^2 above 1^2 and
    // no derivative. Value 0 is held at 0.5: 2.5^2 is below 3^2, which counts, with its derivative.
    void valueClippingByHand()
    {
        const PpoLossOptions options{.valueCoefficient = 0.5, .valueClipRange = 0.5};
        const LossSample sample{0, std::log(0.5F), 0.0F, 3.0F, 1.0F};
        const OneLoss within = lossOf(sample, {0.0F, 0.0F}, 1.25F, options);
        QVERIFY(near(within.sums.value, 3.0625) && near(within.value, -1.75));
        const OneLoss held = lossOf(sample, {0.0F, 0.0F}, 2.0F, options);
        QVERIFY(near(held.sums.value, 2.25) && near(held.value, 0.0));
        const OneLoss away = lossOf(sample, {0.0F, 0.0F}, 0.0F, options);
        QVERIFY(near(away.sums.value, 9.0) && near(away.value, -3.0));
        const OneLoss free = lossOf(sample, {0.0F, 0.0F}, 2.0F, {.valueCoefficient = 0.5});
        QVERIFY(near(free.sums.value, 1.0) && near(free.value, -1.0));
    }

    void lossEqualsAutograd_data()
    {
        QTest::addColumn<double>("valueClipRange");
        QTest::newRow("value loss free") << 0.0;
        QTest::newRow("value loss clipped") << 0.3;
    }
    void lossEqualsAutograd()
    {
        QFETCH(double, valueClipRange);
        torch::manual_seed(5);
        const std::int64_t count = 2000, actions = 3; // so that rounding falls to all sides of the range
        const Tensor logits = torch::randn({count, actions}).requires_grad_(), value = torch::randn({count}).requires_grad_();
        const Tensor action = torch::randint(actions, {count}, torch::kInt64);
        const Tensor old = (torch::log_softmax(logits.detach(), -1).gather(-1, action.unsqueeze(-1)).squeeze(-1) + 0.3 * torch::randn({count}));
        const Tensor advantage = torch::randn({count}), returns = torch::randn({count}), oldValue = value.detach() + 0.4 * torch::randn({count});
        const PpoLossOptions options{.valueCoefficient = 0.7, .entropyCoefficient = 0.05, .valueClipRange = valueClipRange};
        const PpoLoss expected = ppoLoss(logits, value, action, old, advantage, returns, options, oldValue);
        expected.total.backward();
        SampleLoss loss(actions, static_cast<double>(count), options);
        Tensor logitsGradient = torch::zeros({count, actions}), valueGradient = torch::zeros({count});
        for (std::int64_t i = 0; i < count; ++i)
            loss.add({action[i].item<std::int64_t>(), old[i].item<float>(), advantage[i].item<float>(), returns[i].item<float>(), oldValue[i].item<float>()},
                     logits.data_ptr<float>() + i * actions, value[i].item<float>(), logitsGradient.data_ptr<float>() + i * actions,
                     valueGradient.data_ptr<float>() + i);
        const LossSums sums = loss.sums();
        QVERIFY(near(sums.total, expected.total.item<double>(), 1e-5) && near(sums.value, expected.value.item<double>(), 1e-5));
        QVERIFY(near(sums.approxKl, expected.approxKl.item<double>(), 1e-5) && near(sums.clipFraction, expected.clipFraction.item<double>()));
        QVERIFY(torch::allclose(logitsGradient, logits.grad(), 1e-4, 1e-8) && torch::allclose(valueGradient, value.grad(), 1e-4, 1e-8));
        if (valueClipRange > 0.0) // both kinds are there
            QVERIFY((valueGradient == 0.0).any().item<bool>() && (valueGradient != 0.0).any().item<bool>());
    }

    // beta 0.9 and 0.999, gradients 0.3 and -0.1, learning rate 0.1. Step 1 is 0.1 x 0.3 / (0.3 + 1e-5). Step 2: first moment
    // 0.9 x 0.03 - 0.01 = 0.017, corrected by 0.19 to 0.0894737; second 0.999 x 9e-5 + 1e-5 = 9.991e-5, corrected by 0.001999 to
    // 0.04998, of which the root is 0.2235621.
    void adamTwoStepsByHand()
    {
        std::vector<float> parameter{1.0F}, first{0.0F}, second{0.0F};
        const AdamOptions options;
        const auto step = [&](float gradient, std::int64_t number) {
            const std::vector<float> gradients{gradient};
            adamStep(parameter, gradients, first, second, options, AdamFactors(options, number, 0.1, gradientNorm(gradients), 10.0));
        };
        step(0.3F, 1);
        const double afterOne = 1.0 - 0.1 * 0.3 / (0.3 + 1e-5);
        QVERIFY(near(static_cast<double>(parameter[0]), afterOne));
        step(-0.1F, 2);
        QVERIFY(near(static_cast<double>(parameter[0]), afterOne - 0.1 * 0.0894737 / (0.2235621 + 1e-5)));
    }

    // The norm of 3, 4 is 5: scaled by a tenth, the first moment is a tenth of 0.3, 0.4.
    void aLargeGradientIsClipped()
    {
        std::vector<float> parameter(2, 0.0F), first(2, 0.0F), second(2, 0.0F);
        const std::vector<float> gradients{3.0F, 4.0F};
        const AdamOptions options;
        QVERIFY(near(gradientNorm(gradients), 5.0));
        adamStep(parameter, gradients, first, second, options, AdamFactors(options, 1, 0.1, 5.0, 0.5));
        QVERIFY(near(static_cast<double>(first[0]), 0.03) && near(static_cast<double>(first[1]), 0.04));
    }

    // 1 ... 300: 300 x 301 x 601 / 6, whatever the blocks of the sum; a NaN anywhere is told.
    void theNormCountsEveryNumber()
    {
        std::vector<float> values(300);
        for (std::size_t i = 0; i < 300; ++i)
            values[i] = static_cast<float>(i + 1);
        QVERIFY(near(gradientNorm(values), std::sqrt(300.0 * 301.0 * 601.0 / 6.0), 1e-3));
        for (const std::size_t at : {0U, 13U, 255U, 299U}) {
            auto bad = values;
            bad[at] = kNan;
            QVERIFY(std::isnan(gradientNorm(bad)));
        }
    }

    // Mean 2, distances from it -1, -3, 0 and 4, sample deviation sqrt(26 / 3).
    void advantagesAreNormalised()
    {
        std::vector<float> advantage{1.0F, -1.0F, 2.0F, 6.0F};
        normalizeAdvantages(advantage);
        for (std::size_t i = 0; i < 4; ++i)
            QVERIFY(near(static_cast<double>(advantage[i]), std::array{-1.0, -3.0, 0.0, 4.0}[i] / std::sqrt(26.0 / 3.0)));
        std::vector<float> one{3.0F};
        normalizeAdvantages(one);
        QCOMPARE(one[0], 3.0F); // has no deviation
    }

    void everyEpochHasAnOrderOfItsOwn()
    {
        const auto order = minibatchOrder(1000, 1, 2, 3);
        auto sorted = order;
        std::ranges::sort(sorted);
        for (std::int64_t i = 0; i < 1000; ++i)
            QCOMPARE(sorted[static_cast<std::size_t>(i)], i);
        QVERIFY(minibatchOrder(1000, 1, 2, 3) == order);
        QVERIFY(minibatchOrder(1000, 9, 2, 3) != order && minibatchOrder(1000, 1, 9, 3) != order && minibatchOrder(1000, 1, 2, 9) != order);
    }

    // With a successor's value dropped at the cut, V(1, 0) would go to 0, as it would when asked of the next episode's start; with one
    // kept at the termination, V(0, 1) would go to 10.
    void truncationBootstrapsFromTheLastObservationAndTerminationDoesNot()
    {
        TwoLanes env;
        MlpPpoOptions options;
        options.rolloutSteps = 32;
        options.gamma = 0.5;
        options.learningRate = 3e-3;
        MlpPpo ppo(env, options, 1);
        for (int i = 0; i < 60; ++i)
            ppo.iterate();
        float logits[4], value[2];
        ppo.policy().forward(2, env.observation().data(), logits, value);
        QVERIFY2(near(static_cast<double>(value[1]), 5.0, 0.1), qPrintable(QString::number(value[1])));
        QVERIFY2(near(static_cast<double>(value[0]), 2.5, 0.1), qPrintable(QString::number(value[0])));
    }

    void twoRunsOfASeedAreBitIdentical()
    {
        const auto train = [](std::uint64_t seed) {
            CartPole env(4);
            MlpPpoOptions options;
            options.rolloutSteps = 64;
            options.minibatch = 100; // more than a block, and a rest
            MlpPpo ppo(env, options, seed);
            for (int i = 0; i < 4; ++i)
                ppo.iterate();
            return copyOf(ppo.policy().parameters());
        };
        const auto one = train(1);
        QVERIFY(train(1) == one);
        QVERIFY(train(2) != one);
    }

    // The reward of step 40 is not a number: the second rollout's one minibatch is refused and the weights are those of the first.
    void whatIsNotANumberIsNotApplied()
    {
        TwoLanes env;
        env.giveNanAt(40);
        MlpPpoOptions options;
        options.rolloutSteps = 32;
        MlpPpo ppo(env, options, 1);
        ppo.iterate();
        const auto before = copyOf(ppo.policy().parameters());
        const auto failure = failureOf([&] { ppo.iterate(); });
        QVERIFY(failure && failure->kind == ErrorKind::Numeric);
        QVERIFY(failure->says("128 steps") && failure->says("iteration 1"));
        QVERIFY(copyOf(ppo.policy().parameters()) == before);
    }

    void anUpdateEndsAtTheTargetKl()
    {
        CartPole env(4);
        MlpPpoOptions options;
        options.rolloutSteps = 64;
        options.learningRate = 0.01;
        MlpPpo free(env, options, 1);
        const MlpPpoIteration whole = free.iterate();
        QCOMPARE(whole.minibatches, 40); // 256 samples, 64 each, 10 epochs
        QVERIFY(!whole.stoppedByKl);
        options.targetKl = 0.01;
        MlpPpo bound(env, options, 1);
        const MlpPpoIteration stopped = bound.iterate();
        QVERIFY(stopped.stoppedByKl && stopped.minibatches >= 1 && stopped.minibatches < 40);
        QVERIFY(whole.loss.approxKl > stopped.loss.approxKl && stopped.loss.approxKl <= 0.01);
    }

    // 4 rollouts to the end: 1, 3/4, 1/2, 1/4 of the rate, then none.
    void theLearningRateFallsToZero()
    {
        TwoLanes env;
        MlpPpoOptions options;
        options.rolloutSteps = 8;
        options.learningRate = 0.008;
        options.schedule = Schedule::Linear;
        options.totalSteps = 64;
        MlpPpo ppo(env, options, 1);
        for (const double expected : {0.008, 0.006, 0.004, 0.002, 0.0, 0.0})
            QVERIFY(near(ppo.iterate().learningRate, expected, 1e-12));
    }

    // Lane 1 returns 5 at every step, lane 0 returns 0: the mean of the latest 4 episodes is 2.5 when the second step has ended.
    void theStepOfTheSolutionIsTold()
    {
        TwoLanes env;
        MlpPpoOptions options;
        options.rolloutSteps = 8;
        MlpPpo ppo(env, options, 1);
        const Solved solved = trainUntil(ppo, 2.5, 1000, 4);
        QVERIFY(solved.steps && *solved.steps == 4);
        QCOMPARE(solved.meanReturn, 2.5);
        MlpPpo again(env, options, 1);
        const Solved never = trainUntil(again, 2.6, 100, 4);
        QVERIFY(!never.steps && near(never.meanReturn, 2.5));
        QCOMPARE(again.steps(), 112); // the rollout that went beyond 100 was the last
    }

    void badOptionsAreNamed()
    {
        TwoLanes env;
        const auto refused = [&env](const char* name, const std::function<void(MlpPpoOptions&)>& change) {
            MlpPpoOptions options;
            change(options);
            const auto failure = failureOf([&] { MlpPpo(env, options, 1); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(name);
        };
        QVERIFY(refused("rolloutSteps", [](auto& o) { o.rolloutSteps = 0; }));
        QVERIFY(refused("minibatch", [](auto& o) { o.minibatch = 0; }));
        QVERIFY(refused("epochs", [](auto& o) { o.epochs = 0; }));
        QVERIFY(refused("gamma", [](auto& o) { o.gamma = 1.01; }));
        QVERIFY(refused("lambda", [](auto& o) { o.lambda = kNan; }));
        QVERIFY(refused("learningRate", [](auto& o) { o.learningRate = 0.0; }));
        QVERIFY(refused("clipRange", [](auto& o) { o.loss.clipRange = -0.2; }));
        QVERIFY(refused("valueClipRange", [](auto& o) { o.loss.valueClipRange = -1.0; }));
        QVERIFY(refused("maxGradNorm", [](auto& o) { o.maxGradNorm = 0.0; }));
        QVERIFY(refused("targetKl", [](auto& o) { o.targetKl = -1.0; }));
        QVERIFY(refused("totalSteps", [](auto& o) { o.schedule = Schedule::Linear; }));
        QVERIFY(refused("layers", [](auto& o) { o.layers = 0; }));
    }
};

QTEST_GUILESS_MAIN(MlpPpoTest)
#include "tst_mlp_ppo.moc"
