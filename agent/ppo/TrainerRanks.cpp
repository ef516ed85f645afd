// What a Trainer does where several ranks train one model.
#include <algorithm>

#include "agent/config/ConfigFile.h"
#include "agent/distributed/RolloutExchange.h"
#include "agent/ppo/TrainerSession.h"
#include "base/Error.h"
#include "base/Hash.h"

namespace btcai {

namespace {

constexpr std::int64_t kWeightCheckEvery = 8; ///< iterations
/// In which every rank has read its data and made the features, whatever its disk and cache.
constexpr auto kPreparingPatience = std::chrono::minutes(30);

// What rank 0 tells the others before each iteration; any other text is a changed configuration.
constexpr std::string_view kIterate = "iterate";
constexpr std::string_view kEnd = "end";
constexpr std::string_view kIndexMemory = "index memory";
constexpr std::string_view kCalibrate = "calibrate "; // and the calibration as JSON
constexpr std::size_t kLongestName = 32; ///< of what was not finite

std::string weightsHash(FlatAdam& optimizer)
{
    const torch::Tensor weights = optimizer.parameters().to(torch::kCPU);
    return sha256Hex(std::string_view(static_cast<const char*>(weights.data_ptr()), weights.nbytes()));
}

} // namespace

void checkRanks(const RunConfig& config, int ranks)
{
    if (config.train.stretches % ranks != 0)
        throw Error(ErrorKind::BadInput, "train.stretches = {}: must be a multiple of the ranks, {}, among which the stretches are dealt",
                    config.train.stretches, ranks);
    if (config.ppo.stretchesPerMinibatch < ranks)
        throw Error(ErrorKind::BadInput,
                    "ppo.stretches_per_minibatch = {}: must be at least the number of ranks, {}, each of which learns a part of the minibatch",
                    config.ppo.stretchesPerMinibatch, ranks);
}

/// What the other ranks need to know before they read their data: the configuration, and of a checkpoint what is no tensor.
void Trainer::Session::shareStart(std::optional<Checkpoint>& loaded)
{
    if (leads()) {
        checkRanks(config, group->size());
        group->share(toToml(config));
        group->share(loaded ? checkpointState(*loaded).dump() : std::string());
        return;
    }
    config = parseRunConfig(group->share(), "the configuration of rank 0");
    if (const std::string state = group->share(); !state.empty())
        loaded = checkpointOfState(parseJson(state, "the state of rank 0", {.maxBytes = state.size()}));
    if (loaded) {
        progress = loaded->progress;
        exploration = loaded->exploration;
    }
}

/// Rank 0's weights and environments, once every rank has what they are about.
void Trainer::Session::shareState(bool loaded)
{
    group->meet("prepared", kPreparingPatience);
    group->expectEqual(ErrorKind::BadInput, "market data", dataset.dataHash);
    group->expectEqual(ErrorKind::BadInput, "features", dataset.identity.setHash);
    group->expectEqual(ErrorKind::BadInput, "normaliser", dataset.normalizer.hash());
    for (torch::Tensor* tensor : {&optimizer->parameters(), &optimizer->firstMoment(), &optimizer->secondMoment()})
        group->share(*tensor);
    torch::Tensor steps = torch::tensor({optimizer->steps()}, torch::kInt64);
    group->share(steps);
    optimizer->setSteps(steps.item<std::int64_t>());
    if (loaded) {
        const std::string bytes = group->share(std::string_view(reinterpret_cast<const char*>(environment.data()), environment.size()));
        env->restoreShare({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, static_cast<std::size_t>(group->rank()),
                          static_cast<std::size_t>(group->size()));
    }
    environment = env->joinedSnapshot(group->gather(env->snapshot()));
    if (!loaded)
        return;
    if (accountMemory.defined())
        group->share(accountMemory);
    forMechanisms([&](const char* name, auto& mechanism, std::optional<TensorFile> Checkpoint::*) {
        const std::string bytes = group->share(leads() ? writeTensorFile(mechanism.snapshot()) : std::string());
        if (!leads())
            mechanism.restore(parseTensorFile(bytes, fmt::format("the {} of rank 0", name)));
    });
}

/// Whether another iteration comes: rank 0 decides, and tells the others of it, of a changed configuration and of a new calibration.
bool Trainer::Session::goOn()
{
    if (!leads()) {
        for (;;) {
            const std::string order = group->share();
            if (order == kIterate || order == kEnd)
                return order == kIterate;
            if (order == kIndexMemory)
                memory->index();
            else if (order.starts_with(kCalibrate))
                calibrate(RunCalibration::fromJson(parseJson(order.substr(kCalibrate.size()), "the calibration of rank 0", {.maxBytes = order.size()})));
            else
                config = parseRunConfig(order, "the configuration of rank 0");
        }
    }
    const bool more = !finished() && !control.stopRequested();
    if (more)
        applyChangedFields();
    if (group) {
        if (std::exchange(configChanged, false))
            group->share(toToml(config));
        if (std::exchange(memoryIndexed, false))
            group->share(kIndexMemory);
        if (std::exchange(calibrationChanged, false))
            group->share(std::string(kCalibrate) + calibration->toJson().dump());
        group->share(more ? kIterate : kEnd);
    }
    return more;
}

/// What was not finite at the first rank that says so; empty where all was, at all ranks.
std::string Trainer::Session::agreed(std::string_view notFinite)
{
    if (!group)
        return std::string(notFinite);
    std::vector<std::uint8_t> own(kLongestName);
    std::ranges::copy(notFinite.substr(0, kLongestName), own.begin());
    for (const std::vector<std::uint8_t>& name : group->gather(own))
        if (name[0] != 0)
            return {name.begin(), std::ranges::find(name, std::uint8_t{0})};
    return {};
}

/// With a group: the environments as one, the share of each rank in the metrics, and now and then a look whether all have the same weights.
void Trainer::Session::finishIteration()
{
    const torch::Tensor remembered = joinedAccountMemory();
    std::vector<std::uint8_t> joined = env->joinedSnapshot(group->gather(env->snapshot()));
    endedReturns = group->gather(endedReturns);
    torch::Tensor sums = torch::tensor(gates, torch::kFloat64);
    group->sum({sums});
    for (std::size_t i = 0; i < gates.size(); ++i)
        gates[i] = sums[static_cast<std::int64_t>(i)].item<double>() / group->size();
    if (progress.iteration % kWeightCheckEvery == 0)
        group->expectEqual(ErrorKind::Internal, fmt::format("their weights after iteration {}", progress.iteration), weightsHash(*optimizer));
    accountMemory = remembered;
    environment = std::move(joined); // last: a loss before is one within the iteration
}

/// Of the latest whole iteration, since the present one cannot end.
void Trainer::Session::saveAfterLoss()
{
    if (begun) {
        goBack();
        progress = begun->progress;
    }
    if (checkpointedStep != progress.step)
        save(false);
}

} // namespace btcai
