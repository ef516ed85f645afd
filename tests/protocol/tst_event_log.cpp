#include <QTemporaryDir>
#include <QtTest>

#include <csignal>
#include <fstream>

#include <sys/resource.h>

#include "agent/protocol/Codec.h"
#include "agent/protocol/EventLog.h"
#include "tests/protocol/RandomMessages.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::protocol;
using namespace btcai::test;

namespace {

std::string readBytes(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void writeBytes(const std::filesystem::path& path, const std::string& bytes)
{
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

Hello helloOf(std::int64_t pid) { return {kProtocolVersion, "1.0.0", "r", pid, "cpu", "1.13", 1}; }

std::string line(const Event& event) { return encode(event) + "\n"; }

std::vector<Event> replay(const std::filesystem::path& path, ReplaySummary* summary = nullptr)
{
    std::vector<Event> events;
    const ReplaySummary got = replayEvents(path, [&](const Event& event) { events.push_back(event); });
    if (summary)
        *summary = got;
    return events;
}

/// No file may grow beyond `bytes` while this lives: the disk is full in the middle of a write.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes)
    {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        const rlimit limit{bytes, m_before.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &m_before); }

private:
    rlimit m_before{};
};

} // namespace

class TestEventLog : public QObject {
    Q_OBJECT

private slots:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void whatIsRecordedIsReplayed()
    {
        const std::string session = readBytes(BTCAI_FIXTURES "/protocol/session-v1.jsonl");
        std::vector<Event> events;
        {
            EventRecorder recorder(path());
            QCOMPARE(recorder.tornBytes(), std::size_t{0});
            std::istringstream lines(session);
            for (std::string text; std::getline(lines, text);) {
                recorder.append(text);
                events.push_back(decodeEvent(text, "fixture"));
            }
            recorder.sync();
            QCOMPARE(readBytes(path()), session); // there at once, not when it closes
        }
        ReplaySummary summary;
        const std::vector<Event> got = replay(path(), &summary);
        QCOMPARE(got.size(), events.size());
        for (std::size_t i = 0; i < got.size(); ++i)
            QCOMPARE(encode(got[i]), encode(events[i]));
        QCOMPARE(summary.lines, std::int64_t(events.size()));
        QVERIFY(!summary.tornLastLine && summary.lastState == WorkerState::Stopped);
    }

    // Cut at every byte of its last line: opening cuts off the torn rest and no more, and appending goes on with a whole line.
    void aTornLastLineIsMended()
    {
        const std::string whole = line(Hello{}) + line(StateChanged{WorkerState::Preparing, 0, ""});
        const std::string last = line(Notice{"info", "x", "ünïcode"});
        for (std::size_t kept = 0; kept < last.size(); ++kept) {
            writeBytes(path(), whole + last.substr(0, kept));
            EventRecorder recorder(path());
            QCOMPARE(recorder.tornBytes(), kept);
            QCOMPARE(readBytes(path()), whole);
            recorder.append(encode(Event(Heartbeat{})));
            QCOMPARE(readBytes(path()), whole + line(Heartbeat{}));
        }
        writeBytes(path(), whole + last);
        QCOMPARE(EventRecorder(path()).tornBytes(), std::size_t{0});
        QCOMPARE(readBytes(path()), whole + last);
    }

    void longTornLinesAreMended_data()
    {
        QTest::addColumn<QByteArray>("torn");
        QTest::newRow("longer than a block") << QByteArray(200'000, 'x');
        QTest::newRow("as long as a block") << QByteArray(64 * 1024, 'x');
        QTest::newRow("zeros that a power cut left") << QByteArray(4096, '\0');
    }
    void longTornLinesAreMended()
    {
        QFETCH(QByteArray, torn);
        for (const std::string& whole : {std::string(), line(Hello{}), line(Hello{}) + line(Notice{"info", "x", std::string(100'000, 'y')})}) {
            writeBytes(path(), whole + torn.toStdString());
            EventRecorder recorder(path());
            QCOMPARE(recorder.tornBytes(), std::size_t(torn.size()));
            QCOMPARE(readBytes(path()), whole);
        }
    }

    void aFullDiskIsAnError()
    {
        EventRecorder recorder("/dev/full");
        const auto failure = failureOf([&] { recorder.append("{}"); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("/dev/full: cannot append an event: No space left"));
    }

    // The disk fills in the middle of a line: what was written of it is cut off again, and the record goes on when there is room.
    void aLineThatDoesNotFitLeavesNothing()
    {
        const std::string first = line(Hello{});
        EventRecorder recorder(path());
        recorder.append(encode(Event(Hello{})));
        std::optional<Failure> failure;
        {
            const FullDisk full(first.size() + 10);
            failure = failureOf([&] { recorder.append(encode(Event(Notice{"info", "x", "longer than ten bytes"}))); });
        }
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("cannot append an event"));
        QCOMPARE(readBytes(path()), first);
        recorder.append(encode(Event(Heartbeat{})));
        QCOMPARE(readBytes(path()), first + line(Heartbeat{}));
    }

    void whatCannotBeOpenedIsNamed()
    {
        const auto failure = failureOf([&] { EventRecorder(path().parent_path()); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says(path().parent_path().string()));
        QVERIFY(failureOf([&] { EventRecorder(path() / "no" / "such"); }));
        const auto missing = failureOf([&] { replay(path()); });
        QVERIFY(missing && missing->kind == ErrorKind::Io && missing->says("events.jsonl"));
    }

    void aTornLastLineIsNoErrorForAReader()
    {
        writeBytes(path(), line(Hello{}) + line(Notice{"info", "x", "y"}) + "{\"type\":\"noti");
        ReplaySummary summary;
        QCOMPARE(replay(path(), &summary).size(), std::size_t{2});
        QVERIFY(summary.tornLastLine);
        QCOMPARE(summary.lines, std::int64_t{2});
        writeBytes(path(), "");
        QVERIFY(replay(path(), &summary).empty());
        QVERIFY(!summary.tornLastLine && summary.lastState == WorkerState::Ready);
    }

    void badLinesAreNamed()
    {
        const std::string head = line(Hello{}) + line(StateChanged{WorkerState::Preparing, 0, ""});
        const auto refusal = [&](const std::string& bytes) {
            writeBytes(path(), bytes);
            const auto failure = failureOf([&] { replay(path()); });
            return failure && failure->kind == ErrorKind::Protocol ? failure->message : "(accepted)";
        };
        const auto at = [&](int number) { return fmt::format("{}:{}: ", path().string(), number); };
        QVERIFY(refusal(head + "garbage\n" + line(Heartbeat{})).starts_with(at(3) + "not JSON"));
        QVERIFY(refusal(head + line(Metrics{}) + line(Heartbeat{})).starts_with(at(3) + "metrics is illegal now (state preparing)"));
        QVERIFY(refusal(head + line(StateChanged{WorkerState::Finished, 0, ""})).starts_with(at(3) + "state tells an illegal move to finished"));
        QVERIFY(refusal(line(Heartbeat{})).starts_with(at(1) + "heartbeat came before hello"));
        QVERIFY(refusal(head + "\n\n" + line(Metrics{})).starts_with(at(5))); // as an editor counts
        const std::string endless = refusal(head + std::string(3 * kMaxLineBytes, 'x') + "\n");
        QVERIFY2(endless.starts_with(at(3)), endless.c_str());
    }

    // A worker that was killed in mid-run, one that stopped, and one that still runs, in one record.
    void severalSessionsStandInOneRecord()
    {
        const std::string killed = line(helloOf(1)) + line(StateChanged{WorkerState::Preparing, 0, ""}) + line(StateChanged{WorkerState::Running, 0, ""}) + line(Metrics{1, 5, 9, 0.0, 0.0, {}});
        const std::string stopped = line(helloOf(2)) + line(StateChanged{WorkerState::Preparing, 0, ""}) + line(Resumed{3, "c"}) + line(StateChanged{WorkerState::Running, 3, ""}) + line(StateChanged{WorkerState::Stopping, 3, ""}) + line(StateChanged{WorkerState::Stopped, 3, ""});
        const std::string runs = line(helloOf(3)) + line(StateChanged{WorkerState::Preparing, 0, ""});
        writeBytes(path(), killed + stopped + runs);
        ReplaySummary summary;
        const auto events = replay(path(), &summary);
        QCOMPARE(events.size(), std::size_t{12});
        QCOMPARE(std::get<Hello>(events[4]).pid, std::int64_t{2});
        QVERIFY(summary.lastState == WorkerState::Preparing);
    }

private:
    std::filesystem::path path() const { return m_folder->filePath("events.jsonl").toStdString(); }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_APPLESS_MAIN(TestEventLog)
#include "tst_event_log.moc"
