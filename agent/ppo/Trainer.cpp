#include "agent/ppo/Trainer.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "agent/config/Field.h"
#include "agent/distributed/RolloutExchange.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/Collector.h"
#include "agent/ppo/GroupBaseline.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/PpoUpdater.h"
#include "base/BuildInfo.h"
#include "base/Error.h"
#include "base/Hash.h"
#include "base/Log.h"
#include "data/importers/LoadSeries.h"
#include "models/ModelFactory.h"

namespace btcai {

namespace {

using protocol::WorkerState;
using SteadyClock = std::chrono::steady_clock;

double secondsSince(SteadyClock::time_point began)
{
    return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

constexpr std::int64_t kMaxNanRetries = 3;
constexpr std::int64_t kWeightCheckEvery = 8; ///< iterations
/// In which every rank has read its data and made the features, whatever its disk and cache.
constexpr auto kPreparingPatience = std::chrono::minutes(30);

// What rank 0 tells the others before each iteration; any other text is a changed configuration.
constexpr std::string_view kIterate = "iterate";
constexpr std::string_view kEnd = "end";
constexpr std::string_view kCalibrate = "calibrate "; // and the calibration as JSON
constexpr std::size_t kLongestName = 32; ///< of what was not finite

/// Of a rank that reports nothing.
class SilentSink final : public EventSink {
public:
    void send(const protocol::Event&) override {}
};

std::string weightsHash(FlatAdam& optimizer)
{
    const torch::Tensor weights = optimizer.parameters().to(torch::kCPU);
    return sha256Hex(std::string_view(static_cast<const char*>(weights.data_ptr()), weights.nbytes()));
}

double meanOf(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Shares of hold, buy and sell, and of time in the market, that follow from the targets chosen in a rollout.
struct ActionShares {
    double hold = 0.0, buy = 0.0, sell = 0.0, exposure = 0.0;
};

ActionShares actionShares(const RolloutBuffer& buffer)
{
    const auto size = buffer.state.size(3);
    const float* const state = buffer.state.data_ptr<float>();
    const auto* const action = buffer.action.data_ptr<std::int64_t>();
    const std::int64_t count = buffer.action.numel();
    ActionShares shares;
    for (std::int64_t i = 0; i < count; ++i) {
        const float* const oneHot = state + i * size;
        const auto before = static_cast<TargetPosition>(oneHot[1] > 0.5F ? 1 : oneHot[2] > 0.5F ? 2 : 0);
        const TradeAction taken = tradeAction(before, static_cast<TargetPosition>(action[i]));
        (taken == TradeAction::Hold ? shares.hold : taken == TradeAction::Buy ? shares.buy : shares.sell) += 1.0;
        shares.exposure += std::abs(static_cast<double>(oneHot[3]));
    }
    for (double* share : {&shares.hold, &shares.buy, &shares.sell, &shares.exposure})
        *share /= static_cast<double>(count);
    return shares;
}

double explainedVariance(const RolloutBuffer& buffer)
{
    const torch::Tensor returns = buffer.returns.to(torch::kFloat64);
    const double variance = returns.var().item<double>();
    if (!(variance > 0.0))
        return std::numeric_limits<double>::quiet_NaN();
    return 1.0 - (returns - buffer.value.to(torch::kFloat64)).var().item<double>() / variance;
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

TradingEnvOptions trainingEnvOptions(const RunConfig& config, std::vector<RowRange> rows, const RankGroup* group)
{
    const auto rollout = config.train.rolloutBars;
    TradingEnvOptions options = environmentOptions(config);
    options.rows = std::move(rows);
    options.stretches = static_cast<std::size_t>(config.train.stretches);
    options.accounts = static_cast<std::size_t>(config.train.accounts);
    options.episodeBars = static_cast<std::size_t>((config.account.episodeBars + rollout - 1) / rollout * rollout);
    options.startGrid = static_cast<std::size_t>(config.model.patchBars);
    if (group) {
        options.stretches /= static_cast<std::size_t>(group->size());
        options.firstStretch = static_cast<std::size_t>(group->rank()) * options.stretches;
    }
    return options;
}

/// What an iteration began with, to go back to when something in it is not a finite number, or a rank is lost. Some megabytes: cheaper than it looks.
struct LastGood {
    torch::Tensor parameters, firstMoment, secondMoment;
    std::int64_t optimizerSteps = 0;
    std::vector<std::uint8_t> environment; ///< with a group: this rank's share
    RunProgress progress;
};

void addTimes(protocol::Metrics& metrics, const RolloutTimes& rollout, const UpdateTimes& update, double rolloutSeconds, double updateSeconds)
{
    const double seconds = rolloutSeconds + updateSeconds;
    metrics.values.insert(metrics.values.end(), {{"time_encode", rollout.encode / seconds},
                                                 {"time_rollout", (rolloutSeconds - rollout.encode) / seconds},
                                                 {"time_update", updateSeconds / seconds},
                                                 {"time_policy", rollout.policy / seconds},
                                                 {"time_env", rollout.environment / seconds},
                                                 {"time_data", update.data / seconds},
                                                 {"time_forward", update.encode / seconds},
                                                 {"time_heads", update.heads / seconds},
                                                 {"time_backward", update.backward / seconds},
                                                 {"time_optimizer", update.optimizer / seconds}});
}

/// Everything of one run, built by prepare() and used by the loop.
struct Trainer::Session {
    Session(RunFolder& f, RunConfig c, EventSink& s, RunControl& r, DataSource series, RankGroup* g)
        : folder(&f), config(std::move(c)), sink(s), control(r), source(std::move(series)), group(g)
    {
    }
    Session(RankGroup& g, DataSource series) : sink(silent), control(ownControl), source(std::move(series)), group(&g) {}

    // Of a rank other than 0: nothing is told, and nobody asks.
    SilentSink silent;
    RunControl ownControl;

    RunFolder* folder = nullptr; ///< none at a rank other than 0
    RunConfig config;
    EventSink& sink;
    RunControl& control;
    DataSource source;
    RankGroup* group = nullptr; ///< null where one rank trains alone
    TrainingHooks hooks;

    MarketDataset dataset;
    Json quality; ///< what the check said of the data
    std::optional<MarketTensors> tensors;
    AgentNetwork network{nullptr};
    std::optional<FlatAdam> optimizer;
    std::optional<TradingEnv> env;
    std::optional<Collector> collector;
    std::optional<PpoUpdater> updater;
    std::optional<RolloutBuffer> buffer;      ///< all stretches
    std::optional<RolloutBuffer> shareBuffer; ///< with a group: this rank's stretches
    RunProgress progress;
    std::optional<RunCalibration> calibration; ///< of the latest evaluation of the validation part
    bool calibrationChanged = false; ///< since the other ranks were last told
    /// With a group: the environments of all ranks at the end of the latest iteration, as one.
    std::vector<std::uint8_t> environment;
    std::optional<LastGood> begun; ///< within an iteration
    bool configChanged = false;    ///< since the other ranks were last told
    std::int64_t checkpointedStep = -1;
    std::vector<double> endedReturns; ///< of all ranks in the latest rollout
    std::vector<double> gates;        ///< the same, mean
    bool rolloutIsWhole = true;       ///< else the buffer is that of a rollout before, at least in part
    SteadyClock::time_point checkpointedAt = SteadyClock::now();
    double sessionSeconds = 0.0; ///< training time of this process
    std::int64_t sessionSteps = 0;
    double pausedSeconds = 0.0;
    double checkpointSeconds = 0.0; ///< spent on checkpoints since the latest metrics

    void tell(WorkerState state, std::string detail = {})
    {
        logInfo("step {}: {}{}{}", progress.step, protocol::workerStateName(state), detail.empty() ? "" : ", ", detail);
        sink.send(protocol::StateChanged{state, progress.step, std::move(detail)});
    }

    /// Tells both the listener and the log.
    void notice(LogLevel level, std::string kind, const std::string& message)
    {
        if (!leads())
            return; // rank 0 says it
        logAt(level, "{}: {}", kind, message);
        sink.send(protocol::Notice{std::string(logLevelName(level)), std::move(kind), message});
    }

    void poll()
    {
        pausedSeconds += control.waitWhilePaused([this] { tell(WorkerState::Paused); },
                                                 [this] { tell(control.stopRequested() ? WorkerState::Stopping : WorkerState::Running); });
    }

    bool leads() const { return folder != nullptr; }
    RolloutBuffer& ownBuffer() { return shareBuffer ? *shareBuffer : *buffer; }

    void prepare(bool resume);
    void shareStart(std::optional<Checkpoint>& loaded);
    void shareState(bool loaded);
    bool goOn();
    void finishIteration();
    void trainToTheEnd();
    void saveAfterLoss();
    void takeOverLiveFields(const RunConfig& wanted);
    void restore(const std::filesystem::path& checkpoint, const Checkpoint& loaded);
    void announce();
    bool finished() const;
    double progressShare() const { return std::min(1.0, static_cast<double>(progress.step) / static_cast<double>(config.train.steps)); }
    UpdateSchedule schedule() const;
    void applyChangedFields();
    void iterate();
    UpdateStatistics learn(UpdateSchedule now, const std::function<void()>& pollNow);
    void reportIteration(const UpdateStatistics& update, UpdateSchedule schedule, double rolloutSeconds, double updateSeconds);
    std::string agreed(std::string_view notFinite);
    LastGood lastGood();
    void goBack();
    void recover(std::string_view what);
    void calibrate(const RunCalibration& fitted);
    bool evaluateValidation();
    bool checkpointDue();
    void save(bool best);
    TrainingResult finish();
};

void Trainer::Session::prepare(bool resume)
{
    tell(WorkerState::Preparing, "reading the market data");
    const auto latest = resume && leads() ? findCheckpoint(folder->checkpoints(), "latest") : std::nullopt;
    std::optional<Checkpoint> loaded;
    if (latest) {
        loaded = readCheckpoint(folder->checkpoints() / *latest);
        const RunConfig wanted = std::exchange(config, parseRunConfig(loaded->configToml, (folder->checkpoints() / *latest / "run.toml").string()));
        takeOverLiveFields(wanted);
    }
    if (group)
        shareStart(loaded);
    const int threads = setThreads(config.threads);
    if (group)
        setThreads(group->threads(threads));
    const torch::Device device = selectDevice(config.device, group ? group->options().localRank : 0);
    MarketData data = source(config);

    tell(WorkerState::Preparing, "computing the features");
    // The encoder's context follows from its sizes, which need the number of features only for the weights.
    const auto sizes = agentNetworkOptions(config, 1, TradingEnv::kObservationSize, 2);
    const auto context = static_cast<std::size_t>(makeAgentNetwork(sizes, config.seed)->encoder()->contextRows());
    dataset = makeMarketDataset(config, data, context, loaded ? &loaded->normalizer : nullptr);
    if (loaded && loaded->dataHash != dataset.dataHash)
        throw Error(ErrorKind::BadInput, "data = {}: is not the data this run was trained on (its hash differs)", config.data);
    if (loaded)
        checkFeatures(loaded->features, dataset.identity, false);
    quality = std::move(data.quality);

    tell(WorkerState::Preparing, "building the network");
    tensors.emplace(dataset, forecastHorizons(config), device);
    env.emplace(dataset.market, trainingEnvOptions(config, dataset.trainingRows(), group));
    network = makeAgentNetwork(agentNetworkOptions(config, static_cast<std::int64_t>(dataset.features.columns()),
                                                   static_cast<std::int64_t>(env->observationSize()), static_cast<std::int64_t>(env->actionCount())),
                               config.seed);
    network->to(device);
    optimizer.emplace(*network);
    const auto seed = static_cast<std::uint64_t>(config.seed);
    env->reset(seed);
    if (latest)
        restore(folder->checkpoints() / *latest, *loaded);
    if (group)
        shareState(loaded.has_value());
    const EntrySizer sizer(config, *tensors);
    collector.emplace(network, *env, *tensors, sizer, config.train.rolloutBars, seed);
    if (calibration)
        collector->calibrate(*calibration);
    updater.emplace(network, *optimizer, &*tensors, seed, group);
    if (hooks.beforeStep)
        updater->setGradientHook([this](torch::Tensor& gradients) { hooks.beforeStep(progress.iteration, gradients); });
    buffer.emplace(config.train.stretches, config.train.rolloutBars, config.train.accounts, static_cast<std::int64_t>(env->observationSize()));
    if (group)
        shareBuffer.emplace(collector->makeBuffer());
    if (!leads())
        return;
    announce();
    if (latest)
        sink.send(protocol::Resumed{progress.step, "checkpoints/" + *latest});
    if (sizer.isOn() && !calibration)
        notice(LogLevel::Info, "sizing-uncalibrated",
               "entries are sized by what policy and forecast say of themselves until the validation part has been evaluated, then by what that was worth there");
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
    if (loaded)
        progress = loaded->progress;
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
}

/// A resumed run goes on as its checkpoint says, but for the fields that may change while a run goes on: the folder's run.toml counts there.
void Trainer::Session::takeOverLiveFields(const RunConfig& wanted)
{
    for (const Field& field : runConfigFields()) {
        const std::string asked = fieldText(wanted, field);
        const std::string trained = fieldText(config, field);
        if (asked == trained)
            continue;
        if (field.live) {
            setFieldText(config, field, asked);
            notice(LogLevel::Info, "field-changed", fmt::format("{} = {} from here on, where it was {}", field.key, asked, trained));
        } else {
            notice(LogLevel::Warning, "field-ignored",
                   fmt::format("{} = {} in run.toml, but this run was trained with {}, and goes on with that; for another value start a new run", field.key,
                               asked, trained));
        }
    }
    validate(config);
    folder->writeConfig(config);
}

void Trainer::Session::restore(const std::filesystem::path& checkpoint, const Checkpoint& loaded)
{
    loadWeights(checkpoint, network, &*optimizer);
    if (group)
        environment = loaded.environment;
    else
        env->restore(loaded.environment);
    progress = loaded.progress;
    calibration = loaded.calibration;
    calibrationChanged = calibration.has_value();
    checkpointedStep = progress.step;
}

void Trainer::Session::announce()
{
    const auto time = [this](std::size_t row) { return dataset.market->timestamp(row); };
    const RunSplit& split = dataset.split;
    const RowRange training = split.longestTraining();
    const protocol::RunInfo info{.runFolder = folder->path().string(),
                                 .bucket = std::string(bucketSpec(config.bucket).name),
                                 .dataName = dataset.dataName,
                                 .dataHash = dataset.dataHash,
                                 .bars = static_cast<std::int64_t>(dataset.presentBars),
                                 .features = static_cast<std::int64_t>(dataset.features.columns()),
                                 .parameters = parameterCount(*network),
                                 .totalSteps = config.train.steps,
                                 .trainFrom = time(training.first),
                                 .trainTo = time(training.last),
                                 .validationFrom = time(split.validation.first),
                                 .validationTo = time(split.validation.last),
                                 .testFrom = time(split.test.first),
                                 .testTo = time(split.test.last)};
    logInfo("{} bucket, {} bars of {}, {} features, {} parameters, {} on {} threads", info.bucket, info.bars, info.dataName,
            info.features, info.parameters, tensors->device().str(), torch::get_num_threads());
    sink.send(info);
    Json manifest = {{"format", 1},
                          {"version", buildInfo().version},
                          {"revision", buildInfo().revision},
                          {"libtorch", TORCH_VERSION},
                          {"device", tensors->device().str()},
                          {"threads", torch::get_num_threads()},
                          {"bucket", info.bucket},
                          {"seed", config.seed},
                          {"data", config.data},
                          {"data_hash", info.dataHash},
                          {"quality", quality},
                          {"features", dataset.features.names()},
                          {"feature_catalogue_version", dataset.identity.catalogVersion},
                          {"feature_set_hash", dataset.identity.setHash},
                          {"funding_hash", dataset.identity.fundingHash},
                          {"normalizer", normalizerKindName(dataset.normalizer.kind())},
                          {"normalizer_hash", dataset.normalizer.hash()},
                          {"split", split.plan.toJson({dataset.market->startTime, dataset.market->intervalSeconds})},
                          {"parameters", info.parameters}};
    if (group)
        manifest["ranks"] = group->size();
    folder->writeManifest(manifest);
}

bool Trainer::Session::finished() const
{
    const double limit = config.train.minutes * 60.0;
    return progress.step >= config.train.steps || (limit > 0.0 && progress.elapsedSeconds >= limit);
}

UpdateSchedule Trainer::Session::schedule() const
{
    const double share = progressShare();
    const double learningRateLeft = config.ppo.annealLearningRate ? 1.0 - share : 1.0;
    const double entropyLeft = config.ppo.entropyShare > 0.0 ? std::max(0.0, 1.0 - share / config.ppo.entropyShare) : 1.0;
    return {.learningRate = config.ppo.learningRate * progress.learningRateScale * learningRateLeft,
            .entropyCoefficient = config.ppo.entropyCoefficient * entropyLeft};
}

void Trainer::Session::applyChangedFields()
{
    for (const auto& [key, text] : control.takeFields()) {
        const Field* field = findField(key);
        RunConfig changed = config;
        try {
            if (!field || !field->live)
                throw Error(ErrorKind::BadInput, "{}: is no field that can be changed while a run goes on", key);
            setFieldText(changed, *field, text);
            validate(changed);
        } catch (const Error& error) {
            notice(LogLevel::Warning, std::string(errorKindName(error.kind())), error.what());
            continue;
        }
        config = changed;
        configChanged = true;
        folder->writeConfig(config);
        if (key == "train.steps")
            announce(); // how far the run has come is told by its goal
        notice(LogLevel::Info, "field-changed", fmt::format("{} = {} from step {}", key, text, progress.step));
    }
}

/// Whether another iteration comes: rank 0 decides, and tells the others of it, of a changed configuration and of a new calibration.
bool Trainer::Session::goOn()
{
    if (!leads()) {
        for (;;) {
            const std::string order = group->share();
            if (order == kIterate || order == kEnd)
                return order == kIterate;
            if (order.starts_with(kCalibrate))
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
        if (std::exchange(calibrationChanged, false))
            group->share(std::string(kCalibrate) + calibration->toJson().dump());
        group->share(more ? kIterate : kEnd);
    }
    return more;
}

void Trainer::Session::iterate()
{
    const auto began = SteadyClock::now();
    pausedSeconds = 0.0;
    // Ranks wait for each other within an iteration, so with a group nobody stands still there.
    const std::function<void()> pollNow = group ? std::function<void()>() : [this] { poll(); };
    begun = lastGood();
    if (hooks.beforeRollout)
        hooks.beforeRollout(progress.iteration, *network);

    collector->collect(progress.iteration, ownBuffer(), pollNow);
    const double rolloutSeconds = secondsSince(began) - pausedSeconds;
    const UpdateSchedule now = schedule();
    const UpdateStatistics update = learn(now, pollNow);
    const double seconds = secondsSince(began) - pausedSeconds;

    ++progress.iteration;
    const std::int64_t steps = config.train.stretches * config.train.accounts * config.train.rolloutBars;
    progress.step += steps;
    progress.elapsedSeconds += seconds;
    sessionSeconds += seconds;
    sessionSteps += steps;
    if (!update.notFinite.empty())
        goBack();
    endedReturns = collector->endedEpisodeReturns();
    gates = collector->meanGates();
    if (group)
        finishIteration();
    begun.reset();
    if (update.notFinite.empty())
        progress.nanRetries = 0;
    else
        recover(update.notFinite);
    if (leads())
        reportIteration(update, now, rolloutSeconds, seconds - rolloutSeconds);
}

/// Advantages and update of the rollout. Looks for what is not finite, at any rank, at every step of the way.
UpdateStatistics Trainer::Session::learn(UpdateSchedule now, const std::function<void()>& pollNow)
{
    UpdateStatistics update;
    update.notFinite = agreed(collector->notFinite());
    rolloutIsWhole = update.notFinite.empty();
    if (!rolloutIsWhole)
        return update;
    if (hooks.afterRollout)
        hooks.afterRollout(progress.iteration, ownBuffer());
    ownBuffer().estimateAdvantages(config.ppo.gamma, config.ppo.gaeLambda);
    if (config.ppo.groupBaseline)
        subtractGroupMeans(ownBuffer());
    if (group)
        gatherRollout(*group, ownBuffer(), *buffer);
    update = updater->update(*buffer, config.ppo, now, progress.iteration, 0, pollNow);
    if (hooks.afterUpdate)
        hooks.afterUpdate(progress.iteration, *network);
    // The last step of the optimiser is followed by no loss that would tell.
    if (update.notFinite.empty() && !torch::isfinite(optimizer->parameters()).all().item<bool>())
        update.notFinite = "a weight";
    update.notFinite = agreed(update.notFinite);
    return update;
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

LastGood Trainer::Session::lastGood()
{
    return {.parameters = optimizer->parameters().clone(),
            .firstMoment = optimizer->firstMoment().clone(),
            .secondMoment = optimizer->secondMoment().clone(),
            .optimizerSteps = optimizer->steps(),
            .environment = env->snapshot(),
            .progress = progress};
}

/// To what the iteration began with, but for the counters.
void Trainer::Session::goBack()
{
    torch::NoGradGuard guard;
    optimizer->parameters().copy_(begun->parameters);
    optimizer->firstMoment().copy_(begun->firstMoment);
    optimizer->secondMoment().copy_(begun->secondMoment);
    optimizer->setSteps(begun->optimizerSteps);
    env->restore(begun->environment);
}

void Trainer::Session::recover(std::string_view what)
{
    progress.learningRateScale *= 0.5;
    ++progress.nanRetries;
    if (progress.nanRetries > kMaxNanRetries) {
        if (leads())
            save(false);
        throw Error(ErrorKind::Numeric,
                    "{} was not a finite number, in the last of {} updates in a row that met one; each was undone, and the last good weights are "
                    "saved. Try a lower ppo.learning_rate, or look at the data (btcai check)",
                    what, progress.nanRetries);
    }
    notice(LogLevel::Warning, "nan-caught",
           fmt::format("{} was not a finite number at step {}: the update was undone and the learning rate halved (try {} of {})", what,
                       progress.step, progress.nanRetries, kMaxNanRetries));
}

void Trainer::Session::reportIteration(const UpdateStatistics& update, UpdateSchedule used, double rolloutSeconds,
                                       double updateSeconds)
{
    const double seconds = rolloutSeconds + updateSeconds;
    const auto iterationSteps = static_cast<double>(buffer->action.numel());
    const double rate = iterationSteps / seconds;
    protocol::Metrics metrics{.iteration = progress.iteration, .step = progress.step, .totalSteps = config.train.steps,
                              .elapsedSeconds = progress.elapsedSeconds, .remainingSeconds = 0.0, .values = {}};
    const double averageRate = static_cast<double>(sessionSteps) / sessionSeconds;
    metrics.remainingSeconds = static_cast<double>(std::max<std::int64_t>(0, config.train.steps - progress.step)) / averageRate;
    if (config.train.minutes > 0.0)
        metrics.remainingSeconds
            = std::min(metrics.remainingSeconds, std::max(0.0, config.train.minutes * 60.0 - progress.elapsedSeconds));

    auto& values = metrics.values;
    if (rolloutIsWhole && !endedReturns.empty())
        values.emplace_back("episode_return", 100.0 * std::expm1(meanOf(endedReturns)));
    if (rolloutIsWhole)
        values.emplace_back("mean_reward", buffer->reward.mean().item<double>());
    if (update.minibatches > 0) {
        values.insert(values.end(), {{"policy_loss", update.policyLoss},
                                     {"value_loss", update.valueLoss},
                                     {"forecast_loss", update.forecastLoss},
                                     {"entropy", update.entropy},
                                     {"approx_kl", update.approxKl},
                                     {"clip_fraction", update.clipFraction},
                                     {"grad_norm", update.gradNorm}});
    }
    if (rolloutIsWhole)
        values.emplace_back("explained_variance", explainedVariance(*buffer));
    values.insert(values.end(), {{"learning_rate", used.learningRate},
                                 {"entropy_coefficient", used.entropyCoefficient},
                                 {"account_steps_per_s", rate},
                                 {"bars_per_s", rate / static_cast<double>(config.train.accounts)}});
    if (rolloutIsWhole) {
        const ActionShares shares = actionShares(*buffer);
        values.insert(values.end(), {{"share_hold", shares.hold},
                                     {"share_buy", shares.buy},
                                     {"share_sell", shares.sell},
                                     {"exposure", shares.exposure}});
    }
    for (std::size_t i = 0; i < gates.size(); ++i)
        values.emplace_back("gate_" + network->encoder()->branchNames()[i], gates[i]);
    addTimes(metrics, collector->times(), update.times, rolloutSeconds, updateSeconds);
    if (group)
        values.emplace_back("time_exchange", update.times.exchange / seconds);
    values.emplace_back("time_checkpoint", std::exchange(checkpointSeconds, 0.0) / seconds);
    sink.send(metrics);
}

/// What entries are sized by from now on.
void Trainer::Session::calibrate(const RunCalibration& fitted)
{
    calibration = fitted;
    collector->calibrate(fitted);
}

bool Trainer::Session::evaluateValidation()
{
    const EvaluationResult result = evaluatePart(network, dataset, *tensors, config, "validation", progress.step, nullptr, [this] { poll(); });
    calibrate(*result.fitted);
    calibrationChanged = true;
    sink.send(result.evaluation);
    for (const auto& forecast : result.forecasts)
        sink.send(forecast);
    for (const auto& judged : result.calibrations)
        sink.send(judged);
    for (const auto& trade : result.trades)
        sink.send(trade);
    const double score = result.evaluation.rows[0].totalReturn;
    if (progress.bestValidationReturn && score <= *progress.bestValidationReturn)
        return false;
    progress.bestValidationReturn = score;
    return true;
}

bool Trainer::Session::checkpointDue()
{
    const bool asked = control.takeCheckpointRequest();
    return asked || progress.iteration % config.train.checkpointEvery == 0
           || secondsSince(checkpointedAt) >= config.train.checkpointSeconds;
}

void Trainer::Session::save(bool best)
{
    const auto began = SteadyClock::now();
    const Checkpoint checkpoint{.progress = progress, .normalizer = dataset.normalizer, .features = dataset.identity, .dataHash = dataset.dataHash,
                                .configToml = toToml(config), .environment = group ? environment : env->snapshot(),
                                .calibration = calibration};
    const std::string name = saveCheckpoint(folder->checkpoints(), checkpoint, network, *optimizer, best, config.train.checkpointKeep);
    checkpointedStep = progress.step;
    checkpointedAt = SteadyClock::now();
    checkpointSeconds += secondsSince(began);
    logInfo("checkpoint {}{}", name, best ? ", the best by validation" : "");
    sink.send(protocol::CheckpointSaved{progress.step, "checkpoints/" + name, best});
}

/// With a group: the environments as one, the share of each rank in the metrics, and now and then a look whether all have the same weights.
void Trainer::Session::finishIteration()
{
    std::vector<std::uint8_t> joined = env->joinedSnapshot(group->gather(env->snapshot()));
    endedReturns = group->gather(endedReturns);
    torch::Tensor sums = torch::tensor(gates, torch::kFloat64);
    group->sum({sums});
    for (std::size_t i = 0; i < gates.size(); ++i)
        gates[i] = sums[static_cast<std::int64_t>(i)].item<double>() / group->size();
    if (progress.iteration % kWeightCheckEvery == 0)
        group->expectEqual(ErrorKind::Internal, fmt::format("their weights after iteration {}", progress.iteration), weightsHash(*optimizer));
    environment = std::move(joined); // last: a loss before is one within the iteration
}

void Trainer::Session::trainToTheEnd()
{
    while (goOn()) {
        iterate();
        if (!leads())
            continue;
        const RankGroup::Hold hold(group);
        const bool evaluationDue = progress.iteration % config.train.evaluateEvery == 0 || finished();
        const bool best = evaluationDue && evaluateValidation();
        if (best || checkpointDue())
            save(best);
        poll();
    }
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

TrainingResult Trainer::Session::finish()
{
    TrainingResult result{.end = finished() ? TrainingEnd::Finished : TrainingEnd::Stopped, .step = progress.step,
                          .parameters = parameterCount(*network), .accountStepsPerSecond = 0.0, .barsPerSecond = 0.0, .test = {}, .calibrations = {}};
    if (sessionSeconds > 0.0) {
        result.accountStepsPerSecond = static_cast<double>(sessionSteps) / sessionSeconds;
        result.barsPerSecond = result.accountStepsPerSecond / static_cast<double>(config.train.accounts);
    }
    if (!leads())
        return result;
    if (checkpointedStep != progress.step)
        save(false);
    if (result.end == TrainingEnd::Finished) {
        EvaluationResult test = evaluatePart(network, dataset, *tensors, config, "test", progress.step, calibration ? &*calibration : nullptr,
                                             [this] { poll(); });
        sink.send(test.evaluation);
        for (const auto& judged : test.calibrations)
            sink.send(judged);
        result.test = std::move(test.evaluation);
        result.calibrations = std::move(test.calibrations);
    }
    return result;
}

Trainer::Trainer(RunFolder& folder, RunConfig config, EventSink& sink, RunControl& control, DataSource source, RankGroup* group)
    : m_session(std::make_unique<Session>(folder, std::move(config), sink, control, std::move(source), group))
{
}

Trainer::Trainer(RankGroup& group, DataSource source) : m_session(std::make_unique<Session>(group, std::move(source))) {}

Trainer::~Trainer() = default;

void Trainer::setHooks(TrainingHooks hooks) { m_session->hooks = std::move(hooks); }

TrainingResult Trainer::run(bool resume)
{
    Session& s = *m_session;
    s.prepare(resume);
    s.tell(WorkerState::Running);
    try {
        s.trainToTheEnd();
    } catch (const RankLost&) {
        if (s.leads())
            s.saveAfterLoss();
        throw;
    }
    if (s.control.stopRequested() && !s.finished())
        s.tell(WorkerState::Stopping);
    return s.finish();
}

} // namespace btcai
