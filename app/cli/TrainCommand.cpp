#include <csignal>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/Field.h"
#include "agent/ppo/Trainer.h"
#include "agent/worker/StreamSink.h"
#include "app/cli/CommandLine.h"
#include "app/cli/EvaluationTable.h"
#include "app/cli/LocalRanks.h"
#include "app/cli/TerminalProgress.h"
#include "base/BuildInfo.h"
#include "base/Error.h"
#include "data/dataset/SyntheticMarket.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

struct TrainOptions {
    std::string run;
    std::string configFile;
    bool resume = false;
    std::int64_t ranks = 0;
    bool json = false;
    bool quiet = false;
    std::vector<FieldOverride> fields;
};

volatile std::sig_atomic_t g_interrupted = 0;

extern "C" void onInterrupt(int) { g_interrupted = g_interrupted + 1; }

/// SIGINT and SIGTERM mean: checkpoint and leave. A thread looks, since a signal handler may not take locks.
class InterruptWatch {
public:
    explicit InterruptWatch(RunControl& control)
    {
        std::signal(SIGINT, onInterrupt);
        std::signal(SIGTERM, onInterrupt);
        m_thread = std::jthread([&control](std::stop_token stop) {
            while (!stop.stop_requested()) {
                if (g_interrupted > 0)
                    control.stop();
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            }
        });
    }
    ~InterruptWatch()
    {
        std::signal(SIGINT, SIG_DFL);
        std::signal(SIGTERM, SIG_DFL);
    }

private:
    std::jthread m_thread;
};

RunConfig newConfig(const TrainOptions& options)
{
    RunConfig config = options.configFile.empty() ? parseRunConfig("", "command line", options.fields)
                                                  : readRunConfig(options.configFile, options.fields);
    if (config.data.empty())
        throw Error(ErrorKind::BadInput, "--data is missing: name the market data to learn from");
    if (!parseSyntheticSpec(config.data))
        config.data = std::filesystem::absolute(config.data).lexically_normal().string();
    for (std::string* file : {&config.features.funding, &config.execution.finerBars, &config.margin.funding})
        if (!file->empty())
            *file = std::filesystem::absolute(*file).lexically_normal().string();
    config.threads = setThreads(config.threads);
    return config;
}

/// Throws for an option that a resumed run can't follow.
void checkResumeOptions(const TrainOptions& options)
{
    if (!options.configFile.empty())
        throw Error(ErrorKind::BadInput, "--resume goes on with the run's own configuration; leave --config out");
    for (const auto& [key, text] : options.fields)
        if (!findField(key)->live)
            throw Error(ErrorKind::BadInput, "--resume goes on with the run's own configuration, in which {} is settled; start a new run for another value",
                        key);
}

void recordFailure(StreamSink& record, const Error& error)
{
    logException(error, "training");
    try {
        record.send(protocol::Notice{"error", std::string(errorKindName(error.kind())), error.what()});
        record.send(protocol::StateChanged{protocol::WorkerState::Failed, record.lastStep(), error.what()});
    } catch (const Error&) { // a full disk: the first error is the one to report
    }
}

int runTrain(const TrainOptions& options, LogOptions log)
{
    const std::optional<RankOptions> ranks = wantedRanks(options.ranks);
    if (ranks && ranks->rank > 0)
        return followRankZero(*ranks, [](RankGroup& group) { Trainer(group).run(); });
    if (options.resume)
        checkResumeOptions(options);
    RunConfig config = options.resume ? RunConfig{} : newConfig(options);
    if (ranks && !options.resume)
        checkRanks(config, ranks->size);
    RunFolder folder = options.resume ? RunFolder::open(options.run) : RunFolder::create(options.run, config);
    if (options.resume) {
        config = readRecordedConfig(folder.configFile(), options.fields);
        if (ranks)
            checkRanks(config, ranks->size);
        folder.writeConfig(config);
    }

    log.file = folder.logFile();
    const LogSession logToFolder(log);
    StreamSink record(-1);
    record.send(protocol::Hello{.version = buildInfo().version, .revision = buildInfo().revision, .pid = ::getpid(),
                                .device = config.device, .libtorch = TORCH_VERSION, .threads = config.threads});
    TerminalProgress progress(record, options.json || options.quiet);
    RunControl control;
    const InterruptWatch watch(control);
    TrainingResult result;
    try {
        record.startRecording(folder.eventsFile());
        std::optional<RankSession> session;
        if (ranks)
            session.emplace(*ranks);
        Trainer trainer(folder, config, progress, control, loadMarketData, session ? &session->group() : nullptr);
        result = trainer.run(options.resume);
    } catch (const Error& error) {
        const auto state = record.state();
        const bool began = state != protocol::WorkerState::Ready && state != protocol::WorkerState::Preparing;
        if (options.resume || began)
            recordFailure(record, error);
        else
            folder.discardOnClose();
        throw;
    }
    const bool finished = result.end == TrainingEnd::Finished;
    progress.send(protocol::StateChanged{finished ? protocol::WorkerState::Finished : protocol::WorkerState::Stopped, result.step, ""});

    Json json = {{"run", folder.path().string()},
                 {"finished", finished},
                 {"step", result.step},
                 {"parameters", result.parameters},
                 {"account_steps_per_s", result.accountStepsPerSecond},
                 {"market_bars_per_s", result.barsPerSecond}};
    if (ranks)
        json["ranks"] = ranks->size;
    if (result.test) {
        json["evaluation"] = evaluationJson(*result.test);
        json["calibration"] = calibrationJson(result.calibrations);
        // A run that was at its end already has its evaluation, and the speed it was made with.
        if (result.accountStepsPerSecond > 0.0 || !std::filesystem::exists(folder.evaluations() / "test.json"))
            folder.writeEvaluation("test", json);
    }
    if (options.json)
        printJson(json);
    else if (result.test)
        fmt::print("\n{}\n{}{:.0f} account-steps/s, {:.0f} market bars/s\n", evaluationTable(*result.test), calibrationTable(result.calibrations),
                   result.accountStepsPerSecond, result.barsPerSecond);
    else
        fmt::print("stopped at step {}; go on with: btcai train --resume --run {}\n", result.step, folder.path().string());
    return finished ? 0 : exitCode(ErrorKind::Cancelled);
}

} // namespace

void addTrainCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("train", "Train an agent in a run folder and evaluate it on the test part");
    const auto options = std::make_shared<TrainOptions>();
    command->add_option("--run", options->run, "The folder of the run")->required();
    command->add_option("--config", options->configFile, "A configuration file (TOML); other options override it");
    command->add_flag("--resume", options->resume, "Go on from the latest checkpoint of the run");
    command
        ->add_option("--ranks", options->ranks,
                     "Train on so many processes of this machine, which share the threads; under torchrun the environment says it")
        ->check(CLI::Range(1, 4096));
    command->add_flag("--json", options->json, "Print the result as JSON, and no progress");
    command->add_flag("--quiet", options->quiet, "Print the result only");
    addFieldOptions(*command, options->fields);
    command->callback([&action, options] { action = [options](const LogOptions& log) { return runTrain(*options, log); }; });
}

} // namespace btcai::cli
