// `btcai train --ranks`: processes that train one model together, interrupted, killed and resumed.
#include <csignal>

#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr int kSteps = 256 * 120;

/// Four stretches; long enough to be hit on the way, 256 account steps an iteration.
QStringList rankRun(const QString& data, const QString& run, int ranks = 2)
{
    QStringList tiny = tinyRun();
    tiny[tiny.indexOf("--train.stretches") + 1] = "4";
    return QStringList{"train",
                       "--data",
                       data,
                       "--run",
                       run,
                       "--seed",
                       "7",
                       "--steps",
                       QString::number(kSteps),
                       "--train.checkpoint_every",
                       "10",
                       "--quiet",
                       "--ranks",
                       QString::number(ranks)} +
           tiny;
}

/// The processes that `parent` started.
std::vector<pid_t> childrenOf(qint64 parent)
{
    std::istringstream list(readText(QString("/proc/%1/task/%1/children").arg(parent)));
    std::vector<pid_t> children;
    for (pid_t child = 0; list >> child;)
        children.push_back(child);
    return children;
}

std::string latest(const QString& run) { return readText(run + "/checkpoints/latest"); }

std::string weights(const QString& run)
{
    const QString name = QString::fromStdString(latest(run)).trimmed();
    return readText(run + "/checkpoints/" + name + "/model.safetensors");
}

} // namespace

class TestCliRanks : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_data = m_folder.filePath("btcusd.csv");
        writeText(m_data, wanderingCsv(5000));
        m_whole = m_folder.filePath("whole");
        const CliResult result = runBtcai(rankRun(m_data, m_whole));
        QVERIFY2(result.code == 0, result.shown());
        QVERIFY2(result.err.isEmpty(), result.err);
    }

    // One folder, one record, one set of checkpoints; the manifest says how many ranks.
    void rankZeroAloneWrites()
    {
        const Json manifest = parseJson(readText(m_whole + "/manifest.json"), "manifest");
        QCOMPARE(manifest["ranks"].get<int>(), 2);
        const std::string record = readText(m_whole + "/events.jsonl");
        std::size_t metrics = 0;
        for (std::size_t at = record.find("\"metrics\""); at != std::string::npos; at = record.find("\"metrics\"", at + 1))
            ++metrics;
        QCOMPARE(metrics, std::size_t{kSteps / 256});
    }

    void anInterruptedRunGoesOnAsIfUndisturbed()
    {
        const QString run = m_folder.filePath("interrupted");
        const CliResult result = disturbed(run, [](qint64 id) { ::kill(static_cast<pid_t>(id), SIGINT); });
        QVERIFY2(result.code == 130, result.shown());
        resumesAsUndisturbed(run);
    }

    // kill -9 of rank 1: rank 0 tells which rank died and how, soon, and leaves a checkpoint to go on from.
    void aKilledRankIsNamedAndTheRunResumes()
    {
        const QString run = m_folder.filePath("killed");
        QElapsedTimer sinceKill;
        const CliResult result = disturbed(run, [&](qint64 id) {
            const auto children = childrenOf(id);
            QCOMPARE(children.size(), std::size_t{1});
            ::kill(children.front(), SIGKILL);
            sinceKill.start();
        });
        QVERIFY2(result.code == 3, result.shown());
        QVERIFY2(result.says("rank 1 is lost: its process was ended by signal 9"), result.shown());
        QVERIFY(sinceKill.elapsed() < 20'000);
        resumesAsUndisturbed(run);
    }

    // Whoever kills rank 0 leaves nobody behind.
    void noRankOutlivesRankZero()
    {
        const QString run = m_folder.filePath("orphans");
        std::vector<pid_t> children;
        disturbed(run, [&](qint64 id) {
            children = childrenOf(id);
            for (const qint64 rank : {id, qint64{children.at(0)}}) // gradients go through memory that both have mapped
                QVERIFY(readText(QString("/proc/%1/maps").arg(rank)).find("memfd:btcai-ranks") != std::string::npos);
            ::kill(static_cast<pid_t>(id), SIGKILL);
        });
        QCOMPARE(children.size(), std::size_t{1});
        QTRY_VERIFY_WITH_TIMEOUT(::kill(children.front(), 0) != 0 ||
                                     readText(QString("/proc/%1/stat").arg(children.front())).find(") Z") != std::string::npos,
                                 10'000);
        resumesAsUndisturbed(run);
    }

    // How much faster two ranks are is the machine's affair; that both worked, and what their exchange took, is told.
    void benchTellsOfTheRanks()
    {
        const CliResult result = runBtcai(QStringList{"bench", "train", "--ranks", "2", "--iterations", "2", "--json"} + tinyRun());
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QCOMPARE(json["ranks"].get<int>(), 2);
        QVERIFY(json["share_by_work"]["exchange"].get<double>() > 0.0);
        double works = 0.0;
        for (const auto& share : json["share_by_work"])
            works += share.get<double>();
        QVERIFY(std::abs(works - 1.0) < 1e-6);
    }

    void whatDoesNotFitIsNamed()
    {
        const QString run = m_folder.filePath("refused");
        const CliResult refused = runBtcai(rankRun(m_data, run, 3));
        QVERIFY2(refused.code == 2 && refused.says("train.stretches = 4"), refused.shown());
        QVERIFY(!QFileInfo::exists(run));

        qputenv("RANK", "0");
        const CliResult missing = runBtcai(rankRun(m_data, run));
        qputenv("WORLD_SIZE", "3");
        qputenv("MASTER_ADDR", "127.0.0.1");
        qputenv("MASTER_PORT", "1");
        const CliResult other = runBtcai(rankRun(m_data, run));
        for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
            qunsetenv(name);
        QVERIFY2(missing.code == 2 && missing.says("WORLD_SIZE is missing"), missing.shown());
        QVERIFY2(other.code == 2 && other.says("WORLD_SIZE = 3"), other.shown());
    }

private:
    /// Trains, and once the first checkpoint is there does something to the process.
    CliResult disturbed(const QString& run, const std::function<void(qint64)>& disturb)
    {
        QProcess process;
        process.start(BTCAI_EXECUTABLE, rankRun(m_data, run));
        for (int i = 0; i < 3000 && latest(run).empty() && process.state() != QProcess::NotRunning; ++i)
            process.waitForFinished(10);
        disturb(process.processId());
        return resultOf(process);
    }

    void resumesAsUndisturbed(const QString& run)
    {
        QVERIFY(weights(run) != weights(m_whole)); // else it was disturbed too late
        const CliResult result = runBtcai({"train", "--resume", "--run", run, "--ranks", "2", "--quiet"});
        QVERIFY2(result.code == 0, result.shown());
        QVERIFY(weights(run) == weights(m_whole));
    }

    QTemporaryDir m_folder;
    QString m_data, m_whole;
};

QTEST_GUILESS_MAIN(TestCliRanks)
#include "tst_cli_ranks.moc"
