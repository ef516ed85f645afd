// One model on two ranks, in two threads over loopback, against one rank: the same data, the same gradient, the same run. Lost ranks and
// malformed variables are named. tests/cli/tst_cli_ranks.cpp has the processes.
#include <filesystem>
#include <map>
#include <thread>

#include <QTest>

#include "agent/distributed/RankGroup.h"
#include "agent/distributed/RankOptions.h"
#include "agent/ppo/Checkpoint.h"
#include "base/ReadFile.h"
#include "models/ModelFactory.h"
#include "models/ModelFile.h"
#include "tests/support/Failure.h"
#include "tests/support/SpoiledTraining.h"

using namespace btcai;
using namespace btcai::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// Four stretches, two to a minibatch: each of two ranks rolls out two and learns one of every minibatch.
RunConfig rankConfig()
{
    RunConfig config = tinyConfig();
    config.train.stretches = 4;
    config.ppo.stretchesPerMinibatch = 2;
    config.train.steps = 128 * 6;
    return config;
}

/// The same with an ensemble of Student-t forecasts, and entries sized by the calibration that rank 0 fits every other iteration.
RunConfig sizedRankConfig()
{
    RunConfig config = rankConfig();
    config.forecast.members = 3;
    config.forecast.distribution = "student-t";
    config.sizing.method = "confidence";
    config.train.evaluateEvery = 2;
    return config;
}

/// The same with replay, exploration and memory.
RunConfig fullRankConfig()
{
    RunConfig config = withEveryMechanism(rankConfig());
    config.train.evaluateEvery = 2;
    return config;
}

/// The same with recurrence.
RunConfig recurrentRankConfig()
{
    RunConfig config = withRecurrence(fullRankConfig());
    config.account.episodeBars = 32; // so that episodes end while others go on remembering
    return config;
}

void addConfigurations()
{
    QTest::addColumn<RunConfig (*)()>("configuration");
    QTest::newRow("plain") << &rankConfig;
    QTest::newRow("ensemble, sized by calibrated confidence") << &sizedRankConfig;
    QTest::newRow("replay, exploration, memory and ensemble") << &fullRankConfig;
    QTest::newRow("recurrence") << &recurrentRankConfig;
}

/// Runs `task` as each rank of a group, in a thread of its own; what a rank throws is kept. `onThisMachine`: as many ranks as they believe to be
/// on one machine, all where it is 0.
std::vector<std::optional<Failure>> asRanks(int size, std::chrono::milliseconds timeout, const std::function<void(RankGroup&)>& task, int onThisMachine = 0)
{
    std::vector<std::optional<Failure>> failures(static_cast<std::size_t>(size));
    std::vector<std::thread> others;
    const auto member = [&](RankOptions options, const RankGroup::Opened& opened) {
        failures[static_cast<std::size_t>(options.rank)] = failureOf([&] {
            RankGroup group(options, opened);
            try {
                task(group);
            } catch (const RankLost&) {
                throw;
            } catch (const Error& error) {
                group.reportFailure(error.what());
                throw;
            }
        });
    };
    RankOptions first{.size = size, .localSize = onThisMachine > 0 ? onThisMachine : size, .timeout = timeout};
    member(first, [&](std::uint16_t port) {
        for (int rank = 1; rank < size; ++rank) {
            RankOptions options = first;
            options.rank = options.localRank = rank;
            options.port = port;
            others.emplace_back([&member, options] { member(options, {}); });
        }
    });
    for (std::thread& other : others)
        other.join();
    return failures;
}

/// What is done to each rank.
using RankHooks = std::function<TrainingHooks(int rank)>;

struct Run {
    QTemporaryDir dir;
    fs::path path{fs::path(dir.path().toStdString()) / "run"};
    CollectingSink sink;
    RunControl control;
    std::vector<std::vector<std::string>> weights; ///< of each rank, at the start of each iteration
    int onThisMachine = 0; ///< as for asRanks

    /// A calibration needs more outcomes than the tiny series has.
    static MarketData data(const RunConfig& config) { return {config.sizing.method == "fixed" ? tinySeries() : smallSeries()}; }

    void trainAlone(const RunConfig& config, bool resume = false, TrainingHooks hooks = {})
    {
        RunFolder folder = resume ? RunFolder::open(path) : RunFolder::create(path, config);
        Trainer trainer(folder, config, sink, control, data);
        trainer.setHooks(std::move(hooks));
        trainer.run(resume);
        setThreads(1);
    }

    std::vector<std::optional<Failure>> train(const RunConfig& config, int ranks, bool resume = false, const RankHooks& hooksOf = {})
    {
        weights.resize(static_cast<std::size_t>(ranks));
        return asRanks(ranks, 10s, [&](RankGroup& group) {
            TrainingHooks hooks = hooksOf ? hooksOf(group.rank()) : TrainingHooks{};
            hooks.beforeRollout = [&, first = hooks.beforeRollout](std::int64_t iteration, torch::nn::Module& network) {
                std::string& bytes = weights[static_cast<std::size_t>(group.rank())].emplace_back();
                for (const torch::Tensor& tensor : network.parameters())
                    bytes.append(static_cast<const char*>(tensor.contiguous().data_ptr()), tensor.nbytes());
                if (first)
                    first(iteration, network);
            };
            if (!group.leads()) {
                Trainer follower(group, data);
                follower.setHooks(hooks);
                follower.run();
                return;
            }
            RunFolder folder = resume ? RunFolder::open(path) : RunFolder::create(path, config);
            Trainer trainer(folder, config, sink, control, data, &group);
            trainer.setHooks(hooks);
            trainer.run(resume);
        }, onThisMachine);
    }

    fs::path checkpoint() const { return path / "checkpoints" / findCheckpoint(path / "checkpoints", "latest").value(); }
    std::string file(const char* name) const { return readFile(checkpoint() / name, 1 << 26); }
    torch::Tensor firstMoment() const { return readTensorFile(checkpoint() / "optimizer.safetensors").tensors.at("first_moment"); }
    double metric(std::size_t iteration, const std::string& name) const
    {
        const protocol::Metrics metrics = sink.all<protocol::Metrics>().at(iteration);
        for (const auto& [key, value] : metrics.values)
            if (key == name)
                return value;
        return std::nan("");
    }
};

/// Stops the run from rank 0 after some iterations.
RankHooks stopAfter(RunControl& control, std::int64_t iterations)
{
    return [&control, iterations](int rank) {
        TrainingHooks hooks;
        if (rank == 0)
            hooks.beforeRollout = [&control, iterations](std::int64_t at, torch::nn::Module&) {
                if (at + 1 == iterations)
                    control.stop();
            };
        return hooks;
    };
}

/// What is done to rank 1 alone, at the start of its iterations.
RankHooks atRankOne(const std::function<void(std::int64_t iteration, torch::nn::Module&)>& task)
{
    return [task](int rank) {
        TrainingHooks hooks;
        if (rank == 1)
            hooks.beforeRollout = task;
        return hooks;
    };
}

bool failed(const std::vector<std::optional<Failure>>& failures)
{
    for (std::size_t rank = 0; rank < failures.size(); ++rank)
        if (failures[rank])
            qWarning("rank %d: %s", static_cast<int>(rank), failures[rank]->message.c_str());
    return std::ranges::any_of(failures, [](const auto& failure) { return failure.has_value(); });
}

} // namespace

class RanksTest : public QObject {
    Q_OBJECT
private slots:
    /// Sums and gathers of small whole numbers, which floats add without rounding: rank r holds r + 1, so three ranks make 6.
    void collectivesAddAndGather()
    {
        const auto failures = asRanks(3, 10s, [](RankGroup& group) {
            const int mine = group.rank() + 1;
            torch::Tensor ones = torch::full({1000}, mine, torch::kFloat32), wide = torch::full({2}, mine, torch::kFloat64);
            group.sum({ones, wide});
            torch::Tensor all = torch::empty({6}, torch::kInt64);
            group.gather(torch::tensor({10 * mine, 10 * mine + 1}, torch::kInt64), all);
            const std::vector<double> ragged = group.gather(std::vector<double>(static_cast<std::size_t>(group.rank()), mine));
            const std::string text = group.share(group.leads() ? "from rank 0" : "not looked at");
            if (!torch::equal(ones, torch::full({1000}, 6.0F)) || !torch::equal(wide, torch::full({2}, 6.0, torch::kFloat64)))
                throw Error(ErrorKind::Internal, "sum");
            if (!torch::equal(all, torch::tensor({10, 11, 20, 21, 30, 31}, torch::kInt64)) || ragged != std::vector<double>{2, 3, 3})
                throw Error(ErrorKind::Internal, "gather");
            if (text != "from rank 0" || group.share() != "")
                throw Error(ErrorKind::Internal, "share");
        });
        QVERIFY(!failed(failures));
    }

    /// Large sums of ranks on one machine go through memory that they share, those of ranks on several through sockets. Turn after turn with
    /// other whole numbers: rank r holds k (r + 1) + i, so three ranks make 6 k + 3 i.
    void largeSumsAreExactOnOneMachineAndOnSeveral_data()
    {
        QTest::addColumn<int>("onThisMachine");
        QTest::newRow("one machine") << 3;
        QTest::newRow("several") << 1;
    }
    void largeSumsAreExactOnOneMachineAndOnSeveral()
    {
        QFETCH(int, onThisMachine);
        const auto failures = asRanks(
            3, 10s,
            [&](RankGroup& group) {
                for (const std::int64_t count : {20'000, 20'000, 50'000}) {
                    for (int k = 0; k < 20; ++k) {
                        const torch::Tensor index = torch::arange(count).to(torch::kFloat32);
                        torch::Tensor large = index + k * (group.rank() + 1), small = torch::full({1}, k, torch::kFloat64);
                        group.sum(k % 2 == 0 ? std::vector{large, small} : std::vector{large});
                        if (!torch::equal(large, 3 * index + 6 * k) || small.item<double>() != (k % 2 == 0 ? 3.0 * k : k))
                            throw Error(ErrorKind::Internal, "sum {} of {}", k, count);
                    }
                }
                const std::string maps = readFile("/proc/self/maps", 1 << 24);
                if ((maps.find("memfd:btcai-ranks") != std::string::npos) != (onThisMachine == 3))
                    throw Error(ErrorKind::Internal, "the other way was taken");
                group.expectEqual(ErrorKind::Internal, "this", "all have looked"); // before a memory goes
            },
            onThisMachine);
        QVERIFY(!failed(failures));
    }

    /// Rank 0 is busy for twice the timeout: with a Hold the other waits for it, without one it leaves.
    void whoeverIsToldToWaitWaits_data()
    {
        QTest::addColumn<bool>("held");
        QTest::newRow("held") << true;
        QTest::newRow("not held") << false;
    }
    void whoeverIsToldToWaitWaits()
    {
        QFETCH(bool, held);
        const auto failures = asRanks(2, 1s, [&](RankGroup& group) {
            if (group.leads()) {
                const RankGroup::Hold hold(held ? &group : nullptr);
                std::this_thread::sleep_for(2s);
            }
            if (group.share("on") != "on")
                throw Error(ErrorKind::Internal, "share");
        });
        QCOMPARE(failures[1].has_value(), !held);
        QCOMPARE(failures[0].has_value(), !held);
    }

    /// One update with one minibatch of all four stretches: the first moment is a tenth of the mean gradient. The ranks' data are those of
    /// one rank: bars, actions and environments, and with them everything that follows from them.
    void theGradientIsThatOfOneRank()
    {
        RunConfig config = rankConfig();
        config.ppo.stretchesPerMinibatch = 4;
        config.ppo.epochs = 1;
        config.ppo.maxGradNorm = 1e6;
        config.train.steps = 128;
        Run alone, two, four;
        alone.trainAlone(config);
        QVERIFY(!failed(two.train(config, 2)));
        QVERIFY(!failed(four.train(config, 4)));
        const torch::Tensor expected = alone.firstMoment();
        const double size = expected.norm().item<double>();
        QVERIFY(size > 1e-3);
        for (const Run* run : {&two, &four}) {
            QVERIFY((run->firstMoment() - expected).norm().item<double>() < 1e-5 * size);
            QVERIFY(run->file("environment.bin") == alone.file("environment.bin"));
            QCOMPARE(run->metric(0, "mean_reward"), alone.metric(0, "mean_reward"));
            QVERIFY(std::abs(run->metric(0, "gate_cnn") - alone.metric(0, "gate_cnn")) < 1e-6);
        }
    }

    /// Six iterations, twelve steps of the optimiser: rounding aside, the learning curve, the weights and the evaluations of one rank.
    void theRunIsThatOfOneRank_data() { addConfigurations(); }
    void theRunIsThatOfOneRank()
    {
        using Configuration = RunConfig (*)();
        QFETCH(Configuration, configuration);
        const RunConfig config = configuration();
        Run ranks, alone;
        QVERIFY(!failed(ranks.train(config, 2)));
        alone.trainAlone(config);
        QCOMPARE(ranks.sink.all<protocol::Metrics>().size(), std::size_t{6});
        for (std::size_t i = 0; i < 6; ++i)
            for (const char* name :
                 {"mean_reward", "policy_loss", "value_loss", "forecast_loss", "entropy", "approx_kl", "grad_norm", "episode_return"}) {
                const double a = ranks.metric(i, name), b = alone.metric(i, name);
                QVERIFY2(std::abs(a - b) <= 1e-3 * std::max(1e-3, std::abs(b)) || (std::isnan(a) && std::isnan(b)),
                         qPrintable(QString("%1 of iteration %2: %3 against %4").arg(name).arg(i).arg(a).arg(b)));
            }
        const torch::Tensor expected = alone.firstMoment();
        QVERIFY((ranks.firstMoment() - expected).norm().item<double>() < 1e-3 * expected.norm().item<double>());
        QCOMPARE(ranks.sink.all<protocol::Evaluation>().size(), alone.sink.all<protocol::Evaluation>().size());
        const auto a = ranks.sink.all<protocol::Evaluation>().back(), b = alone.sink.all<protocol::Evaluation>().back();
        QVERIFY(std::abs(a.rows[0].totalReturn - b.rows[0].totalReturn) < 1e-3);
    }

    /// Of ranks on several machines gradients are summed bucket by bucket during the backward pass, unless somebody looks at a rank's part of them before: on two
    /// ranks, whose sums have one order only, the same bits either way, and those of ranks that share memory.
    void sumsThatOverlapAreTheSameBits_data()
    {
        addConfigurations();
        QTest::newRow("several buckets, of two threads each") << +[] {
            RunConfig config = rankConfig();
            config.model.width = 96;
            config.model.headWidth = 64;
            config.ppo.stretchesPerMinibatch = 4;
            config.threads = 2;
            config.train.steps = 128 * 2;
            return config;
        };
    }
    void sumsThatOverlapAreTheSameBits()
    {
        using Configuration = RunConfig (*)();
        QFETCH(Configuration, configuration);
        RunConfig config = configuration();
        Run overlapping, looking, sharing;
        overlapping.onThisMachine = looking.onThisMachine = 1;
        QVERIFY(!failed(overlapping.train(config, 2)));
        int looks = 0;
        QVERIFY(!failed(looking.train(config, 2, false, [&looks](int rank) {
            TrainingHooks hooks;
            hooks.beforeStep = [&looks, rank](std::int64_t, torch::Tensor&) { looks += rank == 0 ? 1 : 0; };
            return hooks;
        })));
        QVERIFY(looks > 0);
        config.threads *= 2; // which two ranks of a machine divide
        QVERIFY(!failed(sharing.train(config, 2)));
        setThreads(1);
        QVERIFY(overlapping.weights == looking.weights);
        QVERIFY(overlapping.weights == sharing.weights);
    }

    void allRanksHaveTheSameWeights()
    {
        Run run;
        QVERIFY(!failed(run.train(rankConfig(), 2)));
        QVERIFY(!run.weights[0].empty());
        QVERIFY(run.weights[0] == run.weights[1]);
    }

    /// A weight that is changed at rank 1 alone is found when the weights are compared, after iteration 8.
    void weightsThatDriftApartAreNoticed()
    {
        RunConfig config = rankConfig();
        config.train.steps = 128 * 20;
        Run run;
        const auto failures = run.train(config, 2, false, atRankOne([](std::int64_t iteration, torch::nn::Module& network) {
                                            torch::NoGradGuard guard;
                                            if (iteration == 5)
                                                network.parameters()[0].add_(1e-6);
                                        }));
        QVERIFY(failures[0] && failures[0]->says("rank 1 and rank 0 differ in their weights after iteration 8"));
        QVERIFY(failures[1].has_value());
    }

    void otherDataAtARankAreNamed()
    {
        Run run;
        const auto failures = asRanks(2, 10s, [&](RankGroup& group) {
            if (!group.leads()) {
                Trainer(group, [](const RunConfig&) { return MarketData{makeSyntheticMarket({.bars = 2600, .seed = 6}).series}; }).run();
                return;
            }
            RunFolder folder = RunFolder::create(run.path, rankConfig());
            Trainer(folder, rankConfig(), run.sink, run.control, Run::data, &group).run();
        });
        QVERIFY(failures[0] && failures[0]->kind == ErrorKind::BadInput && failures[0]->says("rank 1 and rank 0 differ in market data"));
    }

    /// Stopped and resumed, by as many ranks: the uninterrupted run, byte for byte. By one rank: the same but for rounding.
    void stoppedAndResumedIsUndisturbed_data() { addConfigurations(); }
    void stoppedAndResumedIsUndisturbed()
    {
        using Configuration = RunConfig (*)();
        QFETCH(Configuration, configuration);
        const RunConfig config = configuration();
        Run whole;
        QVERIFY(!failed(whole.train(config, 2)));
        for (const std::int64_t stop : {1, 3}) {
            Run run;
            QVERIFY(!failed(run.train(config, 2, false, stopAfter(run.control, stop))));
            QCOMPARE(run.sink.all<protocol::Metrics>().size(), static_cast<std::size_t>(stop));
            Run rest, single;
            fs::copy(run.path, single.path, fs::copy_options::recursive);
            rest.path = run.path;
            QVERIFY(!failed(rest.train(config, 2, true)));
            for (const char* file : {"model.safetensors", "optimizer.safetensors", "environment.bin"})
                QVERIFY2(rest.file(file) == whole.file(file), file);
            single.trainAlone(config, true);
            const torch::Tensor expected = whole.firstMoment();
            QVERIFY((single.firstMoment() - expected).norm().item<double>() < 1e-3 * expected.norm().item<double>());
        }
    }

    /// Rank 1 fails in its third iteration: rank 0 says so, and keeps the two that were whole; resumed, the run is the undisturbed one.
    void aFailedRankEndsTheRunWithACheckpoint()
    {
        RunConfig config = rankConfig();
        config.train.checkpointEvery = 1000; // only the loss makes one
        Run whole, run;
        QVERIFY(!failed(whole.train(config, 2)));
        const auto failures = run.train(config, 2, false, atRankOne([](std::int64_t iteration, torch::nn::Module&) {
                                            if (iteration == 2)
                                                throw Error(ErrorKind::Io, "the disk of rank 1 is gone");
                                        }));
        QVERIFY(failures[0].has_value());
        QVERIFY2(failures[0]->says("rank 1 failed: the disk of rank 1 is gone"), failures[0]->message.c_str());
        QVERIFY(failures[0]->kind == ErrorKind::Io);
        QCOMPARE(QString::fromStdString(run.checkpoint().filename().string()), QString("step-000000000256"));
        Run rest;
        rest.path = run.path;
        QVERIFY(!failed(rest.train(config, 2, true)));
        QVERIFY(rest.file("model.safetensors") == whole.file("model.safetensors"));
    }

    /// Rank 1 stands still: after the timeout, here a second, rank 0 says so.
    void aSilentRankIsLostAfterTheTimeout()
    {
        const auto began = std::chrono::steady_clock::now();
        std::atomic<bool> over{false};
        const auto failures = asRanks(2, 1s, [&](RankGroup& group) {
            if (group.leads()) {
                torch::Tensor one = torch::ones({1});
                try {
                    group.sum({one});
                } catch (...) {
                    over = true;
                    throw;
                }
            }
            while (!over)
                std::this_thread::sleep_for(5ms);
        });
        QVERIFY(failures[0] && failures[0]->says("rank 1 is lost"));
        QVERIFY(std::chrono::steady_clock::now() - began < 15s);
    }

    void aRankThatNeverComesIsNamed()
    {
        const auto failure = failureOf([] { RankGroup group({.size = 3, .timeout = 1s}); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("rank 1 is lost"));
        RankOptions late{.rank = 1, .size = 2, .timeout = 1s};
        late.port = 9; // nobody listens there
        const auto unreached = failureOf([&] { RankGroup group(late); });
        QVERIFY(unreached && unreached->kind == ErrorKind::Io && unreached->says("MASTER_ADDR"));
    }

    /// Spoiled at rank 1 alone, the iteration is undone at both ranks. What follows is what follows at one rank alone whose iteration was
    /// undone, rounding aside: so weights, accounts, learning rate and random draws are those of the same way back.
    void whatIsNotFiniteAtOneRankIsUndoneAtAll_data()
    {
        QTest::addColumn<QString>("told");
        QTest::newRow("weight before the rollout") << "the network's output";
        QTest::newRow("reward") << "a loss";
        QTest::newRow("gradient") << "a gradient";
        QTest::newRow("weight after the update") << "a weight";
    }
    void whatIsNotFiniteAtOneRankIsUndoneAtAll()
    {
        QFETCH(QString, told);
        const QString place = QTest::currentDataTag();
        const auto third = [](std::int64_t iteration) { return iteration == 2; };
        Run run, alone;
        QVERIFY(!failed(run.train(rankConfig(), 2, false, [&](int rank) { return rank == 1 ? spoilAt(place, third) : TrainingHooks{}; })));
        const std::vector<protocol::Notice> caught = nansCaught(run.sink);
        QCOMPARE(caught.size(), std::size_t{1});
        QVERIFY2(QString::fromStdString(caught[0].message).startsWith(told), caught[0].message.c_str());
        QCOMPARE(run.weights[0].size(), std::size_t{6});
        QVERIFY(run.weights[0] == run.weights[1]);
        QVERIFY(run.weights[0][2] != run.weights[0][1]);
        QVERIFY(run.weights[0][3] == run.weights[0][2]);
        QVERIFY(run.weights[0][4] != run.weights[0][3]);
        alone.trainAlone(rankConfig(), false, spoilAt(place, third));
        for (std::size_t i = 3; i < 6; ++i)
            for (const char* name : {"mean_reward", "learning_rate", "entropy", "grad_norm"})
                QVERIFY2(std::abs(run.metric(i, name) - alone.metric(i, name)) <= 1e-3 * std::max(1e-3, std::abs(alone.metric(i, name))), name);
        QVERIFY(run.file("environment.bin") == alone.file("environment.bin"));
    }

    void nanAfterNanEndsEveryRank()
    {
        Run run;
        const auto failures = run.train(rankConfig(), 2, false, [](int rank) {
            return rank == 1 ? spoilAt("weight before the rollout", [](std::int64_t iteration) { return iteration >= 1; }) : TrainingHooks{};
        });
        for (const auto& failure : failures)
            QVERIFY(failure && failure->kind == ErrorKind::Numeric && failure->says("the network's output was not a finite number"));
        QCOMPARE(nansCaught(run.sink).size(), std::size_t{3});
    }

    void fieldsThatDoNotFitTheRanksAreNamed()
    {
        RunConfig config = rankConfig();
        checkRanks(config, 2);
        const auto stretches = failureOf([&] { checkRanks(config, 3); });
        QVERIFY(stretches && stretches->kind == ErrorKind::BadInput && stretches->says("train.stretches = 4"));
        const auto minibatch = failureOf([&] { checkRanks(config, 4); });
        QVERIFY(minibatch && minibatch->kind == ErrorKind::BadInput && minibatch->says("ppo.stretches_per_minibatch = 2"));
    }

    void variablesAreRead()
    {
        std::map<std::string, std::string> set{
            {"RANK", "3"},       {"WORLD_SIZE", "8"},       {"MASTER_ADDR", "node0"},    {"MASTER_PORT", "29500"},
            {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "2"}, {"BTCAI_RANK_TIMEOUT", "90"}};
        const ReadVariable read = [&](const char* name) { return set.contains(name) ? set[name].c_str() : nullptr; };
        const RankOptions options = ranksFromEnvironment(read).value();
        QVERIFY(options.rank == 3 && options.size == 8 && options.address == "node0" && options.port == 29500);
        QVERIFY(options.localRank == 1 && options.localSize == 2 && options.timeout == 90s);
        for (const char* name : {"LOCAL_RANK", "LOCAL_WORLD_SIZE", "BTCAI_RANK_TIMEOUT"})
            set.erase(name);
        const RankOptions bare = ranksFromEnvironment(read).value();
        QVERIFY(bare.localRank == 0 && bare.localSize == 1 && bare.timeout == 60s);
        set = {{"MASTER_ADDR", "node0"}, {"MASTER_PORT", "29500"}}; // as on some clusters, for whoever wants them
        QVERIFY(!ranksFromEnvironment(read));
    }

    void malformedVariablesAreNamed_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("value"); // null: not set
        for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
            QTest::addRow("%s missing", name) << name << QString();
        QTest::newRow("rank beyond the size") << "RANK"
                                              << "2";
        QTest::newRow("negative rank") << "RANK"
                                       << "-1";
        QTest::newRow("no number") << "RANK"
                                   << "one";
        QTest::newRow("trailing text") << "WORLD_SIZE"
                                       << "2x";
        QTest::newRow("empty number") << "WORLD_SIZE"
                                      << "";
        QTest::newRow("no ranks") << "WORLD_SIZE"
                                  << "0";
        QTest::newRow("empty address") << "MASTER_ADDR"
                                       << "";
        QTest::newRow("port 0") << "MASTER_PORT"
                                << "0";
        QTest::newRow("port too high") << "MASTER_PORT"
                                       << "65536";
        QTest::newRow("local rank") << "LOCAL_RANK"
                                    << "2";
        QTest::newRow("local size") << "LOCAL_WORLD_SIZE"
                                    << "3";
        QTest::newRow("timeout") << "BTCAI_RANK_TIMEOUT"
                                 << "0";
    }
    void malformedVariablesAreNamed()
    {
        QFETCH(QString, name);
        QFETCH(QString, value);
        std::map<std::string, std::string> set{{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "node0"}, {"MASTER_PORT", "29500"}};
        if (value.isNull())
            set.erase(name.toStdString());
        else
            set[name.toStdString()] = value.toStdString();
        const auto failure =
            failureOf([&] { ranksFromEnvironment([&](const char* asked) { return set.contains(asked) ? set[asked].c_str() : nullptr; }); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->message.starts_with(name.toStdString() + (value.isNull() || name == "MASTER_ADDR" ? " is missing" : " = ")),
                 failure->message.c_str());
    }
};

QTEST_GUILESS_MAIN(RanksTest)
#include "tst_ranks.moc"
