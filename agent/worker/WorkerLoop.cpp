#include "agent/worker/WorkerLoop.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <future>
#include <optional>
#include <thread>

#include <csignal>
#include <poll.h>
#include <unistd.h>

#include "agent/config/ConfigFile.h"
#include "agent/ppo/Trainer.h"
#include "agent/protocol/Codec.h"
#include "agent/protocol/LineReader.h"
#include "agent/protocol/SessionRules.h"
#include "agent/worker/StreamSink.h"
#include "base/BuildInfo.h"
#include "base/Error.h"
#include "models/ModelFactory.h"

namespace btcai {

namespace {

using namespace std::chrono_literals;
using protocol::WorkerState;

constexpr auto kHeartbeatInterval = 1s;

std::int64_t residentBytes()
{
    std::ifstream file("/proc/self/statm");
    std::int64_t total = 0;
    std::int64_t resident = 0;
    file >> total >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

/// For what a listener must learn even while the disk is full: the record lacks it then, and the run ends of that anyway.
void tell(StreamSink& sink, const protocol::Event& event)
{
    try {
        sink.send(event);
    } catch (const Error&) {
    }
}

/// The thread that reads commands. Ends at end of input or when told to.
class CommandReader {
public:
    CommandReader(int descriptor, StreamSink& sink, RunControl& control)
        : m_descriptor(descriptor), m_sink(sink), m_control(control), m_thread([this] { loop(); })
    {
    }
    ~CommandReader()
    {
        m_leave = true;
        m_thread.join();
    }

    /// Waits for the start command; nothing when input ended, or stop came, before it.
    std::optional<protocol::Start> waitForStart() { return m_start.get_future().get(); }

private:
    void loop()
    {
        protocol::LineReader lines("commands");
        char bytes[4096];
        while (!m_leave) {
            pollfd ready{m_descriptor, POLLIN, 0};
            if (::poll(&ready, 1, 100) <= 0)
                continue;
            const ssize_t got = ::read(m_descriptor, bytes, sizeof bytes);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                break;
            try {
                lines.feed({bytes, static_cast<std::size_t>(got)}, [this](std::string_view line) { handle(line); });
            } catch (const Error& error) { // an endless line: nothing after it can be trusted
                refuse(error);
                break;
            }
        }
        m_control.stop();
        settleStart(std::nullopt);
    }

    void handle(std::string_view line)
    {
        try {
            const protocol::Command command = protocol::decodeCommand(line, "command");
            const WorkerState state = m_started && m_sink.state() == WorkerState::Ready ? WorkerState::Preparing : m_sink.state();
            if (!protocol::isLegal(command, state))
                throw Error(ErrorKind::Protocol, "command {} is illegal in state {}", protocol::typeName(command),
                            protocol::workerStateName(state));
            std::visit([this](const auto& c) { obey(c); }, command);
        } catch (const Error& error) {
            refuse(error);
        }
    }

    void refuse(const Error& error) { tell(m_sink, protocol::Notice{"warning", "protocol", error.what()}); }

    void obey(const protocol::Start& start) { settleStart(start); }
    void obey(const protocol::Pause&) { m_control.pause(); }
    void obey(const protocol::Resume&) { m_control.resume(); }
    void obey(const protocol::SaveCheckpoint&) { m_control.requestCheckpoint(); }
    void obey(const protocol::SetField& set) { m_control.setField(set.key, set.value); }
    void obey(const protocol::Stop&)
    {
        m_control.stop();
        settleStart(std::nullopt);
    }

    void settleStart(std::optional<protocol::Start> start)
    {
        if (!std::exchange(m_started, true))
            m_start.set_value(std::move(start));
    }

    int m_descriptor;
    StreamSink& m_sink;
    RunControl& m_control;
    std::atomic<bool> m_leave{false};
    bool m_started = false; ///< reader thread only
    std::promise<std::optional<protocol::Start>> m_start;
    std::thread m_thread;
};

/// Tells that the worker lives, also during long computations.
class HeartbeatThread {
public:
    explicit HeartbeatThread(StreamSink& sink) : m_thread([this, &sink] { loop(sink); }) {}
    ~HeartbeatThread()
    {
        {
            const std::lock_guard lock(m_mutex);
            m_leave = true;
            m_wake.notify_all();
        }
        m_thread.join();
    }

private:
    void loop(StreamSink& sink)
    {
        const auto began = std::chrono::steady_clock::now();
        std::unique_lock lock(m_mutex);
        while (!m_wake.wait_for(lock, kHeartbeatInterval, [this] { return m_leave; })) {
            const double uptime = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
            sink.send(protocol::Heartbeat{sink.lastStep(), uptime, residentBytes(), sink.dropped()});
        }
    }

    std::mutex m_mutex;
    std::condition_variable m_wake;
    bool m_leave = false;
    std::thread m_thread;
};

void train(const protocol::Start& start, StreamSink& sink, RunControl& control, LogOptions log)
{
    RunConfig config = start.resume ? RunConfig{} : parseRunConfig(start.configToml, "configuration");
    if (!start.resume)
        config.threads = setThreads(config.threads);
    RunFolder folder = start.resume ? RunFolder::open(start.runFolder) : RunFolder::create(start.runFolder, config);
    if (start.resume)
        config = folder.readConfig();
    log.file = folder.logFile();
    const LogSession logToFolder(log);
    sink.startRecording(folder.eventsFile());
    Trainer trainer(folder, config, sink, control);
    const TrainingResult result = trainer.run(start.resume);
    sink.send(protocol::StateChanged{result.end == TrainingEnd::Finished ? WorkerState::Finished : WorkerState::Stopped,
                                     result.step, ""});
    sink.syncRecord();
}

int fail(StreamSink& sink, ErrorKind kind, const std::exception& error)
{
    logException(error, "training");
    const std::string message = error.what();
    tell(sink, protocol::Notice{"error", std::string(errorKindName(kind)), message});
    tell(sink, protocol::StateChanged{WorkerState::Failed, sink.lastStep(), message});
    return exitCode(kind);
}

} // namespace

int runWorker(int inputDescriptor, int outputDescriptor, const LogOptions& log)
{
    std::signal(SIGPIPE, SIG_IGN); // a reader that went away is an error of write, not the end of the run
    StreamSink sink(outputDescriptor);
    RunControl control;
    try {
        sink.send(protocol::Hello{.version = buildInfo().version, .revision = buildInfo().revision, .pid = ::getpid(),
                                  .device = torch::cuda::is_available() ? "cuda" : "cpu", .libtorch = TORCH_VERSION,
                                  .threads = static_cast<std::int64_t>(std::thread::hardware_concurrency())});
        HeartbeatThread heartbeat(sink);
        CommandReader commands(inputDescriptor, sink, control);
        const auto start = commands.waitForStart();
        if (!start) {
            sink.send(protocol::StateChanged{WorkerState::Stopped, 0, ""});
            return 0;
        }
        train(*start, sink, control, log);
        return 0;
    } catch (const Error& error) {
        return fail(sink, error.kind(), error);
    } catch (const std::exception& error) {
        return fail(sink, ErrorKind::Internal, error);
    }
}

} // namespace btcai
