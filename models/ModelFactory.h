#pragma once

#include "agent/config/RunConfig.h"
#include "models/AgentNetwork.h"

namespace btcai {

/// The sizes that a run configuration asks for.
AgentNetworkOptions agentNetworkOptions(const RunConfig& config, std::int64_t features, std::int64_t privateSize,
                                        std::int64_t actions);

/// A network with fresh weights that depend on the seed alone (libtorch's generator is seeded here).
AgentNetwork makeAgentNetwork(const AgentNetworkOptions& options, std::int64_t seed);

std::int64_t parameterCount(torch::nn::Module& module);

/// "cpu", "cuda" or "auto" to a device. Throws Error(Unsupported) for cuda where there is none. `index`: of a machine's GPUs, for the ranks on it;
/// more ranks than GPUs take turns.
torch::Device selectDevice(const std::string& name, int index = 0);

/// Sets the threads that libtorch uses for operations of the calling thread, and of such as begin with theirs later; 0 for all cores. Returns how many.
int setThreads(std::int64_t threads);

} // namespace btcai
