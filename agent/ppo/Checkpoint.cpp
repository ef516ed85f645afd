#include "agent/ppo/Checkpoint.h"

#include <algorithm>
#include <array>

#include "agent/config/ConfigFile.h"
#include "base/BuildInfo.h"
#include "base/DurableFile.h"
#include "base/Error.h"
#include "base/Hash.h"
#include "base/Json.h"
#include "base/ReadFile.h"
#include "models/ModelFile.h"

namespace btcai {

namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 1;
constexpr std::size_t kMaxFileBytes = std::size_t{8} << 30;
constexpr const char* kModel = "model.safetensors";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kEnvironment = "environment.bin";
constexpr const char* kState = "state.json";
constexpr const char* kConfig = "run.toml";
constexpr const char* kCalibration = "calibration.json"; // not in every checkpoint
constexpr const char* kDistribution = "forecast_distribution"; // in the model's metadata, of forecasts that are not Gaussian
/// Likewise.
constexpr std::array<std::pair<const char*, std::optional<TensorFile> Checkpoint::*>, 4> kSnapshots{
    {{"replay.safetensors", &Checkpoint::replay}, {"familiarity.safetensors", &Checkpoint::familiarity}, {"memory.safetensors", &Checkpoint::memory},
     {"recurrence.safetensors", &Checkpoint::recurrence}}};
constexpr const char* kIndex = "checkpoint.json";
constexpr std::array kContents{kModel, kOptimizer, kEnvironment, kState, kConfig};

std::string stepName(std::int64_t step) { return fmt::format("step-{:012}", step); }

bool isStepName(const std::string& name)
{
    return name.starts_with("step-") && name.size() > 5
           && std::ranges::all_of(name.substr(5), [](char c) { return c >= '0' && c <= '9'; });
}

/// The names of the checkpoints there are, oldest first.
std::vector<std::string> listCheckpoints(const fs::path& folder)
{
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_directory() && isStepName(entry.path().filename().string()))
            names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
}

void removeOld(const fs::path& folder, std::int64_t keep)
{
    const std::vector<std::string> names = listCheckpoints(folder);
    const auto best = findCheckpoint(folder, "best");
    for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < names.size(); ++i) {
        std::error_code ignored; // one that can't be removed now goes next time
        if (names[i] != best)
            fs::remove_all(folder / names[i], ignored);
    }
}

std::map<std::string, torch::Tensor> weightsOf(AgentNetwork& network)
{
    std::map<std::string, torch::Tensor> tensors;
    for (const auto& item : network->named_parameters())
        tensors.emplace(item.key(), item.value());
    return tensors;
}

/// Reads a file whose hash the index tells.
std::string readVerified(const fs::path& folder, const char* name, const Json& index)
{
    const fs::path file = folder / name;
    std::string bytes;
    try {
        bytes = readFile(file, kMaxFileBytes);
    } catch (const Error& error) {
        throw Error(ErrorKind::Corrupt, "{}: the checkpoint is incomplete: {}", folder.string(), error.what());
    }
    if (sha256Hex(bytes) != index.at("sha256").at(name).get<std::string>())
        throw Error(ErrorKind::Corrupt, "{}: cut short or changed since it was written; resume from another checkpoint",
                    file.string());
    return bytes;
}

Json readIndex(const fs::path& folder)
{
    Json index;
    try {
        index = readJsonFile(folder / kIndex);
        const int version = index.at("format").get<int>();
        if (version != kFormatVersion)
            throw Error(ErrorKind::Unsupported, "{}: checkpoint format {} is unknown to this build, which reads {}",
                        folder.string(), version, kFormatVersion);
        for (const char* name : kContents)
            index.at("sha256").at(name).get<std::string>();
    } catch (const Json::exception&) {
        throw Error(ErrorKind::Corrupt, "{}: not the index of a checkpoint", (folder / kIndex).string());
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::Unsupported)
            throw;
        throw Error(ErrorKind::Corrupt, "{}: the checkpoint is incomplete: {}", folder.string(), error.what());
    }
    return index;
}

RunCalibration readCalibration(const fs::path& folder, const Json& index, const Checkpoint& checkpoint)
{
    const std::string name = (folder / kCalibration).string();
    const RunCalibration calibration = RunCalibration::fromJson(parseJson(readVerified(folder, kCalibration, index), name, {.maxBytes = kMaxFileBytes}));
    if (calibration.dataHash != checkpoint.dataHash)
        throw Error(ErrorKind::Corrupt, "{}: was fitted on other data than this run's (their hash differs); it belongs to another run", name);
    std::vector<std::int64_t> bars;
    for (const HorizonCalibration& of : calibration.horizons)
        bars.push_back(of.horizonBars);
    const RunConfig config = parseRecordedConfig(checkpoint.configToml, (folder / kConfig).string());
    if (bars != forecastHorizons(config) || calibration.inUse.size() != (config.forecast.adapt ? chosenHorizons(config).size() : 0))
        throw Error(ErrorKind::Corrupt, "{}: was fitted for other horizons than model.horizons of this run; it belongs to another run", name);
    return calibration;
}

} // namespace

Json checkpointState(const Checkpoint& checkpoint)
{
    const RunProgress& p = checkpoint.progress;
    return {{"iteration", p.iteration},
            {"step", p.step},
            {"elapsed_s", p.elapsedSeconds},
            {"learning_rate_scale", p.learningRateScale},
            {"nan_retries", p.nanRetries},
            {"best_validation_return", p.bestValidationReturn ? Json(*p.bestValidationReturn) : Json(nullptr)},
            {"exploration", checkpoint.exploration.toJson()},
            {"data_hash", checkpoint.dataHash},
            {"feature_catalogue_version", checkpoint.features.catalogVersion},
            {"feature_set_hash", checkpoint.features.setHash},
            {"funding_hash", checkpoint.features.fundingHash},
            {"interval_s", checkpoint.features.intervalSeconds},
            {"normalizer", checkpoint.normalizer.toJson()}};
}

Checkpoint checkpointOfState(const Json& json)
{
    Checkpoint checkpoint;
    RunProgress& p = checkpoint.progress;
    p.iteration = json.at("iteration").get<std::int64_t>();
    p.step = json.at("step").get<std::int64_t>();
    p.elapsedSeconds = json.at("elapsed_s").get<double>();
    p.learningRateScale = json.at("learning_rate_scale").get<double>();
    p.nanRetries = json.at("nan_retries").get<std::int64_t>();
    if (!json.at("best_validation_return").is_null())
        p.bestValidationReturn = json.at("best_validation_return").get<double>();
    if (json.contains("exploration")) // checkpoints from before it was steered have none
        checkpoint.exploration = EntropySchedule::fromJson(json.at("exploration"));
    checkpoint.dataHash = json.at("data_hash").get<std::string>();
    // Checkpoints from before the catalogue had a version were made with its first.
    checkpoint.features = {json.value("feature_catalogue_version", 1), json.value("feature_set_hash", std::string()),
                           json.value("funding_hash", std::string()), json.value("interval_s", std::int64_t{0})};
    checkpoint.normalizer = Normalizer::fromJson(json.at("normalizer"));
    return checkpoint;
}

std::string saveCheckpoint(const fs::path& folder, const Checkpoint& checkpoint, AgentNetwork network, FlatAdam& optimizer,
                           bool best, std::int64_t keep)
{
    const std::string name = stepName(checkpoint.progress.step);
    const fs::path final = folder / name;
    const fs::path temporary = temporaryPathFor(final);
    fs::create_directory(temporary);

    const std::map<std::string, std::string> metadata{{"format", "pt"}, {"producer", "btcai " + std::string(buildInfo().version)}};
    TensorFile model{.tensors = weightsOf(network), .metadata = metadata};
    if (network->options().distribution != ForecastDistribution::Gaussian)
        model.metadata[kDistribution] = forecastDistributionName(network->options().distribution);
    const TensorFile moments{.tensors = {{"first_moment", optimizer.firstMoment()},
                                         {"second_moment", optimizer.secondMoment()},
                                         {"steps", torch::tensor({optimizer.steps()}, torch::kInt64)}},
                             .metadata = metadata};
    Json hashes = Json::object();
    const auto put = [&](const char* file, std::string_view bytes) {
        hashes[file] = sha256Hex(bytes);
        writeFileDurably(temporary / file, bytes);
    };
    try {
        put(kModel, writeTensorFile(model));
        put(kOptimizer, writeTensorFile(moments));
        put(kEnvironment, {reinterpret_cast<const char*>(checkpoint.environment.data()), checkpoint.environment.size()});
        put(kState, checkpointState(checkpoint).dump(2) + "\n");
        put(kConfig, checkpoint.configToml);
        if (checkpoint.calibration)
            put(kCalibration, checkpoint.calibration->toJson().dump() + "\n");
        for (const auto& [file, snapshot] : kSnapshots)
            if (checkpoint.*snapshot)
                put(file, writeTensorFile(*(checkpoint.*snapshot)));
        const Json index = {{"format", kFormatVersion}, {"step", checkpoint.progress.step}, {"sha256", hashes}};
        writeFileDurably(temporary / kIndex, std::string_view(index.dump(2) + "\n"));
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(temporary, ignored);
        throw;
    }
    commitDirectoryDurably(temporary, final);
    if (best)
        writeFileDurably(folder / "best", std::string_view(name + "\n"));
    writeFileDurably(folder / "latest", std::string_view(name + "\n"));
    removeOld(folder, keep);
    return name;
}

std::optional<std::string> findCheckpoint(const fs::path& folder, const std::string& which)
{
    if (isStepName(which))
        return fs::is_directory(folder / which) ? std::optional(which) : std::nullopt;
    if (which != "latest" && which != "best")
        throw Error(ErrorKind::BadInput, "checkpoint '{}': write latest, best or the name of a folder such as {}", which, stepName(0));
    if (fs::exists(folder / which)) {
        std::string name = readFile(folder / which, 256);
        while (!name.empty() && (name.back() == '\n' || name.back() == '\r'))
            name.pop_back();
        if (isStepName(name) && fs::is_directory(folder / name))
            return name;
    }
    if (which == "best" || !fs::is_directory(folder))
        return std::nullopt;
    // The pointer is a convenience: the folders themselves were committed whole.
    const std::vector<std::string> names = listCheckpoints(folder);
    return names.empty() ? std::nullopt : std::optional(names.back());
}

Checkpoint readCheckpoint(const fs::path& checkpointFolder)
{
    const Json index = readIndex(checkpointFolder);
    Checkpoint checkpoint;
    const std::string state = readVerified(checkpointFolder, kState, index);
    try {
        checkpoint = checkpointOfState(parseJson(state, (checkpointFolder / kState).string(), {.maxBytes = kMaxFileBytes}));
    } catch (const Json::exception&) {
        throw Error(ErrorKind::Corrupt, "{}: not the state of a run", (checkpointFolder / kState).string());
    }
    checkpoint.configToml = readVerified(checkpointFolder, kConfig, index);
    const std::string environment = readVerified(checkpointFolder, kEnvironment, index);
    checkpoint.environment.assign(environment.begin(), environment.end());
    if (index.at("sha256").contains(kCalibration))
        checkpoint.calibration = readCalibration(checkpointFolder, index, checkpoint);
    for (const auto& [file, snapshot] : kSnapshots)
        if (index.at("sha256").contains(file))
            checkpoint.*snapshot = parseTensorFile(readVerified(checkpointFolder, file, index), (checkpointFolder / file).string());
    return checkpoint;
}

void loadWeights(const fs::path& checkpointFolder, AgentNetwork network, FlatAdam* optimizer)
{
    const Json index = readIndex(checkpointFolder);
    const std::string name = (checkpointFolder / kModel).string();
    const TensorFile model = parseTensorFile(readVerified(checkpointFolder, kModel, index), name);
    const auto parameters = network->named_parameters();
    const auto noted = model.metadata.find(kDistribution);
    const std::string_view learned = noted == model.metadata.end() ? forecastDistributionName(ForecastDistribution::Gaussian) : noted->second;
    if (const std::string_view own = forecastDistributionName(network->options().distribution); learned != own)
        throw Error(ErrorKind::Corrupt, "{}: its forecasts are {}, this network's {}: it was trained with another forecast.distribution", name, learned, own);
    if (model.tensors.size() != parameters.size())
        throw Error(ErrorKind::Corrupt, "{}: holds {} tensors, this network has {}", name, model.tensors.size(), parameters.size());
    for (const auto& item : parameters) {
        const auto found = model.tensors.find(item.key());
        if (found != model.tensors.end() && item.key() == "forecast_hidden.weight" && found->second.sizes() != item.value().sizes())
            throw Error(ErrorKind::Corrupt, "{}: tensor '{}' has {} rows, this network's {}: it was trained with another forecast.members", name, item.key(),
                        found->second.size(0), item.value().size(0));
        if (found == model.tensors.end() || found->second.sizes() != item.value().sizes()
            || found->second.scalar_type() != item.value().scalar_type())
            throw Error(ErrorKind::Corrupt, "{}: tensor '{}' is missing or does not fit this network", name, item.key());
    }
    std::optional<TensorFile> moments;
    if (optimizer) {
        const std::string momentsName = (checkpointFolder / kOptimizer).string();
        moments = parseTensorFile(readVerified(checkpointFolder, kOptimizer, index), momentsName);
        for (const char* tensor : {"first_moment", "second_moment"})
            if (!moments->tensors.contains(tensor) || moments->tensors.at(tensor).sizes() != optimizer->parameters().sizes())
                throw Error(ErrorKind::Corrupt, "{}: tensor '{}' is missing or does not fit this network", momentsName, tensor);
        if (!moments->tensors.contains("steps") || moments->tensors.at("steps").numel() != 1)
            throw Error(ErrorKind::Corrupt, "{}: tensor 'steps' is missing", momentsName);
    }
    torch::NoGradGuard guard;
    for (const auto& item : parameters)
        torch::Tensor(item.value()).copy_(model.tensors.at(item.key()));
    if (!optimizer)
        return;
    optimizer->firstMoment().copy_(moments->tensors.at("first_moment"));
    optimizer->secondMoment().copy_(moments->tensors.at("second_moment"));
    optimizer->setSteps(moments->tensors.at("steps").item<std::int64_t>());
}

} // namespace btcai
