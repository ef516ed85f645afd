#include "models/ModelFactory.h"

#include <mutex>
#include <thread>

#include "base/Error.h"
#include "env/TradingEnv.h"

namespace btcai {

AgentNetworkOptions agentNetworkOptions(const RunConfig& config, std::int64_t features, std::int64_t privateSize,
                                        std::int64_t actions)
{
    const auto& model = config.model;
    AgentNetworkOptions options;
    options.encoder = {.features = features,
                       .width = model.width,
                       .patch = model.patchBars,
                       .tokens = model.lookbackBars / model.patchBars,
                       .layers = model.layers,
                       .heads = model.heads,
                       .useCnn = model.useCnn,
                       .useLstm = model.useLstm,
                       .useTransformer = model.useTransformer,
                       .selectFeatures = model.selectFeatures,
                       .bfloat16 = model.precision == "bfloat16"};
    options.privateSize = privateSize;
    options.actions = actions;
    if (config.account.actions == "orders")
        options.maskAt = static_cast<std::int64_t>(TradingEnv::kPossibleAt);
    options.recurrentWidth = model.recurrentWidth;
    options.headWidth = model.headWidth;
    options.horizons = static_cast<std::int64_t>(forecastHorizons(config).size());
    options.members = config.forecast.members;
    options.distribution = forecastDistribution(config.forecast.distribution);
    options.holdBias = model.holdBias;
    return options;
}

AgentNetwork makeAgentNetwork(const AgentNetworkOptions& options, std::int64_t seed)
{
    static std::mutex drawing; // the process has one generator, which several ranks in it would draw from at once
    const std::lock_guard lock(drawing);
    torch::manual_seed(static_cast<std::uint64_t>(seed));
    return AgentNetwork(options);
}

std::int64_t parameterCount(torch::nn::Module& module)
{
    std::int64_t count = 0;
    for (const auto& parameter : module.parameters())
        count += parameter.numel();
    return count;
}

torch::Device selectDevice(const std::string& name, int index)
{
    const bool cuda = torch::cuda::is_available();
    if (name == "cuda" && !cuda)
        throw Error(ErrorKind::Unsupported, "device = cuda: this machine or this build of libtorch has no CUDA; use cpu or auto");
    if (name == "cpu" || !cuda)
        return torch::kCPU;
    return index == 0 ? torch::Device(torch::kCUDA) : torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(index % static_cast<int>(torch::cuda::device_count())));
}

int setThreads(std::int64_t threads)
{
    const int count = threads > 0 ? static_cast<int>(threads) : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    torch::get_num_threads(); // a thread takes over the process's number at its first operation, which may be another rank's by then
    torch::set_num_threads(count);
    return count;
}

} // namespace btcai
