// Replay by surprise: what is drawn, how it counts, and what it does to the gradient.
#include <cmath>

#include <QTest>

#include "agent/replay/SurpriseReplay.h"
#include "base/Error.h"
#include "base/Rng.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;
using torch::Tensor;

namespace {

RunConfig replayConfig()
{
    RunConfig config = tinyConfig();
    config.replay.segments = 2;
    config.replay.bars = 4;
    config.replay.accounts = 2;
    config.replay.capacity = 6;
    config.replay.alpha = 1.0;
    config.replay.beta = 1.0;
    return config;
}

/// Two stretches of 8 bars, so four segments of 4, of three accounts. Returns are +1 and -1 by turns (deviation 1 but for the n - 1), segment k's values are off
/// by k / 2, and its forecasts by 1 + k.
RolloutBuffer rollout(std::int64_t row = 100)
{
    RolloutBuffer buffer(2, 8, 3, 5);
    buffer.startRow = {row, row + 1000};
    buffer.state.copy_(torch::arange(2 * 8 * 3 * 5).reshape({2, 8, 3, 5}));
    buffer.action.copy_(torch::arange(2 * 8 * 3).reshape({2, 8, 3}) % 3);
    buffer.returns.copy_((torch::arange(2 * 8 * 3) % 2 * 2 - 1).reshape({2, 8, 3}));
    buffer.advantage.copy_(buffer.returns);
    buffer.surprise = torch::zeros({2, 8});
    for (std::int64_t k = 0; k < 4; ++k) {
        const auto part = [k](const Tensor& all) { return all.select(0, k / 2).narrow(0, k % 2 * 4, 4); };
        part(buffer.value).copy_(part(buffer.returns) + 0.5 * static_cast<double>(k));
        part(buffer.surprise).fill_(1.0 + static_cast<double>(k));
    }
    return buffer;
}

/// sqrt(48 / 47): the deviation of 24 numbers 1 and 24 numbers -1.
const double kReturnScale = std::sqrt(48.0 / 47.0);

} // namespace

class ReplayTest : public QObject {
    Q_OBJECT

private slots:
    // Weights 1, 0, 3, 2: item 0 has [0, 1), item 2 [1, 4), item 3 [4, 6).
    void theTreeFindsWhoseMassItIs()
    {
        SumTree tree(5);
        QCOMPARE(tree.total(), 0.0);
        const std::vector<double> weights{1.0, 0.0, 3.0, 2.0};
        for (std::size_t i = 0; i < weights.size(); ++i)
            tree.set(i, weights[i]);
        QCOMPARE(tree.total(), 6.0);
        for (const auto& [mass, item] : std::vector<std::pair<double, std::size_t>>{{0.0, 0}, {0.99, 0}, {1.0, 2}, {3.99, 2}, {4.0, 3}, {5.99, 3}, {6.0, 3}})
            QCOMPARE(tree.find(mass), item);
        tree.set(2, 0.0);
        QCOMPARE(tree.total(), 3.0);
        QCOMPARE(tree.find(1.0), std::size_t{3});
        QVERIFY_EXCEPTION_THROWN(tree.set(0, -1.0), Error);
        QVERIFY_EXCEPTION_THROWN(tree.set(0, std::nan("")), Error);
    }

    // Sums are made anew: after a million changes they are those of the same weights set once.
    void theTreeDoesNotDrift()
    {
        SumTree worn(37), fresh(37);
        Rng rng(1, "tree");
        std::vector<double> weights(37);
        for (int i = 0; i < 100'000; ++i) {
            const std::size_t item = rng.below(37);
            worn.set(item, weights[item] = rng.uniform() * (i % 7 == 0 ? 1e9 : 1.0));
        }
        for (std::size_t i = 0; i < 37; ++i)
            fresh.set(i, weights[i]);
        QVERIFY(worn.total() == fresh.total());
    }

    // Priorities 1, 2 + 0.5 / s, 3 + 1 / s, 4 + 1.5 / s: drawn in proportion, and counting in inverse proportion, since beta is 1.
    void segmentsAreDrawnByTheirSurprise()
    {
        const RunConfig config = replayConfig();
        SurpriseReplay replay(config, 5);
        QVERIFY(replay.draw(config.replay, 0, 0, 0.0).empty());
        replay.add(rollout(), 3);
        QCOMPARE(replay.size(), std::int64_t{4});
        std::vector<double> priority, count(4);
        for (int k = 0; k < 4; ++k)
            priority.push_back(1.0 + k + 0.5 * k / kReturnScale);
        const double total = priority[0] + priority[1] + priority[2] + priority[3];
        QVERIFY(std::abs(replay.meanPriority() - total / 4.0) < 1e-9);
        constexpr int kDraws = 20'000;
        for (int step = 0; step < kDraws; ++step)
            for (const ReplayDraw& draw : replay.draw(config.replay, 7, step, 0.5)) {
                const auto k = static_cast<std::size_t>(draw.record);
                count[k] += 1.0;
                QCOMPARE(draw.row, std::int64_t{100 + draw.record / 2 * 1000 + draw.record % 2 * 4});
                QCOMPARE(draw.age, std::int64_t{4});
                QVERIFY(draw.weight <= 1.0);
            }
        for (std::size_t k = 0; k < 4; ++k) {
            const double share = priority[k] / total;
            QVERIFY2(std::abs(count[k] / (2.0 * kDraws) - share) < 4.0 * std::sqrt(share * (1.0 - share) / (2.0 * kDraws)), qPrintable(QString::number(k)));
        }
        // Of two drawn together the rarer counts wholly, the other by the ratio of their chances.
        bool bothKinds = false;
        for (int step = 0; step < 100; ++step) {
            const auto draws = replay.draw(config.replay, 8, step, 0.0);
            const auto chance = [&](const ReplayDraw& draw) { return priority[static_cast<std::size_t>(draw.record)]; };
            const double ratio = chance(draws[0]) / chance(draws[1]);
            QVERIFY(std::abs(draws[1].weight / draws[0].weight - ratio) < 1e-9);
            bothKinds = bothKinds || ratio != 1.0;
        }
        QVERIFY(bothKinds);
    }

    // With beta 0.4 at the start and half of the run over, the exponent is 0.7; with alpha 0.5 chances go as the square root.
    void biasIsCorrectedMoreAndMore()
    {
        RunConfig config = replayConfig();
        config.replay.alpha = 0.5;
        config.replay.beta = 0.4;
        SurpriseReplay replay(config, 5);
        replay.add(rollout(), 0);
        const auto p = [](std::int64_t k) { return 1.0 + static_cast<double>(k) + 0.5 * static_cast<double>(k) / kReturnScale; };
        const auto draws = replay.draw(config.replay, 1, 5, 0.5);
        QVERIFY(draws[0].record != draws[1].record);
        QVERIFY(std::abs(draws[1].weight / draws[0].weight - std::pow(p(draws[0].record) / p(draws[1].record), 0.5 * 0.7)) < 1e-9);
    }

    void whatIsDrawnIsWhatWasSeen()
    {
        const RunConfig config = replayConfig();
        SurpriseReplay replay(config, 5);
        const RolloutBuffer buffer = rollout();
        replay.add(buffer, 0);
        for (const ReplayDraw& draw : replay.draw(config.replay, 1, 2, 0.0)) {
            const auto part = [&](const Tensor& all) { return all.select(0, draw.record / 2).narrow(0, draw.record % 2 * 4, 4).narrow(1, 0, 2); };
            QVERIFY(draw.state[0].equal(part(buffer.state)));
            QVERIFY(draw.action[0].equal(part(buffer.action)));
            QVERIFY(draw.returns[0].equal(part(buffer.returns)));
            // Advantages as the policy's loss takes them: less their mean over their deviation in the rollout.
            QVERIFY((draw.advantage[0] - part(buffer.advantage) / kReturnScale).abs().max().item<double>() < 1e-6);
        }
        QVERIFY_EXCEPTION_THROWN(replay.add(RolloutBuffer(1, 6, 3, 5), 1), Error);
    }

    // Of six records the oldest two make room for the second rollout's; observing one changes its chance alone.
    void theOldestMakeRoomAndWhatWasReplayedIsKnown()
    {
        const RunConfig config = replayConfig();
        SurpriseReplay replay(config, 5);
        replay.add(rollout(100), 0);
        replay.add(rollout(200), 1);
        QCOMPARE(replay.size(), std::int64_t{6});
        std::set<std::int64_t> rows;
        for (int step = 0; step < 500; ++step)
            for (const ReplayDraw& draw : replay.draw(config.replay, 2, step, 0.0))
                rows.insert(draw.row);
        QVERIFY((rows == std::set<std::int64_t>{1100, 1104, 200, 204, 1200, 1204}));
        const double before = replay.meanPriority();
        replay.observe({{.record = 4, .surprise = 7.0, .valueError = -1.0}}); // the first of the second rollout: was 1 and 0
        QVERIFY(std::abs(replay.meanPriority() - before - 6.0 / 6.0) < 1e-9);
    }

    void aSnapshotIsTheReplay()
    {
        const RunConfig config = replayConfig();
        SurpriseReplay replay(config, 5), other(config, 5);
        replay.add(rollout(100), 0);
        replay.add(rollout(200), 1);
        replay.observe({{.record = 1, .surprise = 9.0, .valueError = 2.0}});
        other.restore(parseTensorFile(writeTensorFile(replay.snapshot()), "snapshot"));
        for (SurpriseReplay* one : {&replay, &other})
            one->add(rollout(300), 2);
        for (int step = 0; step < 50; ++step) {
            const auto a = replay.draw(config.replay, 3, step, 0.3), b = other.draw(config.replay, 3, step, 0.3);
            for (std::size_t i = 0; i < a.size(); ++i)
                QVERIFY(a[i].row == b[i].row && a[i].age == b[i].age && a[i].weight == b[i].weight && a[i].state.equal(b[i].state));
        }
        TensorFile lacking = replay.snapshot();
        lacking.tensors.erase("returns");
        QVERIFY_EXCEPTION_THROWN(other.restore(lacking), Error);
        RunConfig smaller = config;
        smaller.replay.capacity = 3;
        SurpriseReplay tooSmall(smaller, 5);
        QVERIFY_EXCEPTION_THROWN(tooSmall.restore(replay.snapshot()), Error);
    }

    /// The gradient of the second iteration's first minibatch (the first has nothing to replay) is that without replay and, for each unit of the coefficient, as much
    /// again of the segments; of stale ones it is that of their forecasts alone.
    void theGradientIsThatOfMinibatchAndSegments()
    {
        RunConfig config = tinyConfig();
        config.replay.bars = 8;
        config.train.steps = 128;
        config.ppo.epochs = 1;
        config.ppo.stretchesPerMinibatch = 2;
        const auto gradient = [&](std::int64_t segments, double coefficient, std::int64_t staleness, double forecast) {
            config.replay.segments = segments;
            config.replay.coefficient = coefficient;
            config.replay.staleness = staleness;
            config.ppo.forecastCoefficient = forecast;
            Tensor kept;
            TrainingHooks hooks;
            hooks.beforeStep = [&](std::int64_t iteration, Tensor& gradients) {
                if (iteration == 1)
                    kept = gradients.clone();
            };
            TrainingRun().train(config, false, hooks);
            return kept;
        };
        const Tensor none = gradient(0, 0.5, 8, 0.1), one = gradient(2, 1.0, 8, 0.1), two = gradient(2, 2.0, 8, 0.1);
        const double size = none.norm().item<double>();
        QVERIFY((one - none).norm().item<double>() > 0.01 * size);
        QVERIFY(((two - none) - 2.0 * (one - none)).norm().item<double>() < 1e-4 * size);
        const Tensor forecastless = gradient(0, 0.5, 8, 0.0);
        QVERIFY((gradient(2, 1.0, 0, 0.0) - forecastless).norm().item<double>() < 1e-6 * size); // stale, and nothing to forecast
        QVERIFY((gradient(2, 1.0, 8, 0.0) - forecastless).norm().item<double>() > 0.01 * size);
        QVERIFY((gradient(2, 1.0, 0, 0.1) - none).norm().item<double>() > 1e-4 * size);
    }
};

QTEST_GUILESS_MAIN(ReplayTest)
#include "tst_replay.moc"
