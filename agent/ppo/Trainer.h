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

    /// Called before each update's gradients are used; tests spoil weights here to see that NaNs are caught.
    void setUpdateHook(std::function<void(std::int64_t iteration, torch::nn::Module&)> hook);

private:
    struct Session;
    std::unique_ptr<Session> m_session;
};

} // namespace btcai
