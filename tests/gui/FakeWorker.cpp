// Plays a worker for the tests of the window: says what its arguments tell it to say, then behaves or misbehaves.
//
//   hello            the proper first line          hello-version N  one of another protocol version
//   line TEXT        this line                      garbage          bytes that are no message
//   endless          a line that never ends         await COMMAND    reads commands until one of that type came
//   state NAME       tells a state                  metrics N        N iterations
//   log TEXT         a line on stderr               signal N         kills itself by a signal
//   exit N           leaves with that code          hang             ignores everything, input's end included
//   serve            a whole obedient worker: reads commands and does as they say until told to stop
//   rate N           with serve: so many metrics a second
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>

#include <poll.h>
#include <unistd.h>

#include "agent/protocol/Codec.h"
#include "agent/protocol/LineReader.h"
#include "base/Error.h"

using namespace btcai::protocol;

namespace {

std::string g_input;
double g_rate = 50.0;
long g_iteration = 0;

void writeAll(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (written <= 0)
            std::_Exit(0);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void say(const Event& event) { writeAll(encode(event) + '\n'); }

void sayHello()
{
    Hello hello;
    hello.version = "0.1.0";
    hello.revision = "test";
    hello.pid = ::getpid();
    hello.device = "cpu";
    hello.libtorch = "none";
    hello.threads = 1;
    say(hello);
}

void sayMetrics()
{
    Metrics metrics;
    metrics.iteration = ++g_iteration;
    metrics.step = 100 * g_iteration;
    metrics.totalSteps = 1'000'000;
    metrics.elapsedSeconds = 0.1 * double(g_iteration);
    metrics.remainingSeconds = 60.0;
    metrics.values = {{"episode_return", double(g_iteration % 7)}, {"policy_loss", 0.01}, {"account_steps_per_s", 1000.0},
                      {"share_hold", 0.5}, {"share_buy", 0.25}, {"share_sell", 0.25}};
    say(metrics);
}

/// The next whole line of the input; empty when there is none within the time; ends the program when the input ended.
std::string readLine(int timeoutMs)
{
    for (;;) {
        if (const std::size_t newline = g_input.find('\n'); newline != std::string::npos) {
            std::string line = g_input.substr(0, newline);
            g_input.erase(0, newline + 1);
            return line;
        }
        pollfd descriptor{STDIN_FILENO, POLLIN, 0};
        if (::poll(&descriptor, 1, timeoutMs) <= 0)
            return {};
        char block[4096];
        const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
        if (got <= 0)
            std::_Exit(0);
        g_input.append(block, static_cast<std::size_t>(got));
    }
}

void await(std::string_view type)
{
    for (;;) {
        const std::string line = readLine(-1);
        if (typeName(decodeCommand(line, "stdin")) == type)
            return;
    }
}

void state(WorkerState next, const char* detail = "") { say(StateChanged{next, 100 * g_iteration, detail}); }

void sayRunInfo(const Start& start)
{
    RunInfo info;
    info.runFolder = start.runFolder;
    info.bucket = "scalping";
    info.dataName = "made up";
    info.totalSteps = 1'000'000;
    info.parameters = 1234;
    say(info);
}

[[noreturn]] void leave(WorkerState last)
{
    state(WorkerState::Stopping);
    say(CheckpointSaved{100 * g_iteration, "checkpoints/step-1", false});
    state(last);
    std::_Exit(0);
}

[[noreturn]] void serve()
{
    bool paused = false;
    bool started = false;
    const auto interval = std::chrono::duration<double>(1.0 / g_rate);
    auto next = std::chrono::steady_clock::now();
    for (;;) {
        const bool works = started && !paused;
        const int wait = works ? std::max(0, int(std::chrono::duration<double, std::milli>(next - std::chrono::steady_clock::now()).count())) : 200;
        const std::string line = readLine(wait);
        if (!line.empty()) {
            const Command command = decodeCommand(line, "stdin");
            if (const auto* start = std::get_if<Start>(&command)) {
                started = true;
                state(WorkerState::Preparing, "reading the market");
                sayRunInfo(*start);
                const std::size_t threads = start->configToml.find("\nthreads = ");
                if (threads != std::string::npos)
                    say(Notice{"info", "threads", start->configToml.substr(threads + 1, start->configToml.find('\n', threads + 1) - threads - 1)});
                state(WorkerState::Running);
            } else if (std::holds_alternative<Pause>(command)) {
                paused = true;
                state(WorkerState::Paused);
            } else if (std::holds_alternative<Resume>(command)) {
                paused = false;
                state(WorkerState::Running);
            } else if (std::holds_alternative<SaveCheckpoint>(command)) {
                say(CheckpointSaved{100 * g_iteration, "checkpoints/step-1", true});
            } else if (const auto* set = std::get_if<SetField>(&command)) {
                say(Notice{"info", "set", set->key + " is now " + set->value});
            } else if (std::holds_alternative<Stop>(command)) {
                if (!started) {
                    state(WorkerState::Stopped);
                    std::_Exit(0);
                }
                leave(WorkerState::Stopped);
            }
            continue;
        }
        if (!works) {
            say(Heartbeat{100 * g_iteration, 1.0, 1 << 20, 0});
            continue;
        }
        while (std::chrono::steady_clock::now() >= next) {
            sayMetrics();
            next += std::chrono::duration_cast<std::chrono::steady_clock::duration>(interval);
        }
    }
}

WorkerState stateFromName(std::string_view name)
{
    for (const WorkerState candidate : {WorkerState::Ready, WorkerState::Preparing, WorkerState::Running, WorkerState::Paused,
                                        WorkerState::Stopping, WorkerState::Finished, WorkerState::Stopped, WorkerState::Failed})
        if (workerStateName(candidate) == name)
            return candidate;
    std::abort();
}

void die(int signal)
{
    std::signal(signal, SIG_DFL); // a sanitizer may have put a handler of its own there
    std::raise(signal);
}

void hang()
{
    std::signal(SIGTERM, SIG_IGN);
    for (;;)
        std::this_thread::sleep_for(std::chrono::hours(1));
}

} // namespace

int main(int argc, char** argv)
{
    for (int i = 1; i < argc; ++i) {
        const std::string_view verb = argv[i];
        const auto argument = [&] { return ++i < argc ? argv[i] : ""; };
        if (verb == "hello")
            sayHello();
        else if (verb == "hello-version")
            writeAll(std::string(R"({"type":"hello","protocol":)") + argument()
                     + R"(,"version":"9","revision":"r","pid":1,"device":"cpu","libtorch":"1","threads":1})" + "\n");
        else if (verb == "line")
            writeAll(std::string(argument()) + "\n");
        else if (verb == "garbage")
            writeAll("\x01\x02\xff not a message\n");
        else if (verb == "endless")
            for (;;)
                writeAll(std::string(65536, 'x'));
        else if (verb == "await")
            await(argument());
        else if (verb == "state")
            state(stateFromName(argument()));
        else if (verb == "metrics")
            for (int n = std::atoi(argument()); n > 0; --n)
                sayMetrics();
        else if (verb == "log")
            std::cerr << argument() << std::endl;
        else if (verb == "signal")
            die(std::atoi(argument()));
        else if (verb == "exit")
            std::_Exit(std::atoi(argument()));
        else if (verb == "hang")
            hang();
        else if (verb == "rate")
            g_rate = std::atof(argument());
        else if (verb == "serve")
            serve();
    }
    return 0;
}
