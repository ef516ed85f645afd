#include <QTemporaryDir>
#include <QtTest>

#include <csignal>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/protocol/Codec.h"
#include "agent/protocol/LineReader.h"
#include "agent/worker/StreamSink.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::protocol;
using namespace btcai::test;

namespace {

/// A pipe from the sink to a listener that the test plays.
class Pipe {
public:
    Pipe()
    {
        if (::pipe2(m_ends, O_CLOEXEC) != 0)
            qFatal("no pipe");
    }
    ~Pipe()
    {
        closeReader();
        closeWriter();
    }
    int writer() const { return m_ends[1]; }
    void closeReader() { closeEnd(m_ends[0]); }
    void closeWriter() { closeEnd(m_ends[1]); }

    /// All lines until the writer is closed.
    std::vector<std::string> readAll() const
    {
        LineReader reader;
        std::vector<std::string> lines;
        char bytes[4096];
        for (ssize_t got = 0; (got = ::read(m_ends[0], bytes, sizeof bytes)) > 0;)
            reader.feed({bytes, static_cast<std::size_t>(got)}, [&](std::string_view line) { lines.emplace_back(line); });
        return lines;
    }

private:
    static void closeEnd(int& end)
    {
        if (end >= 0)
            ::close(std::exchange(end, -1));
    }
    int m_ends[2]{};
};

std::vector<std::string> linesOf(const std::filesystem::path& path)
{
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

Metrics metricsOf(std::int64_t step) { return {step, step, step, 0.0, 0.0, {{"entropy", 0.5}}}; }

double cpuSeconds()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

} // namespace

class TestStreamSink : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { std::signal(SIGPIPE, SIG_IGN); }
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    // Both sinks get every event in order; heartbeats are not for the record, which starts with what was sent before it was opened.
    void listenerAndRecordGetTheSameLines()
    {
        Pipe pipe;
        std::vector<std::string> sent, got;
        WorkerState state = WorkerState::Ready;
        std::int64_t lastStep = -1, dropped = -1;
        std::thread listener([&] { got = pipe.readAll(); });
        {
            StreamSink sink(pipe.writer());
            const auto send = [&](const Event& event) {
                sink.send(event);
                sent.push_back(encode(event));
            };
            send(Hello{});
            send(Heartbeat{1, 0.0, 0, 0});
            sink.startRecording(events());
            send(StateChanged{WorkerState::Preparing, 0, ""});
            state = sink.state();
            for (std::int64_t step = 1; step <= 500; ++step)
                send(metricsOf(step));
            lastStep = sink.lastStep();
            dropped = sink.dropped();
            sink.syncRecord();
        }
        pipe.closeWriter();
        listener.join();
        QVERIFY(got == sent);
        QVERIFY(state == WorkerState::Preparing);
        QCOMPARE(lastStep, std::int64_t{500});
        QCOMPARE(dropped, std::int64_t{0});
        std::erase_if(sent, [](const std::string& line) { return line.find("heartbeat") != std::string::npos; });
        QVERIFY(linesOf(events()) == sent);
    }

    // A listener that reads nothing: sending goes on at once, the oldest of what may be dropped is dropped and counted, the record
    // is complete, and leaving takes the two seconds of the farewell and no more.
    void aStuckListenerBlocksNothing()
    {
        Pipe pipe;
        constexpr std::int64_t kCount = 20'000;
        QElapsedTimer clock;
        std::int64_t dropped = 0;
        {
            StreamSink sink(pipe.writer(), 256);
            sink.startRecording(events());
            sink.send(Hello{});
            clock.start();
            for (std::int64_t step = 1; step <= kCount; ++step) {
                sink.send(metricsOf(step));
                if (step % 1000 == 0)
                    sink.send(Notice{"info", "x", std::to_string(step)});
            }
            dropped = sink.dropped();
            QVERIFY(clock.elapsed() < 30'000); // it would hang for ever
            clock.restart();
        }
        QVERIFY2(clock.elapsed() >= 1'000 && clock.elapsed() < 10'000, QByteArray::number(clock.elapsed()));
        QCOMPARE(linesOf(events()).size(), std::size_t(1 + kCount + kCount / 1000));
        QVERIFY(dropped > kCount / 2);
        pipe.closeWriter();
        const auto got = pipe.readAll(); // what had fitted into the pipe
        QVERIFY(got.size() > 10 && std::holds_alternative<Hello>(decodeEvent(got[0], "test")));
    }

    // A listener that comes back late misses metrics, and nothing but metrics; what it gets is in order.
    void onlyWhatMayBeDroppedIsDropped()
    {
        Pipe pipe;
        std::vector<std::string> got;
        std::thread listener;
        std::int64_t dropped = 0;
        {
            StreamSink sink(pipe.writer(), 64);
            for (std::int64_t step = 1; step <= 5000; ++step) {
                sink.send(metricsOf(step));
                if (step % 100 == 0)
                    sink.send(CheckpointSaved{step, "c", false});
            }
            dropped = sink.dropped();
            listener = std::thread([&] { got = pipe.readAll(); });
        }
        pipe.closeWriter();
        listener.join();
        QVERIFY(dropped > 1000);
        std::int64_t checkpoints = 0, metrics = 0, last = 0;
        for (const std::string& line : got) {
            const Event event = decodeEvent(line, "test");
            if (const auto* checkpoint = std::get_if<CheckpointSaved>(&event)) {
                QCOMPARE(checkpoint->step, ++checkpoints * 100);
            } else {
                QVERIFY(std::get<Metrics>(event).step > last);
                last = std::get<Metrics>(event).step;
                ++metrics;
            }
        }
        QCOMPARE(checkpoints, std::int64_t{50});
        QCOMPARE(metrics + dropped, std::int64_t{5000});
    }

    // The listener dies: EPIPE is no error of the run.
    void afterTheListenerHasGoneTheRecordGoesOn()
    {
        Pipe pipe;
        QElapsedTimer clock;
        {
            StreamSink sink(pipe.writer());
            sink.startRecording(events());
            sink.send(Hello{});
            pipe.closeReader();
            for (std::int64_t step = 1; step <= 2000; ++step)
                sink.send(metricsOf(step));
            clock.start();
        }
        QVERIFY(clock.elapsed() < 1'000); // nobody to wait for
        QCOMPARE(linesOf(events()).size(), std::size_t{2001});
    }

    // stdout was closed before the program began: there is no listener, and nothing spins in search of one.
    void aDescriptorThatIsNotOpenIsNoListener()
    {
        const double before = cpuSeconds();
        QElapsedTimer clock;
        {
            StreamSink sink(987);
            sink.startRecording(events());
            sink.send(Hello{});
            QTest::qWait(500);
            clock.start();
        }
        QVERIFY(clock.elapsed() < 1'000);
        QVERIFY(cpuSeconds() - before < 0.25);
        QCOMPARE(linesOf(events()).size(), std::size_t{1});
    }

    // The disk is full: the sender learns of it, and the listener gets the event all the same, so that it can learn why a run ends.
    void aFullDiskDoesNotSilenceTheListener()
    {
        Pipe pipe;
        {
            StreamSink sink(pipe.writer());
            sink.startRecording("/dev/full");
            const auto failure = failureOf([&] { sink.send(Notice{"error", "io", "the last words"}); });
            QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("No space left"));
        }
        pipe.closeWriter();
        const auto got = pipe.readAll();
        QVERIFY(got.size() == 1 && got[0].find("the last words") != std::string::npos);
    }

    void withoutAListenerThereIsTheRecord()
    {
        {
            StreamSink sink(-1);
            sink.startRecording(events());
            sink.send(Hello{});
        }
        QCOMPARE(linesOf(events()).size(), std::size_t{1});
    }

    // From several threads: whole lines, none lost.
    void severalThreadsMaySend()
    {
        Pipe pipe;
        std::vector<std::string> got;
        std::thread listener([&] { got = pipe.readAll(); });
        {
            StreamSink sink(pipe.writer(), 100'000);
            sink.startRecording(events());
            std::vector<std::thread> senders;
            for (int t = 0; t < 4; ++t)
                senders.emplace_back([&sink, t] {
                    for (std::int64_t i = 0; i < 500; ++i)
                        sink.send(Notice{"info", std::to_string(t), std::to_string(i)});
                });
            for (std::thread& sender : senders)
                sender.join();
        }
        pipe.closeWriter();
        listener.join();
        QCOMPARE(got.size(), std::size_t{2000});
        QVERIFY(linesOf(events()) == got);
    }

private:
    std::filesystem::path events() const { return m_folder->filePath("events.jsonl").toStdString(); }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TestStreamSink)
#include "tst_stream_sink.moc"
