// kill -9 at ten moments, then resume: the weights of the run that was never disturbed, byte for byte.
#include <csignal>
#include <filesystem>

#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include "agent/ppo/Checkpoint.h"
#include "base/ReadFile.h"
#include "base/Rng.h"
#include "data/bars/BarStore.h"
#include "data/dataset/SyntheticMarket.h"

using namespace btcai;
namespace fs = std::filesystem;

namespace {

QStringList trainArguments(const QString& data, const QString& run)
{
    return {"train", "--data", data, "--run", run, "--threads", "1", "--seed", "3", "--quiet",
            "--model.width", "16", "--model.heads", "2", "--model.layers", "1", "--model.lookback_bars", "32",
            "--model.patch_bars", "4", "--model.horizons", "1,4", "--train.rollout_bars", "64", "--train.stretches", "4",
            "--train.accounts", "4", "--account.episode_bars", "256", "--train.checkpoint_every", "2",
            "--train.evaluate_every", "25", "--evaluation.sampled_accounts", "2", "--steps", "102400"};
}

std::string weights(const QString& run)
{
    const fs::path checkpoints = fs::path(run.toStdString()) / "checkpoints";
    const auto latest = findCheckpoint(checkpoints, "latest");
    return latest ? readFile(checkpoints / *latest / "model.safetensors", 1 << 26) : std::string();
}

} // namespace

class KillResumeTest : public QObject {
    Q_OBJECT
private slots:
    void killedTenTimesAndResumed()
    {
        QTemporaryDir dir;
        const QString data = dir.filePath("market.h5");
        BarStore::write(makeSyntheticMarket({.bars = 6000, .seed = 9}).series, data.toStdString());

        const QString undisturbed = dir.filePath("undisturbed");
        QElapsedTimer timer;
        timer.start();
        QCOMPARE(QProcess::execute(BTCAI_EXECUTABLE, trainArguments(data, undisturbed)), 0);
        const auto duration = static_cast<double>(timer.elapsed());
        QVERIFY(!weights(undisturbed).empty());

        // Each moment is measured from the start of its process; together they come to most of a run, so all ten hit it.
        const QString run = dir.filePath("killed");
        Rng rng(1, "kill-moments");
        int killed = 0;
        for (int i = 0; i < 10; ++i) {
            const bool resume = fs::exists((run + "/run.toml").toStdString());
            QProcess process;
            process.start(BTCAI_EXECUTABLE, resume ? QStringList{"train", "--resume", "--quiet", "--run", run} : trainArguments(data, run));
            QVERIFY(process.waitForStarted());
            const auto moment = static_cast<int>(duration * (0.01 + 0.14 * rng.uniform()));
            if (!process.waitForFinished(moment)) {
                ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
                QVERIFY(process.waitForFinished());
                QCOMPARE(process.exitStatus(), QProcess::CrashExit);
                ++killed;
            }
        }
        QCOMPARE(killed, 10);
        const bool resume = fs::exists((run + "/run.toml").toStdString());
        QCOMPARE(QProcess::execute(BTCAI_EXECUTABLE, resume ? QStringList{"train", "--resume", "--quiet", "--run", run} : trainArguments(data, run)), 0);
        QVERIFY(weights(run) == weights(undisturbed));
        qInfo("killed %d times over a run of %.1f s", killed, duration / 1000.0);
    }
};

QTEST_GUILESS_MAIN(KillResumeTest)
#include "tst_kill_resume.moc"
