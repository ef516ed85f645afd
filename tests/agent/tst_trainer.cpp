// The loop on a tiny model: repeatable, resumable bit for bit, stoppable, and safe from NaNs.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include <QTest>

#include "agent/ppo/Checkpoint.h"
#include "base/Error.h"
#include "base/ReadFile.h"
#include "models/ModelFactory.h"
#include "models/ModelFile.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;
namespace fs = std::filesystem;

namespace {

struct Run {
    QTemporaryDir dir;
    fs::path path{fs::path(dir.path().toStdString()) / "run"};
    CollectingSink sink;
    RunControl control;

    TrainingResult train(const RunConfig& config, bool resume = false,
                         std::function<void(std::int64_t, torch::nn::Module&)> hook = {}, BarSeries series = tinySeries())
    {
        RunFolder folder = resume ? RunFolder::open(path) : RunFolder::create(path, config);
        Trainer trainer(folder, config, sink, control, [&](const RunConfig&) { return series; });
        if (hook)
            trainer.setUpdateHook(std::move(hook));
        return trainer.run(resume);
    }

    fs::path finalCheckpoint() const
    {
        const fs::path checkpoints = path / "checkpoints";
        return checkpoints / findCheckpoint(checkpoints, "latest").value();
    }
    std::string finalWeights() const { return readFile(finalCheckpoint() / "model.safetensors", 1 << 26); }
    torch::Tensor firstMoment() const { return readTensorFile(finalCheckpoint() / "optimizer.safetensors").tensors.at("first_moment"); }
};

/// Asks to stop once so many iterations are told.
class StopAfter final : public EventSink {
public:
    StopAfter(RunControl& control, std::int64_t iterations) : m_control(control), m_iterations(iterations) {}
    void send(const protocol::Event& event) override
    {
        if (const auto* metrics = std::get_if<protocol::Metrics>(&event); metrics && metrics->iteration >= m_iterations)
            m_control.stop();
    }

private:
    RunControl& m_control;
    std::int64_t m_iterations;
};

std::vector<torch::Tensor> copyOf(const std::vector<torch::Tensor>& tensors)
{
    std::vector<torch::Tensor> copies;
    for (const torch::Tensor& tensor : tensors)
        copies.push_back(tensor.clone());
    return copies;
}

} // namespace

class TrainerTest : public QObject {
    Q_OBJECT
private slots:
    void sameSeedSameRunOtherSeedOtherRun()
    {
        Run a, b, c;
        RunConfig config = tinyConfig();
        a.train(config);
        b.train(config);
        config.seed = 2;
        c.train(config);
        QVERIFY(a.finalWeights() == b.finalWeights());
        QVERIFY(a.finalWeights() != c.finalWeights());
    }

    /// One update of a minibatch of two stretches, by one thread and by two: the same gradient (the first moment is a tenth of it), and
    /// by two threads twice the same bits.
    void theGradientDoesNotDependOnTheThreads()
    {
        RunConfig config = tinyConfig();
        config.ppo.stretchesPerMinibatch = 2;
        config.ppo.epochs = 1;
        config.ppo.maxGradNorm = 1e6;
        config.train.steps = 64;
        std::vector<torch::Tensor> moments;
        std::vector<std::string> weights;
        for (const std::int64_t threads : {1, 2, 2}) {
            config.threads = threads;
            Run run;
            run.train(config);
            moments.push_back(run.firstMoment());
            weights.push_back(run.finalWeights());
        }
        setThreads(1);
        const double size = moments[0].norm().item<double>();
        QVERIFY(size > 1e-3);
        QVERIFY((moments[1] - moments[0]).norm().item<double>() < 1e-5 * size);
        QVERIFY(weights[1] == weights[2]);
        QVERIFY(weights[0] != weights[1]); // else the second thread had nothing to do
    }

    /// Stopped after each possible iteration and resumed: the weights of the run that was never interrupted.
    void stoppedAndResumedIsUndisturbed()
    {
        const RunConfig config = tinyConfig();
        Run whole;
        whole.train(config);
        for (std::int64_t stop = 1; stop < 10; stop += 2) {
            Run run;
            {
                RunFolder folder = RunFolder::create(run.path, config);
                StopAfter sink(run.control, stop);
                Trainer trainer(folder, config, sink, run.control, [](const RunConfig&) { return tinySeries(); });
                QVERIFY(trainer.run(false).end == TrainingEnd::Stopped);
            }
            Run rest;
            rest.path = run.path;
            QVERIFY(rest.train(config, true).end == TrainingEnd::Finished);
            QVERIFY2(rest.finalWeights() == whole.finalWeights(), qPrintable(QString("stopped after %1").arg(stop)));
            QCOMPARE(rest.sink.all<protocol::Resumed>().front().step, stop * 64);
        }
    }

    void anUpdateChangesTheWeightsAndTellsItsMetrics()
    {
        Run run;
        const TrainingResult result = run.train(tinyConfig());
        const auto metrics = run.sink.all<protocol::Metrics>();
        QCOMPARE(metrics.size(), std::size_t{10});
        QCOMPARE(metrics.back().step, std::int64_t{640});
        for (const auto& m : metrics)
            for (const auto& [name, value] : m.values)
                QVERIFY2(std::isfinite(value) || name == "explained_variance", name.c_str());
        QVERIFY(result.test.has_value());
        QCOMPARE(result.test->rows.size(), std::size_t{4});
        QCOMPARE(run.sink.all<protocol::Evaluation>().size(), std::size_t{4}); // iterations 4 and 8, the end, the test part
        QVERIFY(fs::exists(run.path / "manifest.json"));
    }

    void cashEarnsNothingAndBuyAndHoldFollowsThePrice()
    {
        Run run;
        RunConfig config = tinyConfig();
        config.costs = {.takerFeeBps = 0.0, .halfSpreadBps = 0.0, .impactBps = 0.0, .maxParticipation = 1.0};
        const TrainingResult result = run.train(config);
        const auto& rows = result.test->rows;
        QCOMPARE(rows[3].name, std::string("cash"));
        QCOMPARE(rows[3].totalReturn, 0.0);
        // Without costs, bought at the open of the second bar of the part (which is the close of the first: opens equal the
        // previous close here), held to the last bar that is traded.
        const BarSeries series = tinySeries();
        const auto& time = result.test->time;
        const std::size_t first = series.lowerBound(time.front() - series.intervalSeconds());
        const std::size_t last = series.lowerBound(time.back() - series.intervalSeconds());
        const double expected = series.close()[last] / series.open()[first + 1] - 1.0;
        QVERIFY2(std::abs(rows[2].totalReturn - expected) < 1e-9, qPrintable(QString("%1 against %2").arg(rows[2].totalReturn).arg(expected)));
    }

    void nothingAfterTheTrainingPartChangesTheWeights()
    {
        // The last fifth of the series is changed beyond recognition: what was learned must not.
        const BarSeries series = tinySeries();
        std::vector<Bar> bars;
        for (std::size_t i = 0; i < series.size(); ++i) {
            Bar bar = *series.bar(i);
            if (i > series.size() * 4 / 5)
                bar = {bar.timestamp, bar.open * 3.0, bar.high * 3.0, bar.low * 3.0, bar.close * 3.0, bar.volume * 7.0};
            bars.push_back(bar);
        }
        RunConfig config = tinyConfig();
        Run a, b;
        a.train(config);
        b.train(config, false, {}, BarSeries::fromBars(series.instrument(), series.intervalSeconds(), bars));
        QVERIFY(a.finalWeights() == b.finalWeights());
    }

    void aNanIsCaughtBeforeItIsApplied()
    {
        Run run;
        std::vector<torch::Tensor> before, restored;
        const auto spoil = [&](std::int64_t iteration, torch::nn::Module& network) {
            torch::NoGradGuard guard;
            if (iteration == 3) {
                before = copyOf(network.parameters());
                network.named_parameters()["value_out.bias"].fill_(std::numeric_limits<float>::quiet_NaN());
            }
            if (iteration == 4)
                restored = copyOf(network.parameters());
        };
        run.train(tinyConfig(), false, spoil);
        std::vector<protocol::Notice> caught;
        for (const auto& notice : run.sink.all<protocol::Notice>())
            if (notice.kind == "nan-caught")
                caught.push_back(notice);
        QCOMPARE(caught.size(), std::size_t{1});
        const auto metrics = run.sink.all<protocol::Metrics>();
        const auto rate = [&](std::size_t i) {
            for (const auto& [name, value] : metrics[i].values)
                if (name == "learning_rate")
                    return value;
            return -1.0;
        };
        // Annealed from 10 tenths: iteration 3 (0-based) used 7 tenths of it, the next half of 6 tenths.
        QVERIFY(std::abs(rate(4) / rate(3) - 0.5 * 6.0 / 7.0) < 1e-9);
        QVERIFY(!before.empty());
        QCOMPARE(restored.size(), before.size());
        for (std::size_t i = 0; i < before.size(); ++i)
            QVERIFY(torch::equal(restored[i], before[i]));
        for (const auto& m : metrics)
            for (const auto& [name, value] : m.values)
                if (name == "value_loss")
                    QVERIFY(std::isfinite(value));
    }

    void nanAfterNanEndsTheRunWithTheLastGoodWeights()
    {
        Run run;
        torch::Tensor good;
        const auto spoil = [&](std::int64_t iteration, torch::nn::Module& network) {
            torch::NoGradGuard guard;
            torch::Tensor bias = network.named_parameters()["value_out.bias"];
            if (iteration == 2)
                good = bias.clone();
            if (iteration >= 2)
                bias.fill_(std::numeric_limits<float>::quiet_NaN());
        };
        try {
            run.train(tinyConfig(), false, spoil);
            QFAIL("the run went on");
        } catch (const Error& error) {
            QVERIFY(error.kind() == ErrorKind::Numeric);
        }
        const TensorFile saved = parseTensorFile(run.finalWeights(), "model");
        QVERIFY(torch::equal(saved.tensors.at("value_out.bias"), good));
    }

    void pauseStandsStillAndResumeGoesOn()
    {
        Run run;
        run.control.pause();
        std::thread person([&] {
            QTest::qWait(0);
            while (run.sink.all<protocol::StateChanged>().empty()
                   || run.sink.all<protocol::StateChanged>().back().state != protocol::WorkerState::Paused)
                std::this_thread::yield();
            const std::size_t told = run.sink.all<protocol::Metrics>().size();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            if (run.sink.all<protocol::Metrics>().size() == told && told == 0)
                run.control.resume();
            else
                run.control.stop();
        });
        const TrainingResult result = run.train(tinyConfig());
        person.join();
        QVERIFY(result.end == TrainingEnd::Finished); // stopped, had it moved while paused
    }

    void liveFieldsChangeAndOthersAreRefused()
    {
        Run run;
        run.control.setField("ppo.learning_rate", "0.001");
        run.control.setField("model.width", "32");
        run.control.setField("ppo.clip_range", "-1");
        run.train(tinyConfig());
        int changed = 0, refused = 0;
        for (const auto& notice : run.sink.all<protocol::Notice>())
            (notice.kind == "field-changed" ? changed : refused) += 1;
        QCOMPARE(changed, 1);
        QCOMPARE(refused, 2);
        RunFolder folder = RunFolder::open(run.path);
        QCOMPARE(folder.readConfig().ppo.learningRate, 0.001);
        QCOMPARE(folder.readConfig().model.width, tinyConfig().model.width);
    }

    void otherDataIsRefusedOnResume()
    {
        Run run;
        RunConfig config = tinyConfig();
        run.train(config);
        try {
            run.train(config, true, {}, makeSyntheticMarket({.bars = 2600, .seed = 6}).series);
            QFAIL("taken");
        } catch (const Error& error) {
            QVERIFY(std::string(error.what()).find("hash") != std::string::npos);
        }
    }

    void tooLittleDataIsExplained()
    {
        Run run;
        try {
            run.train(tinyConfig(), false, {}, makeSyntheticMarket({.bars = 400}).series);
            QFAIL("taken");
        } catch (const Error& error) {
            QVERIFY(error.kind() == ErrorKind::BadInput);
        }
    }

    void everyBucketTrains_data()
    {
        QTest::addColumn<int>("bucket");
        for (const Bucket bucket : kBuckets)
            QTest::newRow(std::string(bucketSpec(bucket).name).c_str()) << static_cast<int>(bucket);
    }
    void everyBucketTrains()
    {
        QFETCH(int, bucket);
        RunConfig config = defaultConfig(static_cast<Bucket>(bucket));
        const RunConfig tiny = tinyConfig();
        config.threads = 1;
        config.model.width = 8;
        config.model.heads = 1;
        config.model.layers = 1;
        config.train = tiny.train;
        config.train.rolloutBars = 64;
        config.train.steps = 256 * 2;
        config.account.episodeBars = 128;
        config.ppo = tiny.ppo;
        config.evaluation = tiny.evaluation;
        Run run;
        const std::size_t bars = 16 * static_cast<std::size_t>(config.model.lookbackBars) + 10000; // what is kept between the parts is twice the look-back
        const TrainingResult result = run.train(config, false, {}, makeSyntheticMarket({.bars = bars, .seed = 3}).series);
        QVERIFY(result.end == TrainingEnd::Finished);
        QCOMPARE(result.step, std::int64_t{512});
    }
};

QTEST_GUILESS_MAIN(TrainerTest)
#include "tst_trainer.moc"
