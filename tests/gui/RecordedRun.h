#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/protocol/Messages.h"

namespace btcai::gui::test {

struct RecordedRunOptions {
    int iterations = 60;
    std::int64_t stepsPerIteration = 32'768;
    protocol::WorkerState last = protocol::WorkerState::Finished;
    bool withCheckpoint = true;
    int trades = 40;
    std::string bucket = "scalping";
    bool withMechanisms = false; ///< tells of replay, exploration and memory
};

/// The events of a session as a worker would tell them: seeded curves, the same on every call.
std::vector<protocol::Event> recordedEvents(const RecordedRunOptions& options = {});

/// Writes them to a run folder, with run.toml, worker.log and, if wanted, a checkpoint folder.
void writeRunFolder(const std::filesystem::path& folder, const RecordedRunOptions& options = {});

} // namespace btcai::gui::test
