#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/distributed/GradientBuckets.h"
#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/GradientThreads.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/MinibatchLoss.h"
#include "agent/ppo/RolloutBuffer.h"
#include "agent/replay/SurpriseReplay.h"
#include "models/AgentNetwork.h"

namespace btcai {

class RankGroup;

/// Means over the minibatches of one update.
struct UpdateStatistics {
    double policyLoss = 0.0, valueLoss = 0.0, forecastLoss = 0.0, entropy = 0.0, approxKl = 0.0, clipFraction = 0.0;
    double gradNorm = 0.0;
    std::int64_t minibatches = 0;
    bool stoppedByKl = false;
    /// What was not a finite number, "a loss" or "a gradient": nothing of that minibatch was applied, and the rest of the update was left out. Empty
    /// when all were.
    std::string notFinite;
    UpdateTimes times; ///< a sum
    /// Of the segments that were replayed, in the order of the draws; to be made known to the replay once the update stands.
    std::vector<ReplayObservation> observations;
};

/// The update of PPO. With a market, a minibatch is some whole stretches, so that each is encoded once per epoch for all its
/// accounts; without one, it is a random set of samples, or with recurrence some whole lanes.
///
/// On the CPU the stretches of a minibatch are dealt to threads, each with a network of its own over the same weights; the
/// gradients are summed in fixed order, so the result depends on the number of threads but not on their timing. Several ranks share the
/// stretches of a minibatch in the same way: each takes its part, and gradients and losses are summed over them before anything is
/// decided, so that all take the same step.
class PpoUpdater {
public:
    /// `market` may be null for a task without one. The cores used are libtorch's threads at the time of the first update. `group` is null
    /// where one rank learns alone; else the buffers, weights and seeds of all must be the same.
    PpoUpdater(AgentNetwork network, FlatAdam& optimizer, const MarketTensors* market, std::uint64_t seed, RankGroup* group = nullptr);

    /// Runs the epochs over the rollout, whose advantages must be estimated. `samplesPerMinibatch` counts where a minibatch is a random set of samples. `poll` is called between minibatches and may block.
    UpdateStatistics update(const RolloutBuffer& rollout, const RunConfig::Ppo& options, UpdateSchedule schedule,
                            std::int64_t iteration, std::int64_t samplesPerMinibatch = 0,
                            const std::function<void()>& poll = {});

    /// Minibatches learn from what it draws besides. It is only read here.
    void setReplay(const SurpriseReplay* replay, RunConfig::Replay options) { m_replay = replay, m_replayOptions = options; }

    /// Called with the gradients [P] of each minibatch, with a group this rank's part, before they are looked at; tests spoil them here. No sum over the ranks
    /// is begun before.
    void setGradientHook(std::function<void(torch::Tensor&)> hook) { m_gradientHook = std::move(hook); }

private:
    bool wholeStretches() const { return m_market || m_network->options().recurrentWidth > 0; }
    std::vector<torch::Tensor> minibatchIndices(const RolloutBuffer& buffer, const RunConfig::Ppo& options,
                                                std::int64_t samplesPerMinibatch, std::int64_t iteration, std::int64_t epoch) const;
    bool step(const RolloutBuffer& buffer, const torch::Tensor& indices, const RunConfig::Ppo& options, UpdateSchedule schedule,
              std::int64_t iteration, UpdateStatistics& sums);
    /// A minibatch of each draw, whose losses count as the draw's weight says among `draws`.
    Minibatch replayed(const ReplayDraw& draw, std::size_t draws);
    void startThreads(std::size_t stretches);
    /// Whether sums over the ranks travel while the backward pass goes on; where ranks share memory there is nothing to wait for.
    bool overlaps();

    AgentNetwork m_network;
    /// A network over the optimiser's weights, with gradients of its own.
    struct Replica {
        AgentNetwork network;
        torch::Tensor gradients;
    };
    std::vector<Replica> m_replicas; ///< of the threads but the first
    std::unique_ptr<GradientThreads> m_threads;
    FlatAdam& m_optimizer;
    const MarketTensors* m_market;
    std::uint64_t m_seed;
    RankGroup* m_group;
    std::unique_ptr<GradientBuckets> m_buckets; ///< where sums over the ranks overlap the backward pass
    std::function<void(torch::Tensor&)> m_gradientHook;
    const SurpriseReplay* m_replay = nullptr;
    RunConfig::Replay m_replayOptions;
};

} // namespace btcai
