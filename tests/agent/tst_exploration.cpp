// What steers exploration: the entropy coefficient's schedules, and how familiar the market looks.
#include <cmath>

#include <QTest>

#include "agent/exploration/EntropySchedule.h"
#include "agent/exploration/Familiarity.h"
#include "agent/ppo/RolloutBuffer.h"
#include "base/Error.h"
#include "base/Rng.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;
using torch::Tensor;

namespace {

RunConfig decaying(const std::string& decay)
{
    RunConfig config = tinyConfig();
    config.explore.decay = decay;
    config.ppo.entropyCoefficient = 0.02;
    config.ppo.entropyShare = 0.8;
    return config;
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-12 * std::max(1.0, std::abs(b)); }

/// `count` points of a cluster around direction `axis` of 16.
Tensor cluster(std::int64_t axis, std::int64_t count)
{
    Tensor centre = torch::zeros({16});
    centre[axis] = 4.0;
    return centre + torch::randn({count, 16});
}

} // namespace

class ExplorationTest : public QObject {
    Q_OBJECT

private slots:
    void byTimeItIsALine()
    {
        RunConfig config = decaying("time");
        const EntropySchedule schedule;
        QVERIFY(near(schedule.coefficient(config, 0.0), 0.02));
        QVERIFY(near(schedule.coefficient(config, 0.2), 0.015));
        QCOMPARE(schedule.coefficient(config, 0.9), 0.0);
        config.ppo.entropyShare = 0.0;
        QVERIFY(near(schedule.coefficient(config, 0.9), 0.02));
    }

    // A reward that rises for 60 iterations and falls for 40. While it rises steadily the short average stays ahead of the long one.
    void byPerformanceItFallsWhileTheRunEarnsMore()
    {
        const RunConfig config = decaying("performance");
        EntropySchedule schedule;
        QVERIFY(near(schedule.coefficient(config, 0.0), 0.02));
        for (int i = 0; i < 60; ++i)
            schedule.observe(config, 0.01 * i, 0.5, 0.0);
        const double best = schedule.coefficient(config, 0.5);
        QVERIFY(best < 0.02 * std::pow(EntropySchedule::kStep, 50));
        QVERIFY(best >= 0.02 * std::pow(EntropySchedule::kStep, 60) * (1.0 - 1e-9));
        for (int i = 0; i < 40; ++i)
            schedule.observe(config, 0.6 - 0.03 * i, 0.5, 0.0);
        QVERIFY(schedule.coefficient(config, 0.5) > best);
        for (int i = 0; i < 400; ++i)
            schedule.observe(config, -0.6 - 0.03 * i, 0.5, 0.0);
        QVERIFY(near(schedule.coefficient(config, 0.5), 0.02)); // never above where it began
    }

    // What is noise moves it little: by chance alone the averages part by their standard error now and then, both ways.
    void noiseAloneMovesItLittle()
    {
        const RunConfig config = decaying("performance");
        double least = 1.0;
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            EntropySchedule schedule;
            Rng rng(seed, "reward");
            for (int i = 0; i < 300; ++i)
                schedule.observe(config, rng.normal(), 0.5, 0.0);
            least = std::min(least, schedule.coefficient(config, 0.5) / 0.02);
        }
        QVERIFY2(least > std::pow(EntropySchedule::kStep, 40), qPrintable(QString::number(least)));
    }

    // A policy whose entropy answers the coefficient with a lag is kept on the line from 0.6 to nothing.
    void adaptiveKeepsTheEntropyOnItsLine()
    {
        const RunConfig config = decaying("adaptive");
        EntropySchedule schedule;
        double entropy = 0.6;
        for (int i = 0; i < 700; ++i) {
            const double progress = i / 1000.0;
            schedule.observe(config, 0.0, entropy, progress);
            const double target = 0.6 * (1.0 - progress / 0.8);
            if (i > 300)
                QVERIFY2(std::abs(entropy - target) < 0.05, qPrintable(QString("%1: %2 for %3").arg(i).arg(entropy).arg(target)));
            entropy += 0.1 * (0.7 * schedule.coefficient(config, progress) / (schedule.coefficient(config, progress) + 0.02) - entropy);
        }
        QVERIFY(schedule.coefficient(config, 0.5) >= 0.02 / 100.0 && schedule.coefficient(config, 0.5) <= 2.0);
        QCOMPARE(schedule.coefficient(config, 0.85), 0.0);
    }

    void aScheduleIsKept()
    {
        for (const char* decay : {"performance", "adaptive"}) {
            EntropySchedule schedule;
            for (int i = 0; i < 7; ++i)
                schedule.observe(decaying(decay), 0.1 * i, 0.6 - 0.03 * i, 0.1);
            const EntropySchedule read = EntropySchedule::fromJson(parseJson(schedule.toJson().dump(), "test"));
            QVERIFY(read == schedule && !(read == EntropySchedule()));
        }
    }

    // Of markets like those seen the familiarity is about uniform: mean 1/2, a tenth below 1/10. Of another market it is near nothing, until that was seen.
    void familiarityTellsTheKnownFromTheNew()
    {
        torch::manual_seed(3);
        Familiarity familiarity(16);
        QVERIFY(familiarity.of(cluster(0, 10)).equal(torch::full({10}, 0.5)));
        for (int i = 0; i < 20; ++i)
            familiarity.add(torch::cat({cluster(0, 16), cluster(1, 16)}));
        const Tensor known = familiarity.of(torch::cat({cluster(0, 2000), cluster(1, 2000)}));
        QVERIFY2(std::abs(known.mean().item<double>() - 0.5) < 0.06, qPrintable(QString::number(known.mean().item<double>())));
        const double below = (known < 0.1).to(torch::kFloat64).mean().item<double>();
        QVERIFY2(std::abs(below - 0.1) < 0.06, qPrintable(QString::number(below)));
        const double other = familiarity.of(cluster(5, 500)).mean().item<double>();
        QVERIFY2(other < 0.1, qPrintable(QString::number(other)));
        for (int i = 0; i < 16; ++i) // 512: all that is kept
            familiarity.add(cluster(5, 32));
        QVERIFY(familiarity.of(cluster(5, 500)).mean().item<double>() > 0.4);
        QVERIFY(familiarity.of(cluster(0, 500)).mean().item<double>() < 0.1);
        QCOMPARE(familiarity.of(cluster(0, 12).reshape({3, 4, 16})).sizes().vec(), (std::vector<std::int64_t>{3, 4}));
        Familiarity other2(16);
        other2.restore(familiarity.snapshot());
        const Tensor some = cluster(5, 50);
        QVERIFY(other2.of(some).equal(familiarity.of(some)));
        Familiarity narrower(8);
        QVERIFY_EXCEPTION_THROWN(narrower.restore(familiarity.snapshot()), Error);
    }

    // The policy that acts is the one that learns: with temperature and one step an update, the ratio of every sample is 1, so nothing is clipped and the KL is 0.
    void theTemperatureIsThePolicys()
    {
        RunConfig config = tinyConfig();
        config.explore.temperature = 2.0;
        config.explore.familiarity = 0.5;
        config.ppo.epochs = 1;
        config.ppo.stretchesPerMinibatch = 2;
        config.train.steps = 64 * 30; // 8 embeddings an iteration: from the 17th on there are enough
        TrainingRun run;
        double least = 9.0, most = 0.0, acted = 0.0;
        TrainingHooks hooks;
        hooks.afterRollout = [&](std::int64_t iteration, RolloutBuffer& buffer) {
            if (iteration < 17 || iteration >= 24) // the temperature is 1 from 0.8 of the run on
                return;
            least = std::min(least, buffer.temperature.min().item<double>());
            most = std::max(most, buffer.temperature.max().item<double>());
            QVERIFY((buffer.entropyScale - 1.0).abs().max().item<double>() <= 0.5 + 1e-6);
            acted = std::max(acted, buffer.logProbability.max().item<double>());
        };
        run.train(config, false, hooks);
        QVERIFY(least >= 1.0 && most > 1.3 && most <= 3.0 && least < most);
        for (const auto& metrics : run.sink.all<protocol::Metrics>())
            for (const auto& [name, value] : metrics.values) {
                if (name == "approx_kl")
                    QVERIFY2(std::abs(value) < 1e-6, qPrintable(QString::number(value)));
                if (name == "clip_fraction")
                    QCOMPARE(value, 0.0);
                if (name == "familiarity")
                    QVERIFY(value >= 0.0 && value <= 1.0);
            }
    }
};

QTEST_GUILESS_MAIN(ExplorationTest)
#include "tst_exploration.moc"
