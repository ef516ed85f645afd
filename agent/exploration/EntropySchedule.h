#pragma once

#include "agent/config/RunConfig.h"
#include "base/Json.h"

namespace btcai {

/// The entropy coefficient over a run, by `explore.decay`:
/// - time: falls linearly to zero at ppo.entropy_share of the run (0: stays).
/// - performance: falls by kStep each iteration in which the run earns more than it did, and rises again, up to where it began, while it earns less. "More" is
///   a short moving average of the mean reward (10 iterations) above a long one (40) by more than the short one's standard error.
/// - adaptive: whatever keeps the policy's entropy on a line from that of the first iteration to zero at ppo.entropy_share, as the temperature of
///   soft actor-critic is tuned (Haarnoja et al., "Soft Actor-Critic Algorithms and Applications", 2018, section 5): the logarithm of the coefficient moves
///   against the distance from the line, within a factor 100 of ppo.entropy_coefficient either way; zero from there on.
class EntropySchedule {
public:
    static constexpr double kStep = 0.97;

    /// `progress`: share of the run that is over.
    double coefficient(const RunConfig& config, double progress) const;
    /// What the coefficient starts from has left, as a share: 1 at first. Other things that explore go by it.
    double left(const RunConfig& config, double progress) const;
    /// What an iteration came to: mean reward of its rollout, mean entropy of the policy (nats).
    void observe(const RunConfig& config, double meanReward, double entropy, double progress);

    Json toJson() const;
    /// Throws Json::exception when it is not one.
    static EntropySchedule fromJson(const Json& json);

    bool operator==(const EntropySchedule&) const = default;

private:
    double m_iterations = 0.0;
    double m_factor = 1.0; ///< of performance and adaptive
    double m_short = 0.0, m_long = 0.0, m_variance = 0.0; ///< moving averages of the mean reward and of its squared distance from the long one
    double m_firstEntropy = 0.0;
};

} // namespace btcai
