#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/dataset/MarketDataset.h"
#include "agent/exploration/EntropySchedule.h"
#include "agent/ppo/FlatAdam.h"
#include "base/Json.h"
#include "models/AgentNetwork.h"
#include "models/ModelFile.h"
#include "models/RunCalibration.h"

namespace btcai {

/// Counters and small state of a run; with the weights, the optimiser's moments and the environment it is all
/// that the future of a run depends on, next to its configuration. Random streams need no state: counters name them.
struct RunProgress {
    std::int64_t iteration = 0; ///< finished iterations
    std::int64_t step = 0;      ///< finished account steps
    double elapsedSeconds = 0.0;
    double learningRateScale = 1.0; ///< halved each time a NaN was caught
    std::int64_t nanRetries = 0;    ///< in a row
    std::optional<double> bestValidationReturn;

    bool operator==(const RunProgress&) const = default;
};

struct Checkpoint {
    RunProgress progress;
    Normalizer normalizer;
    FeatureIdentity features;
    std::string dataHash;
    std::string configToml;
    std::vector<std::uint8_t> environment;
    std::optional<RunCalibration> calibration{}; ///< none before the first evaluation of the validation part
    EntropySchedule exploration{};
    std::optional<TensorFile> replay{}, familiarity{}, memory{}; ///< their snapshots, of a run that has them
    std::optional<TensorFile> recurrence{}; ///< "memory" [G, M, 2 R], what the accounts remember, of a run with recurrence
};

/// All of it but the configuration and the environment, as in state.json, and back. Throws Json::exception when the JSON is another.
Json checkpointState(const Checkpoint& checkpoint);
Checkpoint checkpointOfState(const Json& state);

/// Writes a checkpoint as a folder `step-<step>` of its own, committed by rename, then points `latest` (and `best`) at it.
/// Files: model.safetensors (weights, for other programs too), optimizer.safetensors, environment.bin, state.json,
/// run.toml, calibration.json, replay.safetensors, familiarity.safetensors, memory.safetensors and recurrence.safetensors where there is one, checkpoint.json (format version and SHA-256 of the others). Afterwards all but the newest `keep` and the best
/// one are removed. Throws Error(Io); older checkpoints then stand. Returns the folder's name.
std::string saveCheckpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint, AgentNetwork network,
                           FlatAdam& optimizer, bool best, std::int64_t keep);

/// The folder name that `which` ("latest", "best" or a name such as "step-000000032768") stands for; nothing when there
/// is no checkpoint.
std::optional<std::string> findCheckpoint(const std::filesystem::path& folder, const std::string& which);

/// Reads and verifies everything but the tensors. Throws Error(Corrupt) naming the file that is cut short or changed,
/// Error(Unsupported) for a format this build does not know. A calibration of other data or other horizons is Corrupt too: it belongs to
/// another run.
Checkpoint readCheckpoint(const std::filesystem::path& checkpointFolder);
/// Loads the weights, and the optimiser's state where `optimizer` is given. Throws Error(Corrupt) naming the tensor that is
/// missing, unknown or of another shape; the network is then unchanged.
void loadWeights(const std::filesystem::path& checkpointFolder, AgentNetwork network, FlatAdam* optimizer);

} // namespace btcai
