#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "agent/dataset/MarketTensors.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/Trainer.h"
#include "app/cli/CommandLine.h"
#include "app/cli/EvaluationTable.h"
#include "base/Error.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

struct EvaluateOptions {
    std::string run;
    std::string checkpoint = "latest";
    std::string part = "test";
    std::string data;
    bool json = false;
};

int runEvaluate(const EvaluateOptions& options)
{
    const std::filesystem::path checkpoints = std::filesystem::path(options.run) / "checkpoints";
    const auto name = findCheckpoint(checkpoints, options.checkpoint);
    if (!name)
        throw Error(ErrorKind::BadInput, "{}: has no checkpoint '{}'", options.run, options.checkpoint);
    const Checkpoint checkpoint = readCheckpoint(checkpoints / *name);
    RunConfig config = parseRunConfig(checkpoint.configToml, (checkpoints / *name / "run.toml").string());
    if (!options.data.empty())
        config.data = options.data;
    setThreads(config.threads);

    const MarketData data = loadMarketData(config);
    const auto features = static_cast<std::int64_t>(checkpoint.normalizer.names().size());
    const TradingEnvOptions environment = environmentOptions(config);
    const auto sizes = agentNetworkOptions(config, features, static_cast<std::int64_t>(TradingEnv::observationSizeOf(environment)),
                                           static_cast<std::int64_t>(TradingEnv::actionCountOf(environment)));
    AgentNetwork network = makeAgentNetwork(sizes, config.seed);
    const auto context = static_cast<std::size_t>(network->encoder()->contextRows());
    const MarketDataset dataset = makeMarketDataset(config, data, context, &checkpoint.normalizer);
    checkFeatures(checkpoint.features, dataset.identity, !options.data.empty());
    if (options.data.empty() && dataset.dataHash != checkpoint.dataHash)
        throw Error(ErrorKind::BadInput,
                    "data = {}: is not the data this run was trained on (its hash differs); name other data with --data if you "
                    "mean to",
                    config.data);
    loadWeights(checkpoints / *name, network, nullptr);
    const torch::Device device = selectDevice(config.device);
    network->to(device);
    const MarketTensors tensors(dataset, forecastHorizons(config), device);
    const EvaluationResult result = evaluatePart(network, dataset, tensors, config, options.part, checkpoint.progress.step);
    if (options.json)
        printJson({{"run", options.run}, {"checkpoint", *name}, {"evaluation", evaluationJson(result.evaluation)}});
    else
        fmt::print("{}, {}\n{}", options.run, *name, evaluationTable(result.evaluation));
    return 0;
}

} // namespace

void addEvaluateCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("evaluate", "Trade a part of the data with a checkpoint, beside buy-and-hold and cash");
    const auto options = std::make_shared<EvaluateOptions>();
    command->add_option("--run", options->run, "The folder of the run")->required();
    command->add_option("--checkpoint", options->checkpoint, "latest, best or the name of a checkpoint folder")->capture_default_str();
    command->add_option("--part", options->part, "train, validation or test")->capture_default_str();
    command->add_option("--data", options->data, "Other data than the run's; split by the same shares");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runEvaluate(*options); }; });
}

} // namespace btcai::cli
