#include <filesystem>
#include <fstream>

#include <QTemporaryDir>
#include <QTest>

#include "agent/ppo/Checkpoint.h"
#include "base/Error.h"
#include "base/ReadFile.h"
#include "models/ModelFile.h"
#include "tests/support/Failure.h"

using namespace btcai;
using btcai::test::failureOf;
namespace fs = std::filesystem;

namespace {

AgentNetwork makeNetwork(std::uint64_t seed)
{
    torch::manual_seed(seed);
    AgentNetworkOptions options;
    options.encoder = {.features = 2, .width = 8, .patch = 2, .tokens = 2, .layers = 1, .heads = 1};
    options.privateSize = 4;
    return AgentNetwork(options);
}

/// Of a forecaster whose outcomes are a third of a deviation larger each; horizons beyond the first are unfitted.
RunCalibration makeCalibration(const std::string& dataHash, const std::vector<std::int64_t>& horizons)
{
    std::vector<ForecastSample> samples;
    for (int i = 1; i <= 300; ++i)
        samples.push_back({0.001 * i, 0.03, (i % 3 == 0 ? -0.01 : 0.01) * i});
    RunCalibration calibration{.step = 4000, .dataHash = dataHash, .horizons = {}};
    for (const std::int64_t bars : horizons)
        calibration.horizons.push_back({bars, 0.1 / 3.0, bars == horizons.front() ? ForecastCalibration::fit(samples) : ForecastCalibration()});
    return calibration;
}

Checkpoint makeCheckpoint(std::int64_t step)
{
    Checkpoint checkpoint;
    checkpoint.progress = {.iteration = 3, .step = step, .elapsedSeconds = 1.25, .learningRateScale = 0.5, .nanRetries = 1,
                           .bestValidationReturn = -0.125};
    checkpoint.dataHash = "abc";
    checkpoint.configToml = "seed = 1\n";
    checkpoint.environment = {1, 2, 0, 255};
    checkpoint.calibration = makeCalibration("abc", {1, 12, 48});
    return checkpoint;
}

struct Saved {
    AgentNetwork network = makeNetwork(1);
    FlatAdam optimizer{*network};
    QTemporaryDir dir;
    fs::path folder{dir.path().toStdString()};

    std::string save(std::int64_t step, bool best = false, std::int64_t keep = 3)
    {
        return saveCheckpoint(folder, makeCheckpoint(step), network, optimizer, best, keep);
    }
};

void overwrite(const fs::path& file, const std::string& bytes)
{
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

} // namespace

class CheckpointTest : public QObject {
    Q_OBJECT
private slots:
    void everythingComesBack()
    {
        Saved saved;
        saved.optimizer.gradients().fill_(0.5F);
        saved.optimizer.step(0.01, 0.1, 1.0);
        const std::string name = saved.save(4096);
        QCOMPARE(name, std::string("step-000000004096"));
        QCOMPARE(findCheckpoint(saved.folder, "latest").value(), name);
        const Checkpoint read = readCheckpoint(saved.folder / name);
        QVERIFY(read.progress == makeCheckpoint(4096).progress);
        QCOMPARE(read.configToml, makeCheckpoint(1).configToml);
        QVERIFY(read.environment == makeCheckpoint(1).environment);
        QVERIFY(read.calibration == makeCheckpoint(1).calibration && read.calibration->horizons[0].calibration.isFitted());

        AgentNetwork other = makeNetwork(2);
        FlatAdam otherOptimizer(*other);
        loadWeights(saved.folder / name, other, &otherOptimizer);
        QVERIFY(torch::equal(otherOptimizer.parameters(), saved.optimizer.parameters()));
        QVERIFY(torch::equal(otherOptimizer.firstMoment(), saved.optimizer.firstMoment()));
        QVERIFY(torch::equal(otherOptimizer.secondMoment(), saved.optimizer.secondMoment()));
        QCOMPARE(otherOptimizer.steps(), std::int64_t{1});
        QVERIFY(torch::equal(other->parameters()[0], saved.network->parameters()[0]));
    }

    void keepsTheNewestAndTheBest()
    {
        Saved saved;
        for (std::int64_t step = 1; step <= 6; ++step)
            saved.save(step, step == 2, 2);
        QVERIFY(!findCheckpoint(saved.folder, "step-000000000001"));
        QVERIFY(findCheckpoint(saved.folder, "step-000000000002")); // the best
        QVERIFY(!findCheckpoint(saved.folder, "step-000000000004"));
        QVERIFY(findCheckpoint(saved.folder, "step-000000000005"));
        QCOMPARE(findCheckpoint(saved.folder, "best").value(), std::string("step-000000000002"));
        QCOMPARE(findCheckpoint(saved.folder, "latest").value(), std::string("step-000000000006"));
    }

    void latestIsFoundWithoutItsPointer()
    {
        Saved saved;
        saved.save(1);
        saved.save(2);
        fs::remove(saved.folder / "latest");
        QCOMPARE(findCheckpoint(saved.folder, "latest").value(), std::string("step-000000000002"));
        overwrite(saved.folder / "latest", "../../etc");
        QCOMPARE(findCheckpoint(saved.folder, "latest").value(), std::string("step-000000000002"));
        QVERIFY(!findCheckpoint(saved.folder, "best"));
        QVERIFY_EXCEPTION_THROWN(findCheckpoint(saved.folder, "newest"), Error);
    }

    /// Each file cut short, emptied, changed in one byte or taken away is found before anything is loaded.
    void damageIsFound_data()
    {
        QTest::addColumn<QString>("file");
        for (const char* file : {"model.safetensors", "optimizer.safetensors", "environment.bin", "state.json", "run.toml", "calibration.json", "checkpoint.json"})
            QTest::newRow(file) << file;
    }
    void damageIsFound()
    {
        QFETCH(QString, file);
        Saved saved;
        const fs::path folder = saved.folder / saved.save(1);
        const fs::path path = folder / file.toStdString();
        const std::string whole = readFile(path, 1 << 20);
        const torch::Tensor before = saved.optimizer.parameters().clone();
        std::vector<std::string> damaged{"", whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 1)};
        if (file != "checkpoint.json") {
            damaged.push_back(whole);
            damaged.back()[whole.size() / 2] = static_cast<char>(damaged.back()[whole.size() / 2] ^ 1);
        } else {
            damaged.pop_back(); // without its last newline the index is as good as before
        }
        damaged.push_back("\xff missing");
        for (const std::string& bytes : damaged) {
            if (bytes == "\xff missing")
                fs::remove(path);
            else
                overwrite(path, bytes);
            bool refused = false;
            try {
                readCheckpoint(folder);
                loadWeights(folder, saved.network, &saved.optimizer);
            } catch (const Error& error) {
                refused = error.kind() == ErrorKind::Corrupt;
            }
            QVERIFY(refused);
            QVERIFY(torch::equal(saved.optimizer.parameters(), before));
        }
    }

    /// Written before calibrations were kept, or before the first evaluation.
    void aCheckpointWithoutCalibrationIsRead()
    {
        Saved saved;
        Checkpoint checkpoint = makeCheckpoint(1);
        checkpoint.calibration.reset();
        const fs::path folder = saved.folder / saveCheckpoint(saved.folder, checkpoint, saved.network, saved.optimizer, false, 1);
        QVERIFY(!fs::exists(folder / "calibration.json"));
        QVERIFY(!readCheckpoint(folder).calibration);
    }

    void theCalibrationOfAnotherRunIsRefused()
    {
        Saved saved;
        for (const auto& [foreign, said] : {std::pair{makeCalibration("xyz", {1, 12, 48}), "other data"}, {makeCalibration("abc", {1, 12}), "model.horizons"}}) {
            Checkpoint checkpoint = makeCheckpoint(1);
            checkpoint.calibration = foreign;
            const fs::path folder = saved.folder / saveCheckpoint(saved.folder, checkpoint, saved.network, saved.optimizer, false, 1);
            const auto failure = failureOf([&] { readCheckpoint(folder); });
            QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says(said) && failure->says("calibration.json"));
        }
    }

    void unknownFormatIsRefused()
    {
        Saved saved;
        const fs::path folder = saved.folder / saved.save(1);
        std::string index = readFile(folder / "checkpoint.json", 1 << 20);
        index.replace(index.find("\"format\": 1"), 11, "\"format\": 9");
        overwrite(folder / "checkpoint.json", index);
        try {
            readCheckpoint(folder);
            QFAIL("taken");
        } catch (const Error& error) {
            QVERIFY(error.kind() == ErrorKind::Unsupported);
        }
    }

    void anotherNetworkIsRefused()
    {
        Saved saved;
        const fs::path folder = saved.folder / saved.save(1);
        AgentNetworkOptions options = saved.network->options();
        options.headWidth = 16;
        AgentNetwork other(options);
        QVERIFY_EXCEPTION_THROWN(loadWeights(folder, other, nullptr), Error);
    }

    /// An ensemble of another size is told by the field that decides it, and nothing is loaded.
    void anotherNumberOfForecastsIsRefused()
    {
        AgentNetworkOptions options = makeNetwork(1)->options();
        options.horizons = 2;
        options.members = 3;
        AgentNetwork three(options);
        FlatAdam optimizer(*three);
        QTemporaryDir dir;
        const fs::path folder = dir.path().toStdString();
        const std::string name = saveCheckpoint(folder, makeCheckpoint(1), three, optimizer, false, 1);
        options.members = 2;
        AgentNetwork two(options);
        const torch::Tensor before = two->parameters().back().clone();
        const auto failure = failureOf([&] { loadWeights(folder / name, two, nullptr); });
        QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says("forecast.members") && failure->says("forecast_hidden.weight"));
        QVERIFY(torch::equal(two->parameters().back(), before));
        loadWeights(folder / name, three, nullptr);
    }

    /// Forecasts of another distribution are told by the field that decides it, whichever of the two is stored; nothing is loaded, and its own are.
    void anotherForecastDistributionIsRefused()
    {
        AgentNetworkOptions options = makeNetwork(1)->options();
        options.horizons = 2;
        for (const auto stored : {ForecastDistribution::Gaussian, ForecastDistribution::StudentT, ForecastDistribution::Quantiles}) {
            options.distribution = stored;
            AgentNetwork network(options);
            FlatAdam optimizer(*network);
            QTemporaryDir dir;
            const fs::path folder = dir.path().toStdString();
            const std::string name = saveCheckpoint(folder, makeCheckpoint(1), network, optimizer, false, 1);
            for (const auto wanted : {ForecastDistribution::Gaussian, ForecastDistribution::StudentT, ForecastDistribution::Quantiles}) {
                options.distribution = wanted;
                AgentNetwork other(options);
                const torch::Tensor before = other->parameters().back().clone();
                const auto failure = failureOf([&] { loadWeights(folder / name, other, nullptr); });
                QCOMPARE(failure.has_value(), stored != wanted);
                if (!failure)
                    continue;
                QVERIFY(failure->kind == ErrorKind::Corrupt && failure->says("forecast.distribution"));
                QVERIFY(failure->says(std::string(forecastDistributionName(stored)).c_str()));
                QVERIFY(torch::equal(other->parameters().back(), before));
            }
        }
    }

    void aFolderOfTheSameStepIsReplaced()
    {
        Saved saved;
        saved.save(1);
        fs::create_directory(saved.folder / "step-000000000002");   // swapped for the new one
        QCOMPARE(saved.save(2), std::string("step-000000000002"));
        QVERIFY(fs::exists(saved.folder / "step-000000000002" / "checkpoint.json"));
        for (const auto& entry : fs::directory_iterator(saved.folder))
            QVERIFY2(!entry.path().filename().string().starts_with("."), entry.path().c_str());
    }
};

QTEST_GUILESS_MAIN(CheckpointTest)
#include "tst_checkpoint.moc"
