// The loop on a tiny model: repeatable, resumable bit for bit, stoppable, and safe from NaNs.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <thread>

#include <QTest>

#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/RolloutBuffer.h"
#include "base/Error.h"
#include "base/Json.h"
#include "base/ReadFile.h"
#include "models/ModelFactory.h"
#include "models/ModelFile.h"
#include "tests/support/Failure.h"
#include "tests/support/SpoiledTraining.h"

using namespace btcai;
using namespace btcai::test;
namespace fs = std::filesystem;

namespace {

using Run = TrainingRun;

std::vector<torch::Tensor> copyOf(const std::vector<torch::Tensor>& tensors)
{
    std::vector<torch::Tensor> copies;
    for (const torch::Tensor& tensor : tensors)
        copies.push_back(tensor.clone());
    return copies;
}

/// From a row on changed beyond recognition: another level, and twice the moves.
BarSeries changedFrom(std::size_t row, const BarSeries& series)
{
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < series.size(); ++i) {
        Bar bar = *series.bar(i);
        const auto changed = [&](double price) { return 3.0 * price * price / series.close()[row]; };
        if (i > row)
            bar = {bar.timestamp, changed(bar.open), changed(bar.high), changed(bar.low), changed(bar.close), bar.volume * 7.0};
        bars.push_back(bar);
    }
    return BarSeries::fromBars(series.instrument(), series.intervalSeconds(), bars);
}

} // namespace

class TrainerTest : public QObject {
    Q_OBJECT

    static void forecasts()
    {
        QTest::addColumn<int>("members");
        QTest::addColumn<QString>("sizing");
        QTest::addColumn<QString>("distribution");
        QTest::newRow("one forecast") << 1 << "fixed" << "gaussian";
        QTest::newRow("three forecasts") << 3 << "fixed" << "gaussian";
        QTest::newRow("sized by a calibrated forecast") << 1 << "confidence" << "gaussian";
        QTest::newRow("sized by a Student-t") << 1 << "confidence" << "student-t";
        QTest::newRow("sized by three forecasts of quantiles") << 3 << "confidence" << "quantiles";
        QTest::newRow("replay, exploration, memory and ensemble") << 0 << "all" << "student-t";
    }

    static void resumesUndisturbed(const RunConfig& config)
    {
        const BarSeries series = smallSeries();
        Run whole;
        whole.train(config, false, {}, series);
        for (std::int64_t stop = 1; stop < 10; stop += 2) {
            Run run;
            {
                RunFolder folder = RunFolder::create(run.path, config);
                StopAfter sink(run.control, stop);
                Trainer trainer(folder, config, sink, run.control, [&](const RunConfig&) { return series; });
                QVERIFY(trainer.run(false).end == TrainingEnd::Stopped);
            }
            Run rest;
            rest.path = run.path;
            QVERIFY(rest.train(config, true, {}, series).end == TrainingEnd::Finished);
            QVERIFY2(rest.finalWeights() == whole.finalWeights(), qPrintable(QString("stopped after %1").arg(stop)));
            QCOMPARE(rest.sink.all<protocol::Resumed>().front().step, stop * 64);
        }
    }

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
    /// by two threads twice the same bits. With an ensemble too, whose members count the bars differently.
    void theGradientDoesNotDependOnTheThreads_data() { forecasts(); }
    void theGradientDoesNotDependOnTheThreads()
    {
        RunConfig config = tinyConfig();
        QFETCH(int, members);
        QFETCH(QString, distribution);
        if (members > 0)
            config.forecast.members = members;
        else
            config = withEveryMechanism(config);
        config.forecast.distribution = distribution.toStdString();
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
    void stoppedAndResumedIsUndisturbed_data() { forecasts(); }
    void stoppedAndResumedIsUndisturbed()
    {
        QFETCH(int, members);
        QFETCH(QString, sizing);
        QFETCH(QString, distribution);
        RunConfig config = tinyConfig();
        if (members > 0) {
            config.forecast.members = members;
            config.sizing.method = sizing.toStdString();
        } else {
            config = withEveryMechanism(config);
            config.train.evaluateEvery = 2; // so that there is something to recall
        }
        config.forecast.distribution = distribution.toStdString();
        resumesUndisturbed(config);
    }

    void stoppedAndResumedInBfloat16IsUndisturbed()
    {
        RunConfig config = tinyConfig();
        config.model.precision = "bfloat16";
        config.sizing.method = "confidence";
        resumesUndisturbed(config);
    }

    void stoppedAndResumedWithRecurrenceIsUndisturbed()
    {
        RunConfig config = withRecurrence(withEveryMechanism(tinyConfig()));
        config.train.evaluateEvery = 2;
        resumesUndisturbed(config);
    }

    void aCheckpointWithoutTheAccountsMemoryIsRefused()
    {
        const RunConfig config = withRecurrence(tinyConfig());
        Run run;
        run.train(config);
        const fs::path file = run.finalCheckpoint() / "checkpoint.json";
        Json index = readJsonFile(file);
        QCOMPARE(index["sha256"].erase("recurrence.safetensors"), std::size_t{1});
        std::ofstream(file) << index.dump();
        const auto failure = failureOf([&] { run.train(config, true); });
        QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says("recurrence.safetensors"));
    }

    /// Where the state says that an action is impossible, it is not taken, whatever the weights.
    void whatIsImpossibleIsNotDone()
    {
        RunConfig config = tinyConfig();
        config.account.actions = "orders";
        config.account.maxPositions = 2;
        config.model.holdBias = 0.0;
        std::int64_t impossible = 0, taken = 0;
        TrainingHooks hooks;
        hooks.afterRollout = [&](std::int64_t, RolloutBuffer& buffer) {
            const torch::Tensor possible = buffer.state.narrow(3, static_cast<std::int64_t>(TradingEnv::kPossibleAt), 2) > 0.0;
            for (const std::int64_t action : {1, 2}) {
                const torch::Tensor isTaken = buffer.action == action, can = possible.select(3, action - 1);
                impossible += (~can).sum().item<std::int64_t>();
                taken += isTaken.sum().item<std::int64_t>();
                QVERIFY(!(isTaken & ~can).any().item<bool>());
            }
        };
        Run run;
        run.train(config, false, hooks);
        QVERIFY(impossible > 20 && taken > 20);
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
        // The parts of the rollout's and of the update's time are no more than the whole.
        for (const auto& m : metrics) {
            std::map<std::string, double> share(m.values.begin(), m.values.end());
            const double rollout = share.at("time_policy") + share.at("time_env");
            const double update = share.at("time_data") + share.at("time_forward") + share.at("time_heads") + share.at("time_backward")
                                  + share.at("time_optimizer");
            QVERIFY(std::abs(share.at("time_encode") + share.at("time_rollout") + share.at("time_update") - 1.0) < 1e-9);
            QVERIFY(rollout > 0.0 && rollout < share.at("time_rollout"));
            QVERIFY(update > 0.0 && update < share.at("time_update"));
            if (m.iteration > 1 && m.iteration % 2 == 1) // one is written after each second iteration, and told by the next
                QVERIFY(share.at("time_checkpoint") > 0.0);
        }
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
        Run a, b;
        a.train(tinyConfig());
        b.train(tinyConfig(), false, {}, changedFrom(tinySeries().size() * 4 / 5, tinySeries()));
        QVERIFY(a.finalWeights() == b.finalWeights());
    }

    /// With entries sized by it, so that it goes into the weights: neither knows of the test part.
    void nothingOfTheTestPartChangesTheCalibration()
    {
        RunConfig config = tinyConfig();
        config.sizing.method = "confidence";
        Run a, b, c;
        const BarSeries series = smallSeries();
        a.train(config, false, {}, series);
        const auto info = a.sink.all<protocol::RunInfo>().front();
        const auto calibrationOf = [](const Run& run) { return readCheckpoint(run.finalCheckpoint()).calibration.value(); };
        const auto at = [&](std::int64_t time) { return static_cast<std::size_t>((time - series.startTime()) / series.intervalSeconds()); };
        b.train(config, false, {}, changedFrom(at(info.testFrom), series));
        QVERIFY(a.finalWeights() == b.finalWeights());
        QVERIFY(calibrationOf(a).horizons == calibrationOf(b).horizons);
        QVERIFY(std::ranges::all_of(calibrationOf(a).horizons, [](const HorizonCalibration& of) { return of.calibration.isFitted(); }));
        QCOMPARE(calibrationOf(a).step, std::int64_t{640});
        c.train(config, false, {}, changedFrom(at(info.validationFrom + (info.validationTo - info.validationFrom) / 2), series));
        QVERIFY(calibrationOf(a).horizons != calibrationOf(c).horizons);
    }

    /// It counts in training from the first evaluation on, and until then the run says once that there is none.
    void trainingIsSizedByTheCalibration()
    {
        std::map<std::pair<std::string, std::int64_t>, std::string> weights;
        for (const char* const method : {"fixed", "confidence"})
            for (const std::int64_t every : {4, 100}) {
                RunConfig config = tinyConfig();
                config.sizing.method = method;
                config.train.evaluateEvery = every;
                Run run;
                run.train(config, false, {}, smallSeries());
                weights[{method, every}] = run.finalWeights();
                const auto notices = run.sink.all<protocol::Notice>();
                const auto said = std::ranges::count(notices, "sizing-uncalibrated", &protocol::Notice::kind);
                QCOMPARE(said, config.sizing.method == "fixed" ? 0 : 1);
            }
        QVERIFY((weights[{"fixed", 4}] == weights[{"fixed", 100}]));
        QVERIFY((weights[{"confidence", 4}] != weights[{"confidence", 100}]));
    }

    /// Wherever it comes from: caught within its own update, weights and moments as before, the learning rate halved.
    void whatIsNotFiniteIsCaughtWithinItsUpdate_data()
    {
        QTest::addColumn<QString>("place");
        QTest::addColumn<QString>("told");
        for (const auto& [place, told] : {std::pair{"weight before the rollout", "the network's output"}, {"observation", "a loss"}, {"reward", "a loss"},
                                          {"old log probability", "a loss"}, {"gradient", "a gradient"}, {"weight after the update", "a weight"}})
            QTest::newRow(place) << place << told;
    }
    void whatIsNotFiniteIsCaughtWithinItsUpdate()
    {
        QFETCH(QString, place);
        QFETCH(QString, told);
        Run run;
        std::vector<torch::Tensor> before, restored;
        TrainingHooks hooks = spoilAt(place, [](std::int64_t iteration) { return iteration == 3; });
        hooks.beforeRollout = [&, spoil = hooks.beforeRollout](std::int64_t iteration, torch::nn::Module& network) {
            if (iteration == 3)
                before = copyOf(network.parameters());
            if (iteration == 4)
                restored = copyOf(network.parameters());
            if (spoil)
                spoil(iteration, network);
        };
        run.train(tinyConfig(), false, hooks);
        const std::vector<protocol::Notice> caught = nansCaught(run.sink);
        QCOMPARE(caught.size(), std::size_t{1});
        QVERIFY2(QString::fromStdString(caught[0].message).startsWith(told), caught[0].message.c_str());
        QVERIFY(caught[0].message.find("try 1 of 3") != std::string::npos);
        const auto metrics = run.sink.all<protocol::Metrics>();
        QCOMPARE(metrics.size(), std::size_t{10});
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

    /// Not only the weights: a run whose one update was undone ends with the accounts of one that never began, else with others.
    void theAccountsAreRestoredToo()
    {
        RunConfig config = withRecurrence(tinyConfig());
        config.train.steps = 64; // one iteration
        Run undone, learned, stopped;
        undone.train(config, false, spoilAt("gradient", [](std::int64_t) { return true; }));
        learned.train(config);
        stopped.control.stop();
        stopped.train(config);
        const auto accountsOf = [](const Run& run) { return readCheckpoint(run.finalCheckpoint()).environment; };
        QCOMPARE(nansCaught(undone.sink).size(), std::size_t{1});
        QVERIFY(accountsOf(undone) == accountsOf(stopped));
        QVERIFY(accountsOf(undone) != accountsOf(learned));
        const auto remembered = [](const Run& run) { return readCheckpoint(run.finalCheckpoint()).recurrence.value().tensors.at("memory").abs().max().item<float>(); };
        QCOMPARE(remembered(undone), 0.0F);
        QVERIFY(remembered(learned) > 0.0F);
    }

    void nanAfterNanEndsTheRunWithTheLastGoodWeights_data()
    {
        QTest::addColumn<QString>("place");
        for (const char* place : {"weight before the rollout", "reward", "gradient", "weight after the update"})
            QTest::newRow(place) << place;
    }
    /// Three retries are told, the fourth failure in a row ends the run and says what was not finite.
    void nanAfterNanEndsTheRunWithTheLastGoodWeights()
    {
        QFETCH(QString, place);
        Run run;
        torch::Tensor good;
        TrainingHooks hooks = spoilAt(place, [](std::int64_t iteration) { return iteration >= 2; });
        hooks.beforeRollout = [&, spoil = hooks.beforeRollout](std::int64_t iteration, torch::nn::Module& network) {
            if (iteration == 2)
                good = network.named_parameters()["value_out.bias"].detach().clone();
            if (spoil)
                spoil(iteration, network);
        };
        const auto failure = failureOf([&] { run.train(tinyConfig(), false, hooks); });
        QVERIFY(failure && failure->kind == ErrorKind::Numeric && failure->says("4 updates in a row"));
        const std::vector<protocol::Notice> caught = nansCaught(run.sink);
        QCOMPARE(caught.size(), std::size_t{3});
        const std::string what = caught[0].message.substr(0, caught[0].message.find(" was not"));
        QVERIFY(failure->says(what + " was not a finite number"));
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
