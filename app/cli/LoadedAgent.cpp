#include "app/cli/LoadedAgent.h"

#include <filesystem>
#include <utility>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "base/Error.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

LoadedAgent loadAgent(const std::string& run, const std::string& checkpointName)
{
    const std::filesystem::path checkpoints = std::filesystem::path(run) / "checkpoints";
    const auto name = findCheckpoint(checkpoints, checkpointName);
    if (!name)
        throw Error(ErrorKind::BadInput, "{}: has no checkpoint '{}'", run, checkpointName);
    Checkpoint checkpoint = readCheckpoint(checkpoints / *name);
    RunConfig config = parseRecordedConfig(checkpoint.configToml, (checkpoints / *name / "run.toml").string());
    setThreads(config.threads);
    const auto features = static_cast<std::int64_t>(checkpoint.normalizer.names().size());
    const TradingEnvOptions environment = environmentOptions(config);
    const auto sizes = agentNetworkOptions(config, features, static_cast<std::int64_t>(TradingEnv::observationSizeOf(environment)),
                                           static_cast<std::int64_t>(TradingEnv::actionCountOf(environment)));
    AgentNetwork network = makeAgentNetwork(sizes, config.seed);
    loadWeights(checkpoints / *name, network, nullptr);
    const auto context = static_cast<std::size_t>(network->encoder()->contextRows());
    std::optional<ContextMemory> memory;
    if (checkpoint.memory)
        memory.emplace(config.memory, config.model.width).restore(*checkpoint.memory);
    return {*name, std::move(checkpoint), std::move(config), std::move(network), context, std::move(memory)};
}

} // namespace btcai::cli
