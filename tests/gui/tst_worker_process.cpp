// The worker process and the conversation with it, against a helper that plays well- and ill-behaved workers.
#include <csignal>

#include <QElapsedTimer>
#include <QSignalSpy>

#include "GuiTest.h"
#include "app/gui/training/WorkerProcess.h"

using namespace btcai;
using namespace btcai::gui;
using namespace btcai::protocol;

namespace {

constexpr int kPatienceMs = 20000;

struct Listener {
    explicit Listener(QStringList script, WorkerOptions options = {})
    {
        options.program = QStringLiteral(BTCAI_FAKE_WORKER);
        options.arguments = std::move(script);
        process = std::make_unique<WorkerProcess>(options);
        QObject::connect(process.get(), &WorkerProcess::eventArrived, [this](const Event& event) { events.push_back(event); });
        QObject::connect(process.get(), &WorkerProcess::logLine, [this](const QString& line) { log << line; });
        QObject::connect(process.get(), &WorkerProcess::respondingChanged, [this](bool yes) { responding.push_back(yes); });
        QObject::connect(process.get(), &WorkerProcess::ended, [this](const WorkerEnd& end) { ends.push_back(end); });
    }
    void start() { process->start({"/nowhere/run", "seed = 1\n", false}); }
    template <typename T> std::size_t count() const
    {
        return static_cast<std::size_t>(std::ranges::count_if(events, [](const Event& e) { return std::holds_alternative<T>(e); }));
    }
    bool reached(WorkerState state) const { return process->state() == state && process->helloSeen(); }

    std::unique_ptr<WorkerProcess> process;
    std::vector<Event> events;
    QStringList log;
    std::vector<bool> responding;
    std::vector<WorkerEnd> ends;
};

} // namespace

class WorkerProcessTest : public QObject {
    Q_OBJECT
private slots:
    void anObedientWorkerIsStartedPausedResumedAndStopped()
    {
        Listener worker({"hello", "serve"});
        worker.start();
        QTRY_VERIFY(worker.reached(WorkerState::Running));
        QTRY_VERIFY(worker.count<Metrics>() >= 3);
        QVERIFY(worker.process->send(Pause{}));
        QTRY_VERIFY(worker.reached(WorkerState::Paused));
        const std::size_t whenPaused = worker.count<Metrics>();
        const std::size_t beats = worker.count<Heartbeat>();
        QTRY_VERIFY(worker.count<Heartbeat>() >= beats + 2);
        QCOMPARE(worker.count<Metrics>(), whenPaused);
        QVERIFY(worker.process->send(Resume{}));
        QTRY_VERIFY(worker.count<Metrics>() > whenPaused);
        worker.process->requestStop();
        worker.process->requestStop();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Stopped);
        QVERIFY(!worker.process->send(Pause{}));
    }

    void anIllegalCommandIsNotSent()
    {
        Listener worker({"hello", "await", "start", "state", "preparing", "hang"});
        worker.start();
        QVERIFY(!worker.process->send(Pause{})); // before hello
        QTRY_VERIFY(worker.reached(WorkerState::Preparing));
        QVERIFY(!worker.process->send(SetField{"ppo.clip_range", "0.1"}));
        worker.process->kill();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
    }

    void brokenProtocol_data()
    {
        QTest::addColumn<QStringList>("script");
        QTest::addColumn<QString>("says");
        QTest::newRow("another version") << QStringList{"hello-version", "99", "hang"} << "protocol version 99";
        QTest::newRow("garbage at once") << QStringList{"garbage", "hang"} << "line 1";
        QTest::newRow("garbage later") << QStringList{"hello", "garbage", "hang"} << "line 2";
        QTest::newRow("an endless line") << QStringList{"endless"} << "longer than";
        QTest::newRow("no hello first") << QStringList{"metrics", "1", "hang"} << "before hello";
        QTest::newRow("unknown type") << QStringList{"hello", "line", R"({"type":"gossip"})", "hang"} << "gossip";
        QTest::newRow("missing field") << QStringList{"hello", "line", R"({"type":"notice","level":"info"})", "hang"} << "kind";
        QTest::newRow("illegal now") << QStringList{"hello", "metrics", "1", "hang"} << "illegal now";
        QTest::newRow("illegal move") << QStringList{"hello", "state", "finished", "hang"} << "illegal move";
        QTest::newRow("twice hello") << QStringList{"hello", "hello", "hang"} << "twice";
    }
    void brokenProtocol()
    {
        QFETCH(QStringList, script);
        QFETCH(QString, says);
        Listener worker(script);
        worker.start();
        QTRY_COMPARE_WITH_TIMEOUT(worker.ends.size(), std::size_t{1}, kPatienceMs);
        QCOMPARE(worker.ends[0].how, WorkerEnding::BrokeProtocol);
        QVERIFY2(worker.ends[0].text.contains(says), qPrintable(worker.ends[0].text));
        QVERIFY2(worker.ends[0].text.size() < 600, "the message must not repeat what was sent at length");
    }

    void aCrashNamesTheSignal_data()
    {
        QTest::addColumn<int>("signal");
        QTest::addColumn<QString>("text");
        QTest::newRow("kill") << SIGKILL << "crashed (killed by signal 9, SIGKILL)";
        QTest::newRow("segmentation fault") << SIGSEGV << "crashed (killed by signal 11, SIGSEGV)";
        QTest::newRow("abort") << SIGABRT << "crashed (killed by signal 6, SIGABRT)";
    }
    void aCrashNamesTheSignal()
    {
        QFETCH(int, signal);
        Listener worker({"hello", "await", "start", "state", "preparing", "state", "running", "metrics", "3", "signal",
                         QString::number(signal)});
        worker.start();
        QTRY_COMPARE_WITH_TIMEOUT(worker.ends.size(), std::size_t{1}, kPatienceMs);
        QCOMPARE(worker.ends[0].how, WorkerEnding::Crashed);
        QTEST(worker.ends[0].text, "text");
        QCOMPARE(worker.count<Metrics>(), std::size_t{3}); // what it said before is not lost
    }

    void anExitWithoutAWordIsReportedWithItsLastLogLine()
    {
        Listener worker({"hello", "log", "libtorch is missing", "exit", "7"});
        worker.start();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Exited);
        QCOMPARE(worker.ends[0].text, "left with exit code 7: libtorch is missing");
        QCOMPARE(worker.log, QStringList("libtorch is missing"));
    }

    void aFailureTellsItsReason()
    {
        Listener worker({"hello", "await", "start", "state", "preparing", "line",
                         R"({"type":"notice","level":"error","kind":"bad-input","message":"bars.csv:3: not a number"})", "state", "failed"});
        worker.start();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Failed);
        QCOMPARE(worker.ends[0].text, "failed: bars.csv:3: not a number");
    }

    void aMissingProgramIsReported()
    {
        WorkerOptions options;
        options.program = "/nowhere/btcai";
        WorkerProcess process(options);
        QSignalSpy ended(&process, &WorkerProcess::ended);
        process.start({"/nowhere/run", "", false});
        QTRY_COMPARE(ended.count(), 1);
        const auto end = ended[0][0].value<WorkerEnd>();
        QCOMPARE(end.how, WorkerEnding::NeverStarted);
        QVERIFY(end.text.contains("/nowhere/btcai"));
    }

    void silenceBeforeHelloEndsIt()
    {
        WorkerOptions options;
        options.helloTimeoutMs = 300;
        Listener worker({"hang"}, options);
        worker.start();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::NoHello);
    }

    void silenceLaterIsNotACrash()
    {
        WorkerOptions options;
        options.silentAfterMs = 200;
        Listener worker({"hello", "await", "start", "state", "preparing", "await", "stop", "state", "stopping", "state", "stopped"}, options);
        worker.start();
        QTRY_COMPARE(worker.responding, std::vector<bool>{false});
        QVERIFY(worker.ends.empty());
        worker.process->requestStop();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Stopped);
        QCOMPARE(worker.responding, (std::vector<bool>{false, true}));
    }

    void oneThatDoesNotStopIsKilledAfterItsTime()
    {
        WorkerOptions options;
        options.stopTimeoutMs = 300;
        Listener worker({"hello", "await", "start", "state", "preparing", "hang"}, options);
        worker.start();
        QTRY_VERIFY(worker.reached(WorkerState::Preparing));
        worker.process->requestStop();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Killed);
    }

    void oneThatDoesNotLeaveAfterItsLastWordIsEnded()
    {
        WorkerOptions options;
        options.leaveTimeoutMs = 200;
        Listener worker({"hello", "await", "start", "state", "preparing", "state", "stopping", "state", "stopped", "hang"}, options);
        worker.start();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Stopped);
    }

    void stopBeforeHelloStillStops()
    {
        Listener worker({"hello", "serve"});
        worker.start();
        worker.process->requestStop();
        QTRY_COMPARE(worker.ends.size(), std::size_t{1});
        QCOMPARE(worker.ends[0].how, WorkerEnding::Stopped);
    }

    void destroyingTheObjectLeavesNoProcess()
    {
        Listener worker({"hello", "serve"});
        worker.start();
        QTRY_VERIFY(worker.reached(WorkerState::Running));
        const auto pid = static_cast<pid_t>(worker.process->processId());
        worker.process.reset();
        QCOMPARE(::kill(pid, 0), -1);
    }
};

BTCAI_GUI_TEST(WorkerProcessTest)
#include "tst_worker_process.moc"
