#include <array>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/run/TensorBoardFile.h"
#include "app/cli/CommandLine.h"
#include "app/cli/LoadedAgent.h"
#include "base/DurableFile.h"
#include "base/Error.h"
#include "models/ModelFile.h"
#include "models/TorchScript.h"

namespace btcai::cli {

namespace {

namespace fs = std::filesystem;

struct ExportOptions {
    std::string run;
    std::string format;
    std::string to;
    std::string checkpoint = "latest";
    bool json = false;
};

/// What another program must know to feed the network and to read what it says.
Json describe(LoadedAgent& agent)
{
    const AgentNetworkOptions& network = agent.network->options();
    Json description = {{"format", 1},
            {"bucket", agent.config.bucket},
            {"checkpoint", agent.checkpointName},
            {"step", agent.checkpoint.progress.step},
            {"features", agent.checkpoint.normalizer.names()},
            {"normalizer", agent.checkpoint.normalizer.toJson()},
            {"context_rows", agent.contextRows},
            {"patch_bars", network.encoder.patch},
            {"state_size", network.privateSize},
            {"recurrent_width", network.recurrentWidth},
            {"actions", network.actions},
            {"branches", agent.network->encoder()->branchNames()},
            {"forecast_horizons_bars", forecastHorizons(agent.config)},
            {"forecast_distribution", agent.config.forecast.distribution}};
    if (network.distribution == ForecastDistribution::Quantiles)
        description["forecast_levels"] = kForecastLevels;
    if (agent.checkpoint.calibration && !agent.checkpoint.calibration->inUse.empty())
        description["forecast_horizons_in_use_bars"] = agent.checkpoint.calibration->inUse;
    return description;
}

std::string modelBytes(const ExportOptions& options)
{
    LoadedAgent agent = loadAgent(options.run, options.checkpoint);
    const fs::path weights = fs::path(options.run) / "checkpoints" / agent.checkpointName / "model.safetensors";
    refuseToOverwrite(std::array{weights}, options.to);
    const std::string description = describe(agent).dump();
    if (options.format == "torchscript")
        return torchScriptOf(agent.network, {{"btcai.json", description}});
    TensorFile file = readTensorFile(weights);
    file.metadata["btcai"] = description;
    return writeTensorFile(file);
}

int runExport(const ExportOptions& options)
{
    fs::path target = options.to;
    std::string bytes;
    if (options.format == "tensorboard") {
        bytes = tensorBoardFile(fs::path(options.run) / "events.jsonl").bytes();
        createDirectoriesDurably(target);
        target /= "events.out.tfevents.btcai"; // TensorBoard knows its files by the middle of the name
    } else {
        bytes = modelBytes(options);
    }
    writeFileDurably(target, std::string_view(bytes));
    if (options.json)
        printJson({{"export", options.format}, {"run", options.run}, {"file", target.string()}, {"bytes", bytes.size()}});
    else
        fmt::print("{}: {} bytes\n", target.string(), bytes.size());
    return 0;
}

} // namespace

void addExportCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("export", "Write a run's network or its metrics for other programs");
    const auto options = std::make_shared<ExportOptions>();
    command->add_option("--run", options->run, "The folder of the run")->required();
    command->add_option("--format", options->format,
                        "torchscript (the whole network, for torch.jit.load), safetensors (its weights), tensorboard (metrics and evaluations over steps)")
        ->required()
        ->check(CLI::IsMember({"torchscript", "safetensors", "tensorboard"}));
    command->add_option("--to", options->to, "The file to write; for tensorboard the folder, a run each")->required();
    command->add_option("--checkpoint", options->checkpoint, "latest, best or the name of a checkpoint folder; not for tensorboard")->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runExport(*options); }; });
}

} // namespace btcai::cli
