#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/GradientThreads.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/RolloutBuffer.h"
#include "models/AgentNetwork.h"

namespace btcai {

class RankGroup;

/// Seconds of one update. Where threads work side by side, the mean of theirs.
struct UpdateTimes {
    double data = 0.0;      ///< reading and normalising the features of the stretches
    double encode = 0.0;    ///< the encoder's forward pass
    double heads = 0.0;     ///< forward and backward pass of the heads, forward pass of the forecasts
    double backward = 0.0;  ///< backward pass of the encoder and the forecasts
    double exchange = 0.0;  ///< sums over the ranks, and waiting for them
    double optimizer = 0.0;

    void add(const UpdateTimes& other, double share)
    {
        data += share * other.data;
        encode += share * other.encode;
        heads += share * other.heads;
        backward += share * other.backward;
        exchange += share * other.exchange;
        optimizer += share * other.optimizer;
    }
};

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
};

/// What may change from one update to the next.
struct UpdateSchedule {
    double learningRate = 0.0;
    double entropyCoefficient = 0.0;
};

/// The update of PPO. With a market, a minibatch is some whole stretches, so that each is encoded once per epoch for all its
/// accounts; without one, it is a random set of samples.
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

    /// Runs the epochs over the buffer, whose advantages must be estimated. `samplesPerMinibatch` counts for tasks without a
    /// market. `poll` is called between minibatches and may block.
    UpdateStatistics update(const RolloutBuffer& buffer, const RunConfig::Ppo& options, UpdateSchedule schedule,
                            std::int64_t iteration, std::int64_t samplesPerMinibatch = 0,
                            const std::function<void()>& poll = {});

    /// Called with the gradients [P] of each minibatch, with a group this rank's part, before they are looked at; tests spoil them here.
    void setGradientHook(std::function<void(torch::Tensor&)> hook) { m_gradientHook = std::move(hook); }

private:
    std::vector<torch::Tensor> minibatchIndices(const RolloutBuffer& buffer, const RunConfig::Ppo& options,
                                                std::int64_t samplesPerMinibatch, std::int64_t iteration, std::int64_t epoch) const;
    bool step(const RolloutBuffer& buffer, const torch::Tensor& indices, const RunConfig::Ppo& options, UpdateSchedule schedule,
              UpdateStatistics& sums);
    void startThreads(std::size_t stretches);

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
    std::function<void(torch::Tensor&)> m_gradientHook;
};

} // namespace btcai
