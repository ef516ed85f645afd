#include "agent/ppo/Trainer.h"

#include <chrono>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "agent/config/Field.h"
#include "agent/distributed/RankGroup.h"
#include "agent/distributed/RolloutExchange.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/ppo/GroupBaseline.h"
#include "agent/ppo/TrainerSession.h"
#include "base/Error.h"
#include "base/Log.h"
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

} // namespace

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

void Trainer::Session::prepare(bool resume)
{
    tell(WorkerState::Preparing, "reading the market data");
    const auto latest = resume && leads() ? findCheckpoint(folder->checkpoints(), "latest") : std::nullopt;
    std::optional<Checkpoint> loaded;
    if (latest) {
        loaded = readCheckpoint(folder->checkpoints() / *latest);
        const RunConfig wanted = std::exchange(config, parseRecordedConfig(loaded->configToml, (folder->checkpoints() / *latest / "run.toml").string()));
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
    const TradingEnvOptions trading = environmentOptions(config);
    const auto sizes = agentNetworkOptions(config, 1, static_cast<std::int64_t>(TradingEnv::observationSizeOf(trading)),
                                           static_cast<std::int64_t>(TradingEnv::actionCountOf(trading)));
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
    startMechanisms();
    if (config.model.recurrentWidth > 0)
        accountMemory = torch::zeros({config.train.stretches, config.train.accounts, 2 * config.model.recurrentWidth});
    if (latest)
        restore(folder->checkpoints() / *latest, *loaded);
    if (group)
        shareState(loaded.has_value());
    const EntrySizer sizer(config, *tensors);
    collector.emplace(network, *env, *tensors, sizer, config.train.rolloutBars, seed);
    if (accountMemory.defined())
        collector->setMemory(accountMemory.narrow(0, static_cast<std::int64_t>(env->options().firstStretch), static_cast<std::int64_t>(env->options().stretches)));
    if (calibration)
        collector->calibrate(*calibration);
    updater.emplace(network, *optimizer, &*tensors, seed, group);
    if (replay)
        collector->measureSurprise();
    if (memory)
        collector->remember(*memory, dataset.market->timestamp(dataset.regimes.size() - 1));
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
    exploration = loaded.exploration;
    forMechanisms([&](const char* name, auto& mechanism, std::optional<TensorFile> Checkpoint::*part) {
        if (!(loaded.*part))
            throw Error(ErrorKind::Corrupt, "{}: holds no {}.safetensors, which this run's configuration asks for", checkpoint.string(), name);
        mechanism.restore(*(loaded.*part));
    });
    if (accountMemory.defined()) {
        const auto saved = loaded.recurrence.value_or(TensorFile{}).tensors;
        const auto stored = saved.find("memory");
        if (stored == saved.end() || stored->second.sizes() != accountMemory.sizes() || stored->second.scalar_type() != accountMemory.scalar_type())
            throw Error(ErrorKind::Corrupt, "{}: what the accounts of this run remember is not in recurrence.safetensors; resume from another checkpoint",
                        checkpoint.string());
        accountMemory.copy_(stored->second);
    }
    calibrationChanged = calibration.has_value();
    checkpointedStep = progress.step;
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
    return {.learningRate = config.ppo.learningRate * progress.learningRateScale * learningRateLeft,
            .entropyCoefficient = exploration.coefficient(config, share),
            .progress = share};
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

void Trainer::Session::iterate()
{
    const auto began = SteadyClock::now();
    pausedSeconds = 0.0;
    // Ranks wait for each other within an iteration, so with a group nobody stands still there.
    const std::function<void()> pollNow = group ? std::function<void()>() : [this] { poll(); };
    begun = lastGood();
    if (hooks.beforeRollout)
        hooks.beforeRollout(progress.iteration, *network);

    collector->explore({.familiarity = familiarity ? &*familiarity : nullptr, .entropy = config.explore.familiarity,
                        .temperature = config.explore.temperature * exploration.left(config, progressShare())});
    if (replay)
        updater->setReplay(&*replay, config.replay);
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
    if (update.notFinite.empty()) {
        progress.nanRetries = 0;
        remember(update);
    } else {
        recover(update.notFinite);
    }
    if (leads())
        reportIteration(update, now, rolloutSeconds, seconds - rolloutSeconds);
}

void Trainer::Session::startMechanisms()
{
    const std::int64_t width = config.model.width;
    if (config.replay.segments > 0)
        replay.emplace(config, static_cast<std::int64_t>(env->observationSize()));
    if (config.explore.familiarity > 0.0 || config.explore.temperature > 0.0)
        familiarity.emplace(width);
    if (config.memory.capacity > 0)
        memory.emplace(config.memory, width);
}

/// What later iterations learn of this one, now that it stands.
void Trainer::Session::remember(const UpdateStatistics& update)
{
    exploration.observe(config, buffer->reward.mean().item<double>(), update.entropy, progressShare());
    if (replay) {
        replay->observe(update.observations);
        replay->add(*buffer, progress.iteration - 1);
    }
    if (familiarity)
        familiarity->add(buffer->sampledEmbeddings.flatten(0, 1));
    if (memory) {
        const torch::Tensor outcome = buffer->situationOutcome.flatten();
        const torch::Tensor known = torch::isfinite(outcome);
        const torch::Tensor outcomes = outcome.masked_select(known), closedAt = buffer->situationClosedAt.flatten().masked_select(known);
        memory->add(buffer->situationEmbedding.flatten(0, 1).index({known}),
                    {closedAt.data_ptr<std::int64_t>(), static_cast<std::size_t>(closedAt.numel())},
                    {outcomes.data_ptr<double>(), static_cast<std::size_t>(outcomes.numel())});
    }
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

LastGood Trainer::Session::lastGood()
{
    return {.parameters = optimizer->parameters().clone(),
            .firstMoment = optimizer->firstMoment().clone(),
            .secondMoment = optimizer->secondMoment().clone(),
            .optimizerSteps = optimizer->steps(),
            .environment = env->snapshot(),
            .accountMemory = collector->memory().defined() ? collector->memory().clone() : torch::Tensor(),
            .progress = progress};
}

/// What the accounts of all ranks remember now; undefined without recurrence.
torch::Tensor Trainer::Session::joinedAccountMemory()
{
    if (!accountMemory.defined())
        return {};
    const torch::Tensor own = collector->memory().to(torch::kCPU).contiguous();
    if (!group)
        return own;
    torch::Tensor all = torch::empty_like(accountMemory);
    group->gather(own, all);
    return all;
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
    if (begun->accountMemory.defined())
        collector->setMemory(begun->accountMemory);
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

/// What entries are sized by from now on.
void Trainer::Session::calibrate(const RunCalibration& fitted)
{
    calibration = fitted;
    collector->calibrate(fitted);
}

bool Trainer::Session::evaluateValidation()
{
    if (memory) {
        memory->index();
        memoryIndexed = true;
    }
    const EvaluationResult result = evaluatePart(network, dataset, *tensors, config, "validation", progress.step, calibration ? &*calibration : nullptr, [this] { poll(); },
                                                 memory ? &*memory : nullptr);
    calibrate(*result.fitted);
    calibrationChanged = true;
    sink.send(result.evaluation);
    for (const auto& forecast : result.forecasts)
        sink.send(forecast);
    for (const HorizonMove& move : result.moves)
        notice(LogLevel::Info, "horizon-changed", moveText(move, progress.step));
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
    Checkpoint checkpoint{.progress = progress, .normalizer = dataset.normalizer, .features = dataset.identity, .dataHash = dataset.dataHash,
                          .configToml = toToml(config), .environment = group ? environment : env->snapshot(),
                          .calibration = calibration, .exploration = exploration};
    forMechanisms([&](const char*, const auto& mechanism, std::optional<TensorFile> Checkpoint::*part) { checkpoint.*part = mechanism.snapshot(); });
    if (const torch::Tensor remembered = group ? accountMemory : joinedAccountMemory(); remembered.defined())
        checkpoint.recurrence = TensorFile{.tensors = {{"memory", remembered}}, .metadata = {}};
    const std::string name = saveCheckpoint(folder->checkpoints(), checkpoint, network, *optimizer, best, config.train.checkpointKeep);
    checkpointedStep = progress.step;
    checkpointedAt = SteadyClock::now();
    checkpointSeconds += secondsSince(began);
    logInfo("checkpoint {}{}", name, best ? ", the best by validation" : "");
    sink.send(protocol::CheckpointSaved{progress.step, "checkpoints/" + name, best});
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
                                             [this] { poll(); }, memory ? &*memory : nullptr);
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
