#pragma once

#include <chrono>
#include <optional>

#include "agent/exploration/Familiarity.h"
#include "agent/memory/ContextMemory.h"
#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/Collector.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/PpoUpdater.h"
#include "agent/ppo/Trainer.h"
#include "agent/replay/SurpriseReplay.h"
#include "agent/run/TensorBoardSink.h"
#include "base/Log.h"

namespace btcai {

/// Of a rank that reports nothing.
class SilentSink final : public EventSink {
public:
    void send(const protocol::Event&) override {}
};

/// What an iteration began with, to go back to when something in it is not a finite number, or a rank is lost. Some megabytes: cheaper than it looks.
struct LastGood {
    torch::Tensor parameters, firstMoment, secondMoment;
    std::int64_t optimizerSteps = 0;
    std::vector<std::uint8_t> environment; ///< with a group: this rank's share
    torch::Tensor accountMemory;           ///< the same, with recurrence
    RunProgress progress;
};

/// Everything of one run, built by prepare() and used by the loop.
struct Trainer::Session {
    Session(RunFolder& f, RunConfig c, EventSink& s, RunControl& r, DataSource series, RankGroup* g)
        : folder(&f), config(std::move(c)), tensorBoard(config.train.tensorboard ? std::make_unique<TensorBoardSink>(f.path() / "tensorboard", s) : nullptr),
          sink(tensorBoard ? *tensorBoard : s), control(r), source(std::move(series)), group(g)
    {
    }
    Session(RankGroup& g, DataSource series) : sink(silent), control(ownControl), source(std::move(series)), group(&g) {}

    // Of a rank other than 0: nothing is told, and nobody asks.
    SilentSink silent;
    RunControl ownControl;

    RunFolder* folder = nullptr; ///< none at a rank other than 0
    RunConfig config;
    std::unique_ptr<TensorBoardSink> tensorBoard; ///< where one is asked for
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
    EntropySchedule exploration;
    std::optional<SurpriseReplay> replay; ///< these where the configuration asks for them
    std::optional<Familiarity> familiarity;
    std::optional<ContextMemory> memory;
    std::optional<RolloutBuffer> buffer;      ///< all stretches
    std::optional<RolloutBuffer> shareBuffer; ///< with a group: this rank's stretches
    RunProgress progress;
    std::optional<RunCalibration> calibration; ///< of the latest evaluation of the validation part
    bool memoryIndexed = false;      ///< since the other ranks were last told
    bool calibrationChanged = false; ///< since the other ranks were last told
    /// With a group: the environments of all ranks at the end of the latest iteration, as one.
    std::vector<std::uint8_t> environment;
    torch::Tensor accountMemory; ///< the same of what accounts remember, on the CPU; undefined without recurrence
    std::optional<LastGood> begun; ///< within an iteration
    bool configChanged = false;    ///< since the other ranks were last told
    std::int64_t checkpointedStep = -1;
    std::vector<double> endedReturns; ///< of all ranks in the latest rollout
    std::vector<double> gates;        ///< the same, mean
    bool rolloutIsWhole = true;       ///< else the buffer is that of a rollout before, at least in part
    std::chrono::steady_clock::time_point checkpointedAt = std::chrono::steady_clock::now();
    double sessionSeconds = 0.0; ///< training time of this process
    std::int64_t sessionSteps = 0;
    double pausedSeconds = 0.0;
    double checkpointSeconds = 0.0; ///< spent on checkpoints since the latest metrics

    void tell(protocol::WorkerState state, std::string detail = {})
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
        pausedSeconds += control.waitWhilePaused([this] { tell(protocol::WorkerState::Paused); },
                                                 [this] { tell(control.stopRequested() ? protocol::WorkerState::Stopping : protocol::WorkerState::Running); });
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
    void startMechanisms();
    torch::Tensor joinedAccountMemory();
    /// Calls visit(name, mechanism, its part of a checkpoint) for each there is.
    template <typename Visit> void forMechanisms(const Visit& visit)
    {
        if (replay)
            visit("replay", *replay, &Checkpoint::replay);
        if (familiarity)
            visit("familiarity", *familiarity, &Checkpoint::familiarity);
        if (memory)
            visit("memory", *memory, &Checkpoint::memory);
    }
    void remember(const UpdateStatistics& update);
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

} // namespace btcai
