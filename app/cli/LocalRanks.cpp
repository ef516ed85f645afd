#include "app/cli/LocalRanks.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ReadFile.h"

namespace btcai::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kGrace = 5s;
constexpr int kNotStarted = 127;
constexpr std::size_t kMaxArguments = std::size_t{4} << 20;

/// The strings and the null-terminated array of pointers to them that execve takes.
struct Strings {
    std::vector<std::string> texts;

    std::vector<char*> pointers()
    {
        std::vector<char*> all;
        for (std::string& text : texts)
            all.push_back(text.data());
        all.push_back(nullptr);
        return all;
    }
};

Strings ownArguments()
{
    const std::string bytes = readFile("/proc/self/cmdline", kMaxArguments);
    Strings arguments;
    for (std::size_t begin = 0; begin < bytes.size(); begin = std::min(bytes.find('\0', begin), bytes.size()) + 1)
        arguments.texts.emplace_back(bytes.c_str() + begin);
    return arguments;
}

Strings environmentOf(const RankOptions& options, std::uint16_t port, int rank)
{
    const std::string self = std::to_string(rank), all = std::to_string(options.size);
    const std::vector<std::pair<std::string, std::string>> added{{"RANK", self},
                                                                 {"WORLD_SIZE", all},
                                                                 {"LOCAL_RANK", self},
                                                                 {"LOCAL_WORLD_SIZE", all},
                                                                 {"MASTER_ADDR", options.address},
                                                                 {"MASTER_PORT", std::to_string(port)}};
    Strings environment;
    for (char** variable = environ; *variable; ++variable)
        if (std::ranges::none_of(added, [&](const auto& one) { return std::string_view(*variable).starts_with(one.first + "="); }))
            environment.texts.emplace_back(*variable);
    for (const auto& [name, value] : added)
        environment.texts.push_back(name + "=" + value);
    return environment;
}

/// Between fork and exec: nothing but system calls.
[[noreturn]] void becomeRank(const char* program, char* const* arguments, char* const* environment, pid_t parent)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) // it died before that
        ::_exit(kNotStarted);
    ::signal(SIGINT, SIG_IGN); // a terminal sends it to all: rank 0 decides
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    ::execve(program, arguments, environment);
    ::_exit(kNotStarted);
}

} // namespace

void LocalRanks::start(const RankOptions& options, std::uint16_t port)
{
    Strings arguments = ownArguments();
    const std::vector<char*> argv = arguments.pointers();
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    const pid_t parent = ::getpid();
    for (int rank = 1; rank < options.size; ++rank) {
        Strings environment = environmentOf(options, port, rank);
        const std::vector<char*> envp = environment.pointers();
        const pid_t id = ::fork();
        if (id < 0)
            throw Error(ErrorKind::Io, "rank {} cannot be started: {}", rank, std::strerror(errno));
        if (id == 0)
            becomeRank(program.c_str(), argv.data(), envp.data(), parent);
        m_processes.push_back({.id = id, .ending = {}});
    }
}

void LocalRanks::look(Process& process)
{
    int status = 0;
    if (!process.ending.empty() || ::waitpid(process.id, &status, WNOHANG) != process.id)
        return;
    if (WIFSIGNALED(status))
        process.ending = fmt::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    else
        process.ending = fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

std::string LocalRanks::ending(int rank)
{
    Process& process = m_processes.at(static_cast<std::size_t>(rank - 1));
    look(process);
    return process.ending;
}

LocalRanks::~LocalRanks()
{
    const auto deadline = std::chrono::steady_clock::now() + kGrace;
    for (Process& process : m_processes) {
        for (look(process); process.ending.empty() && std::chrono::steady_clock::now() < deadline; look(process))
            std::this_thread::sleep_for(5ms);
        if (!process.ending.empty())
            continue;
        ::kill(process.id, SIGKILL);
        ::waitpid(process.id, nullptr, 0);
    }
}

std::optional<RankOptions> wantedRanks(std::int64_t option)
{
    if (const auto options = ranksFromEnvironment()) {
        if (option > 0 && option != options->size)
            throw Error(ErrorKind::BadInput,
                        "--ranks {}: the environment says WORLD_SIZE = {}; leave --ranks out where torchrun or Slurm starts the ranks",
                        option, options->size);
        return options->size > 1 ? options : std::nullopt;
    }
    if (option <= 1)
        return std::nullopt;
    RankOptions options;
    options.size = options.localSize = static_cast<int>(option);
    options.timeout = rankTimeout([](const char* name) { return static_cast<const char*>(std::getenv(name)); });
    return options;
}

RankSession::RankSession(const RankOptions& options)
{
    if (options.port != 0)
        m_group = std::make_unique<RankGroup>(options);
    else
        m_group = std::make_unique<RankGroup>(
            options, [&](std::uint16_t port) { m_others.start(options, port); }, [this](int rank) { return m_others.ending(rank); });
}

int followRankZero(const RankOptions& options, const std::function<void(RankGroup&)>& task)
{
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, SIG_IGN);
    RankSession session(options);
    try {
        task(session.group());
    } catch (const RankLost&) {
        throw;
    } catch (const std::exception& error) {
        session.group().reportFailure(error.what());
        throw;
    }
    return 0;
}

} // namespace btcai::cli
