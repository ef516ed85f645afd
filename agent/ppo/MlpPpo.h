#pragma once

#include <optional>

#include "agent/ppo/Adam.h"
#include "agent/ppo/SampleLoss.h"
#include "env/VectorEnvironment.h"
#include "models/MlpPolicy.h"

namespace btcai {

enum class Schedule { Constant, Linear };

/// The defaults are Stable-Baselines3's for PPO with MlpPolicy, but for the rollout, which has 8 x 256 steps when the task has 8 lanes.
struct MlpPpoOptions {
    std::size_t rolloutSteps = 256; ///< per lane
    std::size_t minibatch = 64;     ///< samples; the last of an epoch may be smaller
    std::size_t epochs = 10;
    std::int64_t width = 64;        ///< units per layer, of the policy's trunk and of the value's
    std::int64_t layers = 2;
    double gamma = 0.99;
    double lambda = 0.95;
    double learningRate = 3e-4;
    Schedule schedule = Schedule::Constant; ///< Linear: the learning rate falls to 0 at totalSteps
    std::int64_t totalSteps = 0;            ///< read only where the schedule is linear
    PpoLossOptions loss;
    bool normalizeAdvantages = true; ///< per minibatch
    double maxGradNorm = 0.5;
    double targetKl = 0.0; ///< ends an update before the minibatch whose KL estimate is above this; 0: none
    AdamOptions adam;
};

/// Seconds of one iteration.
struct MlpPpoTimes {
    double environment = 0.0, forward = 0.0, backward = 0.0, optimizer = 0.0;
    double total = 0.0; ///< with sampling, advantages, gathering and the losses' values

    MlpPpoTimes& operator+=(const MlpPpoTimes& other)
    {
        environment += other.environment, forward += other.forward, backward += other.backward;
        optimizer += other.optimizer, total += other.total;
        return *this;
    }
};

/// An episode that ended.
struct EndedEpisode {
    std::int64_t steps; ///< taken by all lanes until then, from the start of training
    double value;       ///< its return
};

/// What one iteration did; means over its minibatches.
struct MlpPpoIteration {
    LossSums loss;
    double gradNorm = 0.0; ///< before clipping
    double learningRate = 0.0;
    std::int64_t minibatches = 0;
    bool stoppedByKl = false;
    std::vector<EndedEpisode> episodes;
    MlpPpoTimes times;
};

/// PPO with a small network on one core, without libtorch in the loop: where the network is a few thousand parameters, autograd and
/// dispatch cost more than the arithmetic. Rollouts of rolloutSteps x lanes, advantages by computeGae, minibatches drawn anew each
/// epoch, clipped loss by SampleLoss, gradient by MlpPolicy, one fused step of clipping and Adam.
///
/// Everything is a function of (environment, options, seed). Not for several threads at once.
class MlpPpo {
public:
    /// Resets the environment with the seed; it must outlive this object. Throws Error(BadInput) for an option out of range.
    MlpPpo(VectorEnvironment& env, const MlpPpoOptions& options, std::uint64_t seed);

    /// One rollout and one update. Throws Error(Numeric) when a loss or gradient is not finite, before that step is applied.
    MlpPpoIteration iterate();

    std::int64_t steps() const { return m_steps; }
    MlpPolicy& policy() { return m_policy; }

private:
    /// [steps, lanes], time-major.
    struct Rollout {
        std::vector<float> observation; ///< [steps, lanes, S]
        std::vector<std::uint8_t> action, terminated, truncated;
        std::vector<float> logProbability, reward, value, nextValue, advantage, returns;
    };
    class Stopwatch;

    void collect(MlpPpoIteration& iteration, Stopwatch& watch);
    void act(std::size_t step);
    void store(std::size_t step, Stopwatch& watch);
    void update(MlpPpoIteration& iteration, Stopwatch& watch);
    bool learnFrom(std::span<const std::int64_t> samples, MlpPpoIteration& iteration, Stopwatch& watch);
    LossSums backward(std::span<const std::int64_t> samples, Stopwatch& watch);
    double learningRate() const;

    VectorEnvironment& m_env;
    MlpPpoOptions m_options;
    std::uint64_t m_seed;
    std::size_t m_lanes, m_size;
    MlpPolicy m_policy;
    std::vector<float> m_first, m_second; ///< Adam's moments [P]
    std::int64_t m_adamSteps = 0, m_steps = 0, m_iterations = 0;
    Rollout m_rollout;
    StepResult m_result;
    std::vector<std::uint8_t> m_actions;                                     ///< [lanes]
    std::vector<float> m_logits, m_value;                                    ///< [lanes, A], [lanes]
    std::vector<float> m_batchAdvantage;                                     ///< [minibatch]
    std::vector<float> m_block, m_blockLogits, m_blockLogitsGradient, m_blockValue, m_blockValueGradient;
};

/// Whether and when a task was solved.
struct Solved {
    std::optional<std::int64_t> steps; ///< nothing where maxSteps were not enough
    double meanReturn = 0.0;           ///< of the latest `episodes` episodes, or of all if there were fewer
};

/// Trains until the mean return of the latest `episodes` training episodes is `target` or more; looks after every step.
Solved trainUntil(MlpPpo& ppo, double target, std::int64_t maxSteps, std::size_t episodes = 100);

} // namespace btcai
