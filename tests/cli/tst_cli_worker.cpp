#include <unistd.h>

#include "agent/config/ConfigFile.h"
#include "agent/protocol/Codec.h"
#include "agent/protocol/EventLog.h"
#include "agent/protocol/LineReader.h"
#include "agent/protocol/SessionRules.h"
#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::protocol;
using namespace btcai::test;

namespace {

/// A worker process whose every line is decoded and held to the rules of a session.
class Worker {
public:
    Worker()
    {
        m_process.start(BTCAI_EXECUTABLE, {"worker"});
        m_process.waitForStarted();
    }
    ~Worker()
    {
        m_process.kill();
        m_process.waitForFinished();
    }

    void send(const Command& command) { write(encode(command) + "\n"); }
    void write(const std::string& bytes) { m_process.write(bytes.data(), static_cast<qint64>(bytes.size())); }
    void closeInput() { m_process.closeWriteChannel(); }

    /// Reads on until an event of this kind comes that `fits`; nothing when the worker ends before, or takes too long.
    template <typename T> std::optional<T> next(const std::function<bool(const T&)>& fits = [](const T&) { return true; })
    {
        QElapsedTimer clock;
        clock.start();
        while (clock.elapsed() < 30'000) {
            while (m_read < m_events.size())
                if (const T* found = std::get_if<T>(&m_events[m_read++]); found && fits(*found))
                    return *found;
            if (!m_process.waitForReadyRead(50) && m_process.state() == QProcess::NotRunning && m_process.bytesAvailable() == 0)
                break;
            m_lines.feed(m_process.readAllStandardOutput().toStdString(), [this](std::string_view line) {
                m_events.push_back(decodeEvent(line, "worker"));
                m_rules.onEvent(m_events.back(), "worker");
            });
        }
        return std::nullopt;
    }
    std::optional<StateChanged> state(WorkerState state)
    {
        return next<StateChanged>([state](const StateChanged& change) { return change.state == state; });
    }
    std::optional<Notice> notice(const std::string& part)
    {
        return next<Notice>([&](const Notice& notice) { return notice.message.find(part) != std::string::npos; });
    }
    /// The exit code; -1 for a crash.
    int exitCode()
    {
        if (m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(120'000))
            return -2;
        return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -1;
    }
    QByteArray errors() { return m_process.readAllStandardError(); }
    const SessionRules& rules() const { return m_rules; }
    const std::vector<Event>& events() const { return m_events; }

private:
    QProcess m_process;
    LineReader m_lines;
    SessionRules m_rules;
    std::vector<Event> m_events;
    std::size_t m_read = 0;
};

} // namespace

class TestCliWorker : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_data = m_folder.filePath("btcusd.csv");
        writeText(m_data, wanderingCsv(5000));
        std::vector<FieldOverride> overrides{{"data", m_data.toStdString()}, {"seed", "3"}, {"train.steps", "128000"}};
        const QStringList tiny = tinyRun();
        for (int i = 0; i < tiny.size(); i += 2)
            overrides.emplace_back(tiny[i].mid(2).toStdString(), tiny[i + 1].toStdString());
        m_config = toToml(parseRunConfig("", "test", overrides));
    }

    // Hello first; rubbish and illegal commands are told and change nothing; end of input means stop, with exit code 0.
    void rubbishIsToldAndSurvived()
    {
        Worker worker;
        const auto hello = worker.next<Hello>();
        QVERIFY(hello && worker.events().size() == 1 && hello->protocol == kProtocolVersion && hello->pid > 0);
        worker.write("rubbish\n");
        QVERIFY(worker.notice("not JSON"));
        worker.write("{\"type\":\"explode\"}\n");
        QVERIFY(worker.notice("unknown message type 'explode'"));
        worker.write("{\"type\":\"start\",\"run\":7}\n");
        QVERIFY(worker.notice("'run' is not text"));
        worker.write("{\"type\":\"set\",\"key\":\"seed\",\"value\":1e999}\n");
        QVERIFY(worker.notice("out of range"));
        worker.send(Pause{});
        QVERIFY(worker.notice("command pause is illegal in state ready"));
        QVERIFY(worker.next<Heartbeat>());
        worker.closeInput();
        QVERIFY(worker.state(WorkerState::Stopped));
        QCOMPARE(worker.exitCode(), 0);
        QVERIFY(worker.rules().ended());
    }

    // After a line without end nothing can be trusted: told, and stopped.
    void anEndlessLineStopsTheWorker()
    {
        Worker worker;
        QVERIFY(worker.next<Hello>());
        worker.write(std::string(3 << 20, 'x'));
        QVERIFY(worker.notice("longer than"));
        QVERIFY(worker.state(WorkerState::Stopped));
        QCOMPARE(worker.exitCode(), 0);
    }

    void aBadStartFails_data()
    {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        QTest::addColumn<QString>("says");
        QTest::addColumn<int>("code");
        QTest::newRow("unknown field") << "target_kl =" << "target_k =" << "unknown field 'ppo.target_k'; did you mean 'ppo.target_kl'?" << 2;
        QTest::newRow("out of range") << "clip_range = 0.2" << "clip_range = 7" << "ppo.clip_range = 7: must be between" << 2;
        QTest::newRow("missing data") << "btcusd.csv" << "none.csv" << "none.csv" << 3;
    }
    void aBadStartFails()
    {
        QFETCH(QString, from);
        QFETCH(QString, to);
        QFETCH(QString, says);
        QFETCH(int, code);
        QString config = QString::fromStdString(m_config);
        QVERIFY(config.contains(from));
        Worker worker;
        worker.send(Start{m_folder.filePath("bad-" + QString::fromUtf8(QTest::currentDataTag())).toStdString(), config.replace(from, to).toStdString(), false});
        const auto notice = worker.next<Notice>();
        QVERIFY(notice && notice->level == "error");
        QVERIFY2(notice->message.find(says.toStdString()) != std::string::npos, notice->message.c_str());
        const auto failed = worker.state(WorkerState::Failed);
        QVERIFY(failed && failed->detail == notice->message);
        QCOMPARE(worker.exitCode(), code);
    }

    void aFolderThatIsNoRunFails()
    {
        Worker worker;
        worker.send(Start{m_folder.filePath("no-such-run").toStdString(), "", true});
        QVERIFY(worker.notice("is not the folder of a run"));
        QVERIFY(worker.state(WorkerState::Failed));
        QCOMPARE(worker.exitCode(), 2);
        QVERIFY(!QFileInfo::exists(m_folder.filePath("no-such-run")));
    }

    // The record cannot be written: the listener learns why the run ended.
    void aFullDiskIsTold()
    {
        const QString run = m_folder.filePath("full");
        QDir().mkdir(run);
        QVERIFY(::symlink("/dev/full", (run + "/events.jsonl").toUtf8()) == 0);
        Worker worker;
        worker.send(Start{run.toStdString(), m_config, false});
        QVERIFY(worker.notice("No space left on device"));
        QVERIFY(worker.state(WorkerState::Failed));
        QCOMPARE(worker.exitCode(), 3);
    }

    // Pause stands still, resume goes on, a live field changes and another is refused, a checkpoint comes when asked for, and the end
    // of input ends the run with a checkpoint.
    void aRunObeys()
    {
        const QString run = m_folder.filePath("run");
        Worker worker;
        worker.send(Start{run.toStdString(), m_config, false});
        QVERIFY(worker.state(WorkerState::Preparing));
        QVERIFY(worker.next<RunInfo>());
        QVERIFY(worker.state(WorkerState::Running));
        QVERIFY(worker.next<Metrics>());

        worker.send(Pause{});
        QVERIFY(worker.state(WorkerState::Paused));
        for (int i = 0; i < 2; ++i)
            QVERIFY(worker.next<Heartbeat>()); // one a second
        QVERIFY(std::holds_alternative<StateChanged>(worker.events()[worker.events().size() - 3]));
        worker.send(Resume{});
        QVERIFY(worker.state(WorkerState::Running));
        const auto metrics = worker.next<Metrics>();
        QVERIFY(metrics);

        worker.send(SetField{"ppo.clip_range", "0.11"});
        QVERIFY(worker.notice("ppo.clip_range = 0.11 from step"));
        worker.send(SetField{"model.width", "32"});
        QVERIFY(worker.notice("model.width: is no field that can be changed while a run goes on"));
        worker.send(SetField{"ppo.clip_range", "11"});
        QVERIFY(worker.notice("must be between"));
        worker.send(Start{run.toStdString(), m_config, false});
        QVERIFY(worker.notice("command start is illegal in state running"));
        worker.send(SaveCheckpoint{});
        QVERIFY(worker.next<CheckpointSaved>());

        worker.closeInput();
        QVERIFY(worker.state(WorkerState::Stopping));
        const auto stopped = worker.state(WorkerState::Stopped);
        QVERIFY(stopped && stopped->step > metrics->step);
        QCOMPARE(worker.exitCode(), 0);
        QVERIFY(QFileInfo::exists(run + QString::asprintf("/checkpoints/step-%012lld/checkpoint.json", static_cast<long long>(stopped->step))));
        QVERIFY(readText(run + "/run.toml").find("clip_range = 0.11\n") != std::string::npos);

        // The record holds what came over the wire, heartbeats aside.
        std::vector<std::string> told, recorded;
        for (const Event& event : worker.events())
            if (!std::holds_alternative<Heartbeat>(event))
                told.push_back(encode(event));
        replayEvents((run + "/events.jsonl").toStdString(), [&](const Event& event) { recorded.push_back(encode(event)); });
        QVERIFY(recorded == told);
    }

    // The changed field holds after resuming, too.
    void aStoppedRunIsResumed()
    {
        const QString run = m_folder.filePath("run");
        Worker worker;
        worker.send(Start{run.toStdString(), "", true});
        const auto resumed = worker.next<Resumed>();
        QVERIFY(resumed && resumed->step > 0);
        const auto metrics = worker.next<Metrics>();
        QVERIFY(metrics && metrics->step == resumed->step + 128);
        worker.send(Stop{});
        QVERIFY(worker.state(WorkerState::Stopped));
        QCOMPARE(worker.exitCode(), 0);
        QVERIFY(readText(run + "/run.toml").find("clip_range = 0.11\n") != std::string::npos);
        QVERIFY(readText(run + "/checkpoints/" + QString::fromStdString(readText(run + "/checkpoints/latest")).trimmed() + "/run.toml").find("clip_range = 0.11\n") != std::string::npos);
    }

private:
    QTemporaryDir m_folder;
    QString m_data;
    std::string m_config;
};

QTEST_GUILESS_MAIN(TestCliWorker)
#include "tst_cli_worker.moc"
