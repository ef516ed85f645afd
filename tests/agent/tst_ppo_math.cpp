// Advantage estimation, losses and optimiser against values worked by hand.
#include <cmath>
#include <limits>

#include <QTest>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>

#include "agent/ppo/Collector.h"
#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/Gae.h"
#include "agent/ppo/GroupBaseline.h"
#include "agent/ppo/ForecastLoss.h"
#include "agent/ppo/PpoLoss.h"
#include "base/Rng.h"
#include "env/reference/CartPole.h"

using namespace btcai;
using torch::Tensor;

namespace {

struct GaeCase {
    std::vector<float> reward, value, nextValue;
    std::vector<std::uint8_t> terminated, truncated;
};

std::pair<std::vector<float>, std::vector<float>> runGae(const GaeCase& c, std::size_t lanes, double gamma, double lambda)
{
    std::vector<float> advantage(c.reward.size()), returns(c.reward.size());
    computeGae({.steps = c.reward.size() / lanes, .lanes = lanes, .reward = c.reward, .value = c.value, .nextValue = c.nextValue,
                .terminated = c.terminated, .truncated = c.truncated, .gamma = gamma, .lambda = lambda},
               advantage, returns);
    return {advantage, returns};
}

/// CartPole of two lanes that shows, or pays, lane 1 a value that is no number in its third step.
class SpoiledTask final : public VectorEnvironment {
public:
    enum class Place { Nowhere, Observation, Reward };

    explicit SpoiledTask(Place place) : m_place(place) { reset(1); }
    int steps() const { return m_steps; }

    std::size_t lanes() const override { return m_task.lanes(); }
    std::size_t observationSize() const override { return m_task.observationSize(); }
    std::span<const ObservationBounds> observationBounds() const override { return m_task.observationBounds(); }
    std::size_t actionCount() const override { return m_task.actionCount(); }
    void reset(std::uint64_t seed) override
    {
        m_task.reset(seed);
        show();
    }
    std::span<const float> observation() const override { return m_observation; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) override
    {
        m_task.step(actions, result);
        show();
        if (++m_steps == 3 && m_place == Place::Observation)
            m_observation.back() = std::numeric_limits<float>::quiet_NaN();
        if (m_steps == 3 && m_place == Place::Reward)
            result.reward[1] = std::numeric_limits<float>::infinity();
    }
    std::span<const double> endedEpisodeReturns() const override { return m_task.endedEpisodeReturns(); }
    std::vector<std::uint8_t> snapshot() const override { return m_task.snapshot(); }
    void restore(std::span<const std::uint8_t> bytes) override
    {
        m_task.restore(bytes);
        show();
    }

private:
    void show() { m_observation.assign(m_task.observation().begin(), m_task.observation().end()); }

    CartPole m_task{2};
    Place m_place;
    int m_steps = 0;
    std::vector<float> m_observation;
};

bool near(double a, double b, double tolerance = 1e-6) { return std::abs(a - b) <= tolerance; }

} // namespace

class PpoMathTest : public QObject {
    Q_OBJECT
private slots:
    void aRolloutEndsAtWhatIsNotFinite_data()
    {
        using Place = SpoiledTask::Place;
        QTest::addColumn<Place>("place");
        QTest::addColumn<QString>("told");
        QTest::addColumn<int>("steps");
        QTest::newRow("nothing spoiled") << Place::Nowhere << "" << 8;
        QTest::newRow("an observation, before it is acted on") << Place::Observation << "the network's output" << 3;
        QTest::newRow("a reward, in its step") << Place::Reward << "a reward" << 3;
    }
    void aRolloutEndsAtWhatIsNotFinite()
    {
        QFETCH(SpoiledTask::Place, place);
        QFETCH(QString, told);
        QFETCH(int, steps);
        SpoiledTask task(place);
        AgentNetworkOptions options;
        options.hasMarket = false;
        options.privateSize = 4;
        Collector collector(AgentNetwork(options), task, 8, 1);
        RolloutBuffer buffer = collector.makeBuffer();
        collector.collect(0, buffer);
        QCOMPARE(QString::fromStdString(std::string(collector.notFinite())), told);
        QCOMPARE(task.steps(), steps);
        collector.collect(1, buffer);
        QCOMPARE(collector.notFinite().empty(), place != SpoiledTask::Place::Observation); // that observation still stands there
    }

    // gamma 0.5, lambda 0.5. deltas: d2 = 3 + 0.5*4 - 1 = 4; d1 = 2 + 0.5*1 - 2 = 0.5; d0 = 1 + 0.5*2 - 3 = -1
    // A2 = 4; A1 = 0.5 + 0.25*4 = 1.5; A0 = -1 + 0.25*1.5 = -0.625
    void gaeWithoutEndings()
    {
        const auto [advantage, returns] = runGae({{1, 2, 3}, {3, 2, 1}, {2, 1, 4}, {0, 0, 0}, {0, 0, 0}}, 1, 0.5, 0.5);
        QVERIFY(near(advantage[2], 4.0) && near(advantage[1], 1.5) && near(advantage[0], -0.625));
        QVERIFY(near(returns[2], 5.0) && near(returns[1], 3.5) && near(returns[0], 2.375));
    }

    // Step 1 terminates: d1 = 2 - 2 = 0 (the successor's value, 100, must not count), nothing of step 2 flows back.
    void gaeTerminationDropsTheSuccessor()
    {
        const auto [advantage, returns] = runGae({{1, 2, 3}, {3, 2, 1}, {2, 100, 4}, {0, 1, 0}, {0, 0, 0}}, 1, 0.5, 0.5);
        QVERIFY(near(advantage[1], 0.0));
        QVERIFY(near(advantage[0], -1.0));
        QVERIFY(near(advantage[2], 4.0));
    }

    // Step 1 is cut: its successor's value 6 counts, d1 = 2 + 0.5*6 - 2 = 3, but nothing of step 2 flows back.
    void gaeTruncationBootstraps()
    {
        const auto [advantage, returns] = runGae({{1, 2, 3}, {3, 2, 1}, {2, 6, 4}, {0, 0, 0}, {0, 1, 0}}, 1, 0.5, 0.5);
        QVERIFY(near(advantage[1], 3.0));
        QVERIFY(near(advantage[0], -1.0 + 0.25 * 3.0));
    }

    void gaeLanesAreApart()
    {
        const GaeCase one{{1, 2, 3}, {3, 2, 1}, {2, 1, 4}, {0, 0, 0}, {0, 0, 0}};
        const GaeCase two{{1, 7, 2, 7, 3, 7}, {3, 0, 2, 0, 1, 0}, {2, 0, 1, 0, 4, 0}, {0, 1, 0, 1, 0, 1}, {0, 0, 0, 0, 0, 0}};
        const auto [a, ra] = runGae(one, 1, 0.5, 0.5);
        const auto [b, rb] = runGae(two, 2, 0.5, 0.5);
        for (std::size_t t = 0; t < 3; ++t) {
            QCOMPARE(b[2 * t], a[t]);
            QCOMPARE(b[2 * t + 1], 7.0F);
        }
    }

    // lambda 1 without endings: the advantage is the discounted return to the end, bootstrapped, minus the value.
    void gaeWithLambdaOneIsTheDiscountedReturn()
    {
        Rng rng(1, "gae");
        GaeCase c;
        for (int t = 0; t < 50; ++t) {
            c.reward.push_back(static_cast<float>(rng.normal()));
            c.value.push_back(static_cast<float>(rng.normal()));
        }
        c.nextValue.assign(c.value.begin() + 1, c.value.end());
        c.nextValue.push_back(2.0F);
        c.terminated.assign(50, 0);
        c.truncated.assign(50, 0);
        const auto [advantage, returns] = runGae(c, 1, 0.9, 1.0);
        double discounted = 2.0;
        for (std::size_t t = 50; t-- > 0;) {
            discounted = static_cast<double>(c.reward[t]) + 0.9 * discounted;
            QVERIFY(near(returns[t], discounted, 1e-5));
        }
    }

    // Two actions, old probability 0.5. Logits (log 3, 0): probability of action 0 is 0.75, ratio 1.5; of action 1 0.25, ratio 0.5.
    // Clip 0.2, advantages +1 and +1: min(1.5, 1.2) = 1.2, min(0.5, 0.8) = 0.5: loss -(1.2 + 0.5) / 2 = -0.85.
    // Advantages -1 and -1: min(-1.5, -1.2) = -1.5, min(-0.5, -0.8) = -0.8: loss 1.15.
    void clippedPolicyLoss()
    {
        const Tensor logits = torch::tensor({std::log(3.0), 0.0, std::log(3.0), 0.0}).view({2, 2});
        const Tensor action = torch::tensor({std::int64_t{0}, std::int64_t{1}}, torch::kInt64);
        const Tensor old = torch::full({2}, std::log(0.5));
        const Tensor value = torch::tensor({1.0F, 2.0F});
        const Tensor returns = torch::tensor({2.0F, 5.0F});
        const PpoLossOptions options{.clipRange = 0.2, .valueCoefficient = 0.5, .entropyCoefficient = 0.1, .valueClipRange = 0.0};
        const PpoLoss up = ppoLoss(logits, value, action, old, torch::ones({2}), returns, options);
        QVERIFY(near(up.policy.item<double>(), -0.85));
        QVERIFY(near(up.value.item<double>(), (1.0 + 9.0) / 2.0));
        const double entropy = -(0.75 * std::log(0.75) + 0.25 * std::log(0.25));
        QVERIFY(near(up.entropy.item<double>(), entropy));
        QVERIFY(near(up.total.item<double>(), -0.85 + 0.5 * 5.0 - 0.1 * entropy));
        QVERIFY(near(up.clipFraction.item<double>(), 1.0));
        // (ratio - 1) - log ratio: (0.5 - log 1.5 + -0.5 - log 0.5) / 2
        QVERIFY(near(up.approxKl.item<double>(), (-std::log(1.5) - std::log(0.5)) / 2.0));
        const PpoLoss down = ppoLoss(logits, value, action, old, -torch::ones({2}), returns, options);
        QVERIFY(near(down.policy.item<double>(), 1.15));
    }

    void clippedSamplesGiveNoGradient()
    {
        const Tensor action = torch::tensor({std::int64_t{0}}, torch::kInt64);
        const PpoLossOptions options{.clipRange = 0.2, .valueCoefficient = 0.0, .entropyCoefficient = 0.0, .valueClipRange = 0.0};
        for (const double advantage : {1.0, -1.0}) {
            const Tensor logits = torch::tensor({std::log(3.0), 0.0}).view({1, 2}).requires_grad_(); // ratio 1.5
            const PpoLoss loss = ppoLoss(logits, torch::zeros({1}), action, torch::full({1}, std::log(0.5)),
                                         torch::full({1}, advantage), torch::zeros({1}), options);
            loss.total.backward();
            const double size = logits.grad().abs().sum().item<double>();
            QCOMPARE(size > 0.0, advantage < 0.0); // moving on is of no use, moving back is
        }
    }

    // Mean 2, distances from it -1, -3, 0 and 4, sample deviation sqrt(26 / 3).
    void advantagesAreNormalised()
    {
        const Tensor advantage = torch::tensor({1.0F, -1.0F, 2.0F, 6.0F});
        const Tensor normalised = normalizedAdvantage(advantage);
        const double deviation = std::sqrt(26.0 / 3.0);
        for (int i = 0; i < 4; ++i)
            QVERIFY(near(normalised[i].item<double>(), std::array{-1.0, -3.0, 0.0, 4.0}[static_cast<std::size_t>(i)] / deviation, 1e-6));
        QVERIFY(torch::allclose(normalizedAdvantage(advantage * 100.0 + 7.0), normalised, 1e-5, 1e-6));
        QCOMPARE(normalizedAdvantage(torch::tensor({3.0F})).item<float>(), 3.0F); // one has no deviation
    }

    // mean 1, deviation e: 0.5 ((2 - 1)/e)^2 + 1 = 0.5 / e^2 + 1; the unknown target counts for nothing.
    void forecastLossLeavesUnknownOutcomesOut()
    {
        const Tensor mean = torch::tensor({1.0F, 5.0F}).requires_grad_();
        const Tensor logDeviation = torch::tensor({1.0F, 0.0F}).requires_grad_();
        const Tensor target = torch::tensor({2.0F, std::numeric_limits<float>::quiet_NaN()});
        const Tensor loss = gaussianNll(mean, logDeviation, target);
        QVERIFY(near(loss.item<double>(), 0.5 * std::exp(-2.0) + 1.0));
        loss.backward();
        QVERIFY(torch::isfinite(mean.grad()).all().item<bool>());
        QCOMPARE(mean.grad()[1].item<float>(), 0.0F);
        QVERIFY(near(mean.grad()[0].item<double>(), -std::exp(-2.0)));
        QCOMPARE(gaussianNll(mean, logDeviation, torch::full({2}, std::nan(""))).item<float>(), 0.0F);
    }

    // Deviation 1, errors 2 and 4: 2 and 8 each, counted twice and not at all, over two targets: 2.
    void forecastLossCountsEachTargetByItsWeight()
    {
        const Tensor zero = torch::zeros({2});
        QVERIFY(near(gaussianNll(zero, zero, torch::tensor({2.0F, 4.0F}), torch::tensor({2.0F, 0.0F})).item<double>(), 2.0));
        QVERIFY(near(gaussianNll(zero, zero, torch::tensor({2.0F, 4.0F}), torch::ones({2})).item<double>(), 5.0));
    }

    // Shares 1/2, 1/4, 1/4 have an entropy of log(2) / 2 + 2 log(4) / 4 = 1.5 log 2; log 3 less that. Even ones give 0, one alone log 3.
    void theGatePenaltyIsWhatEntropyLacks()
    {
        const Tensor gates = torch::tensor({0.5F, 0.25F, 0.25F}).requires_grad_();
        QVERIFY(near(gatePenalty(gates).item<double>(), std::log(3.0) - 1.5 * std::log(2.0)));
        QVERIFY(near(gatePenalty(torch::full({2, 4, 3}, 1.0 / 3.0)).item<double>(), 0.0));
        const Tensor closed = torch::tensor({{1.0F, 0.0F, 0.0F}, {0.5F, 0.25F, 0.25F}}).requires_grad_();
        const Tensor penalty = gatePenalty(closed); // a mean over the rows
        QVERIFY(near(penalty.item<double>(), std::log(3.0) - 0.75 * std::log(2.0)));
        penalty.backward();
        QVERIFY(torch::isfinite(closed.grad()).all().item<bool>());
    }

    // First step of Adam: both moments are corrected to g and g^2, so the step is lr * g / (|g| + eps).
    void adamFirstStepByHand()
    {
        torch::nn::Linear layer(torch::nn::LinearOptions(2, 1).bias(false));
        torch::NoGradGuard guard;
        layer->weight.copy_(torch::tensor({1.0F, -2.0F}).view({1, 2}));
        FlatAdam adam(*layer, {.epsilon = 1e-5});
        adam.gradients().copy_(torch::tensor({0.3F, -0.4F}));
        QVERIFY(near(adam.gradientNorm(), 0.5));
        adam.step(0.1, 0.5, 10.0);
        QVERIFY(near(layer->weight[0][0].item<double>(), 1.0 - 0.1 * 0.3 / (0.3 + 1e-5)));
        QVERIFY(near(layer->weight[0][1].item<double>(), -2.0 + 0.1 * 0.4 / (0.4 + 1e-5)));
    }

    void adamFollowsLibtorchs()
    {
        torch::manual_seed(4);
        torch::nn::Linear ours(5, 3), theirs(5, 3);
        {
            torch::NoGradGuard guard;
            theirs->weight.copy_(ours->weight);
            theirs->bias.copy_(ours->bias);
        }
        FlatAdam adam(*ours, {.epsilon = 1e-5});
        torch::optim::Adam reference(theirs->parameters(), torch::optim::AdamOptions(0.01).eps(1e-5));
        for (int i = 0; i < 20; ++i) {
            const Tensor x = torch::randn({8, 5});
            const auto backward = [&](torch::nn::Linear& layer) { layer(x).square().sum().backward(); };
            adam.zeroGradients();
            backward(ours);
            const double norm = adam.gradientNorm();
            adam.step(0.01, norm, 0.7);
            reference.zero_grad();
            backward(theirs);
            const double theirNorm = torch::nn::utils::clip_grad_norm_(theirs->parameters(), 0.7);
            reference.step();
            QVERIFY(near(norm, theirNorm, 1e-4 * norm));
        }
        QVERIFY(torch::allclose(ours->weight, theirs->weight, 1e-4, 1e-5));
        QVERIFY(torch::allclose(ours->bias, theirs->bias, 1e-4, 1e-5));
    }

    void gradientNormTellsNotFinite()
    {
        torch::nn::Linear layer(2, 2);
        FlatAdam adam(*layer);
        adam.gradients()[1] = std::numeric_limits<float>::infinity();
        QVERIFY(!std::isfinite(adam.gradientNorm()));
        adam.gradients()[1] = std::nanf("");
        QVERIFY(!std::isfinite(adam.gradientNorm()));
    }

    // One bar, four accounts: two flat with advantages 1 and 5 (mean 3), one long with 7 (alone), one short with -2 (alone).
    void groupsAreComparedWithThemselves()
    {
        RolloutBuffer buffer(1, 1, 4, 3);
        buffer.state.copy_(torch::tensor({1.F, 0.F, 0.F, 0.F, 1.F, 0.F, 1.F, 0.F, 0.F, 0.F, 0.F, 1.F}).view({1, 1, 4, 3}));
        buffer.advantage.copy_(torch::tensor({1.0F, 7.0F, 5.0F, -2.0F}).view({1, 1, 4}));
        subtractGroupMeans(buffer);
        QVERIFY(torch::allclose(buffer.advantage.view({4}), torch::tensor({-2.0F, 0.0F, 2.0F, 0.0F})));
    }

    void samplingFollowsTheProbabilities()
    {
        const float logits[] = {0.0F, std::log(2.0F), std::log(5.0F)}; // 1/8, 2/8, 5/8
        double counts[3] = {};
        const int draws = 80'000;
        for (int i = 0; i < draws; ++i) {
            const SampledAction draw = sampleAction(logits, (i + 0.5) / draws);
            counts[draw.action] += 1.0;
            QVERIFY(near(draw.logProbability, std::log(draw.action == 0 ? 0.125 : draw.action == 1 ? 0.25 : 0.625)));
        }
        QVERIFY(near(counts[0] / draws, 0.125, 1e-4) && near(counts[1] / draws, 0.25, 1e-4) && near(counts[2] / draws, 0.625, 1e-4));
        QCOMPARE(argmaxAction(logits), std::uint8_t{2});
        const float equal[] = {1.0F, 1.0F};
        QCOMPARE(argmaxAction(equal), std::uint8_t{0});
    }
};

QTEST_GUILESS_MAIN(PpoMathTest)
#include "tst_ppo_math.moc"
