#pragma once

#include <memory>
#include <optional>

#include "agent/config/RunConfig.h"
#include "agent/dataset/MarketData.h"
#include "agent/protocol/Messages.h"
#include "agent/run/EventSink.h"
#include "agent/run/RunControl.h"
#include "agent/run/RunFolder.h"
#include "data/bars/BarSeries.h"
#include "env/TradingEnv.h"

namespace btcai {

struct RolloutBuffer;

enum class TrainingEnd { Finished, Stopped };

struct TrainingResult {
    TrainingEnd end = TrainingEnd::Finished;
    std::int64_t step = 0;
    std::int64_t parameters = 0;
    double accountStepsPerSecond = 0.0; ///< over this session's training time, evaluation and pauses aside
    double barsPerSecond = 0.0;
    std::optional<protocol::Evaluation> test; ///< when the run finished
    std::vector<protocol::Calibration> calibrations; ///< of the same
};

/// What the network is fed with and from where: normally what the configuration names; tests give a series.
using DataSource = std::function<MarketData(const RunConfig&)>;

/// The environment that a configuration trains in, over these ranges of rows. Episodes are rounded up to whole rollouts.
TradingEnvOptions trainingEnvOptions(const RunConfig& config, std::vector<RowRange> rows);

/// Called at four places of each iteration, none of them when empty. Tests spoil a value here to see that what is not a finite number is caught
/// within the update.
struct TrainingHooks {
    std::function<void(std::int64_t iteration, torch::nn::Module& network)> beforeRollout;
    std::function<void(std::int64_t iteration, RolloutBuffer& buffer)> afterRollout; ///< before advantages are estimated
    std::function<void(std::int64_t iteration, torch::Tensor& gradients)> beforeStep; ///< of each minibatch
    std::function<void(std::int64_t iteration, torch::nn::Module& network)> afterUpdate;
};

/// Trains one run in its folder: rollout, update, now and then an evaluation on the validation part and a checkpoint, until
/// the steps or the minutes are used up or somebody asks to stop. At its end the test part is evaluated, once.
///
/// A run that is stopped, or killed at any moment, and resumed gives the weights, byte for byte, of one that was never
/// interrupted (same build, data, threads and CPU; a time limit, which looks at the clock, aside).
class Trainer {
public:
    Trainer(RunFolder& folder, RunConfig config, EventSink& sink, RunControl& control,
            DataSource source = loadMarketData);
    ~Trainer();

    /// Runs to the end. With `resume` it goes on from the latest checkpoint, or from the start when there is none.
    /// Throws Error after telling the sink of nothing but what had happened; whoever called reports the failure.
    TrainingResult run(bool resume);

    void setHooks(TrainingHooks hooks);

private:
    struct Session;
    std::unique_ptr<Session> m_session;
};

} // namespace btcai
