#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "agent/config/RunConfig.h"
#include "agent/memory/ContextMemory.h"
#include "agent/ppo/Checkpoint.h"
#include "models/AgentNetwork.h"

namespace btcai::cli {

/// The agent of a checkpoint, on the CPU.
struct LoadedAgent {
    std::string checkpointName;
    Checkpoint checkpoint;
    RunConfig config;
    AgentNetwork network;
    std::size_t contextRows = 0;
    std::optional<ContextMemory> memory; ///< of an agent that has one
};

/// `checkpoint`: latest, best or a name, of the run in a folder. Sets libtorch's threads as the run has them. Throws Error(BadInput) where there is no such
/// checkpoint, and as readCheckpoint and loadWeights do.
LoadedAgent loadAgent(const std::string& run, const std::string& checkpoint);

} // namespace btcai::cli
