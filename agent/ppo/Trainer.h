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

class RankGroup;
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

/// The environment that a configuration trains in, over these ranges of rows. Episodes are rounded up to whole rollouts. With a group, the
/// environment of this rank: its share of the stretches.
TradingEnvOptions trainingEnvOptions(const RunConfig& config, std::vector<RowRange> rows, const RankGroup* group = nullptr);

/// Throws Error(BadInput) naming the field that does not allow training on so many ranks.
void checkRanks(const RunConfig& config, int ranks);

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
/// interrupted (same build, data, threads, ranks and CPU; a time limit, which looks at the clock, aside).
///
/// With a group, every rank has a Trainer. Each rolls out its share of the stretches; what was collected is put together at all of them, so that the
/// minibatches are those of one rank, and of each minibatch every rank learns its part. Rank 0 has the folder, the sink and the control:
/// it decides, evaluates and writes, and its checkpoints are those of one rank. Pausing and stopping take effect between iterations. When a rank is
/// lost, rank 0 saves the state of the latest whole iteration and throws RankLost.
class Trainer {
public:
    Trainer(RunFolder& folder, RunConfig config, EventSink& sink, RunControl& control,
            DataSource source = loadMarketData, RankGroup* group = nullptr);
    /// Of a rank other than 0: it takes everything but the data from rank 0, and writes nothing.
    explicit Trainer(RankGroup& group, DataSource source = loadMarketData);
    ~Trainer();

    /// Runs to the end. With `resume` it goes on from the latest checkpoint, or from the start when there is none.
    /// Throws Error after telling the sink of nothing but what had happened; whoever called reports the failure. A rank other than 0 does as
    /// rank 0 was told.
    TrainingResult run(bool resume = false);

    void setHooks(TrainingHooks hooks);

private:
    struct Session;
    std::unique_ptr<Session> m_session;
};

} // namespace btcai
