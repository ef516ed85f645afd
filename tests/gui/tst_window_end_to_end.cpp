// The real window and the real worker: training is started, paused, resumed, stopped and opened again by clicks; workers
// and windows are killed. BTCAI_WORKER names another worker program than the one beside the window's.
#include <cmath>
#include <csignal>
#include <fstream>
#include <random>

#include <QLabel>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QTableView>

#include "GuiTest.h"
#include "agent/config/ConfigFile.h"
#include "agent/protocol/EventLog.h"
#include "app/gui/charts/TimeSeriesChart.h"
#include "app/gui/training/RunForm.h"

using namespace btcai;
using namespace btcai::gui;
using namespace btcai::gui::test;

namespace {

constexpr int kPatienceMs = 120000;
const QString kChildFolder = QStringLiteral("BTCAI_TEST_WINDOW_FOLDER");

QString workerProgram() { return qEnvironmentVariable("BTCAI_WORKER", QStringLiteral(BTCAI_BINARIES "/btcai")); }

/// A random walk of 5-minute bars.
void writeBars(const QString& path)
{
    std::mt19937 engine(3);
    std::normal_distribution<double> step(0.0, 0.002);
    std::ofstream out(path.toStdString());
    out << "timestamp,open,high,low,close,volume\n";
    double price = 1000.0;
    for (int i = 0; i < 4000; ++i) {
        const double close = price * std::exp(step(engine));
        out << 1500000000 + 300 * i << ',' << price << ',' << std::max(price, close) * 1.0005 << ',' << std::min(price, close) * 0.9995 << ','
            << close << ',' << 5 + i % 7 << '\n';
        price = close;
    }
}

/// So small that an iteration takes a moment.
RunConfig smallConfig(const QString& bars, std::int64_t steps)
{
    const std::pair<std::string, std::string> settings[] = {
        {"data", bars.toStdString()},   {"threads", "1"},
        {"train.steps", std::to_string(steps)}, {"train.rollout_bars", "32"},
        {"train.stretches", "2"},       {"train.accounts", "2"},
        {"train.checkpoint_every", "2"}, {"train.evaluate_every", "4"},
        {"evaluation.sampled_accounts", "2"}, {"ppo.stretches_per_minibatch", "2"},
        {"ppo.epochs", "1"},            {"model.width", "16"},
        {"model.heads", "2"},           {"model.layers", "1"},
        {"model.head_width", "8"},      {"model.lookback_bars", "16"},
        {"model.patch_bars", "4"},      {"model.horizons", "1,4"}};
    return parseRunConfig("", "test", settings);
}

struct RealWindow : WindowFixture {
    explicit RealWindow(std::int64_t steps = 100000000) : WindowFixture(WorkerOptions().arguments, workerProgram())
    {
        writeBars(dataFile);
        settings->setValue("training/form", QString::fromStdString(toToml(smallConfig(dataFile, steps))));
    }
};

QString status(MainWindow& window) { return find<QLabel>(window, "selectedRunStatus")->text(); }

/// Whether a process is there and not merely waiting to be buried.
bool isAlive(qint64 pid)
{
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line))
        return false;
    const std::size_t state = line.rfind(") ");
    return state != std::string::npos && line[state + 2] != 'Z';
}

protocol::WorkerState lastRecordedState(const std::filesystem::path& run)
{
    return protocol::replayEvents(run / "events.jsonl", [](const protocol::Event&) {}).lastState;
}

std::int64_t lastRecordedStep(const std::filesystem::path& run)
{
    std::int64_t step = 0;
    protocol::replayEvents(run / "events.jsonl", [&](const protocol::Event& event) {
        if (const auto* metrics = std::get_if<protocol::Metrics>(&event))
            step = metrics->step;
    });
    return step;
}

/// What the killed window does: it opens, starts a run by a click, and tells the worker's process id.
int runWindowToBeKilled(QApplication& application, const QString& folder)
{
    RealWindow fixture;
    fixture.workspace = folder.toStdString();
    MainWindow& window = fixture.show();
    type(window, "runName", "orphan");
    click(window, "startButton");
    Run& run = *window.registry().at(0);
    QObject::connect(&run, &Run::touched, [&run, told = false]() mutable {
        if (told || !run.summary().hasCheckpoint)
            return;
        told = true;
        std::printf("worker %lld\n", static_cast<long long>(run.store()->hello()->pid));
        std::fflush(stdout);
    });
    return application.exec();
}

} // namespace

class EndToEndTest : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { QVERIFY2(QFileInfo(workerProgram()).isExecutable(), qPrintable(workerProgram())); }
    void cleanup() { QCOMPARE(takeWarnings(), QString()); }

    void aRunFromStartToReopening()
    {
        RealWindow fixture;
        const std::filesystem::path folder = fixture.workspace / "first";
        std::int64_t steps = 0;
        std::size_t points = 0;
        {
            MainWindow& window = fixture.show();
            type(window, "runName", "first");
            click(window, "startButton");
            Run& run = *window.registry().at(0);
            QTRY_VERIFY_WITH_TIMEOUT(run.store()->metrics() || !run.isLive(), kPatienceMs);
            QVERIFY2(run.store()->metrics(), qPrintable(status(window)));
            auto* const entropy = find<TimeSeriesChart>(window, "entropyChart");
            QTRY_VERIFY_WITH_TIMEOUT(entropy->pointCount(0) >= 2, kPatienceMs);
            for (const char* chart : {"policyLossChart", "valueLossChart", "forecastLossChart", "klChart", "actionChart", "speedChart"})
                QTRY_VERIFY2_WITH_TIMEOUT(find<TimeSeriesChart>(window, chart)->pointCount(0) >= 2, chart, kPatienceMs);

            openTab(window, "Log");
            QTRY_VERIFY(find<QPlainTextEdit>(window, "logText")->toPlainText().contains("running"));
            openTab(window, "Learning");

            click(window, "pauseButton");
            QTRY_COMPARE_WITH_TIMEOUT(status(window), QString("paused"), kPatienceMs);
            const std::int64_t paused = run.store()->step();
            const double uptime = run.store()->heartbeat() ? run.store()->heartbeat()->uptimeSeconds : 0.0;
            QTRY_VERIFY_WITH_TIMEOUT(run.store()->heartbeat() && run.store()->heartbeat()->uptimeSeconds > uptime + 3.0, kPatienceMs);
            QCOMPARE(run.store()->step(), paused); // time went by, steps stood still

            click(window, "resumeButton");
            QTRY_VERIFY_WITH_TIMEOUT(run.store()->step() > paused, kPatienceMs);
            QTRY_VERIFY_WITH_TIMEOUT(run.store()->evaluation("validation"), kPatienceMs);
            click(window, "checkpointButton");
            QTRY_VERIFY_WITH_TIMEOUT(run.store()->lastCheckpoint() && run.store()->lastCheckpoint()->step > paused, kPatienceMs);

            click(window, "stopButton");
            QTRY_COMPARE_WITH_TIMEOUT(status(window), QString("stopped"), kPatienceMs);
            QTRY_COMPARE_WITH_TIMEOUT(window.registry().liveCount(), 0, kPatienceMs);
            steps = run.summary().step;
            points = run.store()->series("entropy")->size();
            window.close();
            QVERIFY(fixture.dialogs.questions.isEmpty());
        }
        QCOMPARE(lastRecordedState(folder), protocol::WorkerState::Stopped);

        MainWindow& window = fixture.show(); // another window, the same folder
        QTRY_COMPARE(find<QLabel>(window, "selectedRunName")->text(), "first");
        QTRY_COMPARE(find<TimeSeriesChart>(window, "entropyChart")->pointCount(0), points);
        QCOMPARE(status(window), "stopped");
        openTab(window, "Equity");
        QTRY_VERIFY(find<QTableView>(window, "evaluationTable")->model()->rowCount() >= 4);
        QTRY_VERIFY(!find<TimeSeriesChart>(window, "equityChart")->isEmpty());
        openTab(window, "Forecast");
        QTRY_VERIFY(!find<TimeSeriesChart>(window, "forecastChart")->isEmpty());
        openTab(window, "Learning");
        click(window, "resumeFromDiskButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY_WITH_TIMEOUT(run.isLive() && run.store()->metrics() && run.store()->metrics()->step > steps, kPatienceMs);
        QVERIFY(run.store()->series("entropy")->size() > points); // the old part is still there
        click(window, "stopButton");
        QTRY_COMPARE_WITH_TIMEOUT(status(window), QString("stopped"), kPatienceMs);
    }

    void aKilledWorkerIsReportedAndResumed()
    {
        RealWindow fixture;
        MainWindow& window = fixture.show();
        click(window, "startButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY_WITH_TIMEOUT(run.store()->lastCheckpoint() || !run.isLive(), kPatienceMs);
        QVERIFY2(run.store()->lastCheckpoint(), qPrintable(status(window)));
        ::kill(static_cast<pid_t>(run.store()->hello()->pid), SIGKILL);
        QTRY_COMPARE_WITH_TIMEOUT(status(window), QString("crashed (killed by signal 9, SIGKILL)"), kPatienceMs);
        QVERIFY(window.isVisible());
        const std::int64_t before = run.store()->lastCheckpoint()->step;
        click(window, "resumeFromDiskButton");
        QTRY_COMPARE_WITH_TIMEOUT(status(window), QString("running"), kPatienceMs);
        QTRY_VERIFY_WITH_TIMEOUT(run.store()->metrics() && run.store()->metrics()->step > before, kPatienceMs);
        const std::vector<double>& x = run.store()->series("entropy")->x();
        QVERIFY(std::ranges::adjacent_find(x, std::greater_equal{}) == x.end()); // no iteration stands there twice
        window.close();
        QTRY_VERIFY_WITH_TIMEOUT(!window.isVisible(), kPatienceMs);
        QCOMPARE(fixture.dialogs.questions, QStringList("Checkpoint and stop 1 run, then close?"));
        QCOMPARE(lastRecordedState(run.summary().folder), protocol::WorkerState::Stopped);
    }

    void aFinishedRunShowsTheTestPart()
    {
        RealWindow fixture(1024);
        MainWindow& window = fixture.show();
        click(window, "startButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY_WITH_TIMEOUT(!run.isLive(), kPatienceMs);
        QVERIFY2(run.status() == RunStatus::Finished, qPrintable(status(window)));
        QVERIFY(run.store()->evaluation("test"));
        QCOMPARE(run.progress(), 1.0);
        QVERIFY(!run.canResumeFromDisk());
        QVERIFY(!find<QPushButton>(window, "resumeFromDiskButton")->isVisible());
    }

    void badDataIsToldAndLeavesTheWindowAlive()
    {
        RealWindow fixture;
        std::ofstream(fixture.dataFile.toStdString()) << "timestamp,open,high,low,close,volume\n1500000000,1,1,1,1,1\n1500000300,1,x,1,1,1\n";
        MainWindow& window = fixture.show();
        click(window, "startButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY_WITH_TIMEOUT(!run.isLive(), kPatienceMs);
        QCOMPARE(run.status(), RunStatus::Failed);
        QVERIFY2(status(window).contains("bars.csv: line 3"), qPrintable(status(window))); // file and line
        QVERIFY(window.isVisible());
    }

    void aKilledWindowLeavesNoWorker()
    {
        QTemporaryDir folder;
        QProcess process;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(kChildFolder, folder.path());
        process.setProcessEnvironment(environment);
        process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        process.start(QCoreApplication::applicationFilePath(), QStringList());
        QByteArray said;
        connect(&process, &QProcess::readyReadStandardOutput, this, [&] { said += process.readAllStandardOutput(); });
        QTRY_VERIFY_WITH_TIMEOUT(said.contains("worker ") && said.endsWith('\n'), kPatienceMs);
        const qint64 worker = said.mid(said.indexOf("worker ") + 7).trimmed().toLongLong();
        QVERIFY(isAlive(worker));
        const std::filesystem::path run = std::filesystem::path(folder.path().toStdString()) / "orphan";
        const std::int64_t step = lastRecordedStep(run);
        process.kill();
        QTRY_VERIFY_WITH_TIMEOUT(!isAlive(worker), kPatienceMs);
        QCOMPARE(lastRecordedState(run), protocol::WorkerState::Stopped); // it wrote a checkpoint and left
        QVERIFY(lastRecordedStep(run) >= step);
        QTRY_COMPARE(process.state(), QProcess::NotRunning);
    }
};

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    if (const QString folder = qEnvironmentVariable(qPrintable(kChildFolder)); !folder.isEmpty()) {
        prepareGuiTest();
        return runWindowToBeKilled(application, folder);
    }
    EndToEndTest test;
    return runGuiTest(argc, argv, test);
}
#include "tst_window_end_to_end.moc"
