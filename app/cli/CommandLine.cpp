#include "app/cli/CommandLine.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "agent/config/Field.h"
#include "agent/worker/WorkerLoop.h"
#include "base/BuildInfo.h"
#include "base/CrashHandler.h"
#include "base/Error.h"
#include "base/Json.h"

namespace btcai::cli {

namespace {

constexpr int kUsageError = 1;

bool wantsJson(int argc, char** argv)
{
    return std::any_of(argv, argv + argc, [](const char* argument) { return std::string_view(argument) == "--json"; });
}

int report(const std::string& kind, const std::string& message, int code, bool json)
{
    try {
        if (json)
            printJson({{"error", {{"kind", kind}, {"message", message}}}});
        else
            fmt::print(stderr, "btcai: {}\n", message);
    } catch (const std::system_error&) { // nobody can be told: the exit code says it
    }
    return code;
}

void addWorkerCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("worker", "Train under the command of another program: JSON lines on stdin and stdout");
    command->callback([&action] { action = [](const LogOptions& log) { return runWorker(STDIN_FILENO, STDOUT_FILENO, log); }; });
}

/// Downloads need Qt's network, which btcai does without: the program beside it does them.
int runFetch(const std::vector<std::string>& arguments)
{
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "btcai-fetch";
    std::vector<char*> argv;
    std::string name = program.string();
    argv.push_back(name.data());
    std::vector<std::string> texts = arguments;
    for (std::string& text : texts)
        argv.push_back(text.data());
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    throw Error(ErrorKind::Unsupported, "{}: cannot be started ({}); it is built with the window", program.string(),
                std::generic_category().message(errno));
}

void addFetchCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("fetch", "Download candles from an exchange into a store (see btcai fetch --help)");
    command->prefix_command();
    command->set_help_flag();
    command->callback([&action, command] { action = [arguments = command->remaining()](const LogOptions&) { return runFetch(arguments); }; });
}

} // namespace

void refuseToOverwrite(std::span<const std::filesystem::path> inputs, const std::filesystem::path& output)
{
    std::error_code ignored;
    for (const std::filesystem::path& input : inputs)
        if (std::filesystem::equivalent(input, output, ignored) && !std::filesystem::is_directory(input, ignored))
            throw Error(ErrorKind::BadInput, "{}: is what is read, and would be overwritten; choose another name", output.string());
}

void printJson(const Json& json) { fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

void addFieldOptions(CLI::App& command, std::vector<FieldOverride>& overrides)
{
    for (const Field& field : runConfigFields()) {
        std::string names = fmt::format("--{}", field.key);
        if (!field.alias.empty() && field.alias != field.key)
            names += fmt::format(",--{}", field.alias);
        std::string help(field.help);
        if (!field.unit.empty())
            help += fmt::format(" [{}]", field.unit);
        const std::string_view key = field.key;
        const std::size_t dot = key.find('.');
        command
            .add_option_function<std::string>(
                names, [&overrides, key](const std::string& text) { overrides.emplace_back(key, text); }, help)
            ->group(dot == std::string_view::npos ? "Run" : fmt::format("Fields [{}]", key.substr(0, dot)))
            ->type_name(field.choices.empty() ? "VALUE" : fmt::format("{{{}}}", fmt::join(field.choices, ",")));
    }
}

int run(int argc, char** argv)
{
    const bool json = wantsJson(argc, argv);
    CLI::App app{"BTC-AI Workbench: reinforcement-learning research on Bitcoin markets"};
    app.set_version_flag("--version", fmt::format("btcai {} ({})", buildInfo().version, buildInfo().revision));
    app.require_subcommand(1);
    installCrashHandler();
    std::string logLevel = "warning";
    std::string logFormat = "text";
    app.add_option("--log-level", logLevel, "What of the log goes to stderr: trace, debug, info, warning, error, critical or off")
        ->capture_default_str();
    app.add_option("--log-format", logFormat, "text or json (one object a line)")->check(CLI::IsMember({"text", "json"}))->capture_default_str();
    Action action;
    try {
        addImportCommand(app, action);
        addCheckCommand(app, action);
        addFetchCommand(app, action);
        addFeaturesCommand(app, action);
        addTrainCommand(app, action);
        addEvaluateCommand(app, action);
        addReplayCommand(app, action);
        addExportCommand(app, action);
        addImportanceCommand(app, action);
        addBenchCommand(app, action);
        addWorkerCommand(app, action);
        app.parse(argc, argv);
        LogOptions log;
        log.consoleLevel = parseLogLevel(logLevel);
        log.consoleFormat = log.fileFormat = logFormat == "json" ? LogFormat::JsonLines : LogFormat::Text;
        const LogSession session(log);
        const int code = action(log);
        if (std::fflush(stdout) != 0)
            throw Error(ErrorKind::Io, "standard output cannot be written");
        return code;
    } catch (const CLI::Success& success) { // --help and --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return report("usage", fmt::format("{}. See 'btcai --help'", error.what()), kUsageError, json);
    } catch (const Error& error) {
        return report(std::string(errorKindName(error.kind())), error.what(), exitCode(error.kind()), json);
    } catch (const std::system_error& error) { // of fmt::print: a full or closed standard output
        return report(std::string(errorKindName(ErrorKind::Io)), fmt::format("standard output cannot be written: {}", error.what()),
                      exitCode(ErrorKind::Io), json);
    } catch (const std::exception& error) {
        return report("internal", error.what(), exitCode(ErrorKind::Internal), json);
    }
}

} // namespace btcai::cli
