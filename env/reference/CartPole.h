#pragma once

#include "env/VectorEnvironment.h"

namespace btcai {

/// The cart and pole of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control
/// problems" (1983), with the constants and limits of Gymnasium's CartPole-v1: Euler steps of 0.02 s, force 10 N, reward 1 a step,
/// terminated beyond +-2.4 m or +-12 degrees, truncated after 500 steps. Observation: position (m), velocity (m/s), angle (rad),
/// angular velocity (rad/s). Actions: 0 pushes left, 1 right.
class CartPole final : public VectorEnvironment {
public:
    explicit CartPole(std::size_t lanes);

    std::size_t lanes() const override { return m_steps.size(); }
    std::size_t observationSize() const override { return 4; }
    std::size_t actionCount() const override { return 2; }
    void reset(std::uint64_t seed) override;
    std::span<const float> observation() const override { return m_observation; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) override;
    std::span<const double> endedEpisodeReturns() const override { return m_endedReturns; }
    std::vector<std::uint8_t> snapshot() const override;
    void restore(std::span<const std::uint8_t> bytes) override;

private:
    void startEpisode(std::size_t lane);
    void observe(std::size_t lane);

    std::uint64_t m_seed = 0;
    std::vector<double> m_state; ///< [lanes, 4]
    std::vector<std::uint64_t> m_steps, m_episode;
    std::vector<float> m_observation;
    std::vector<double> m_endedReturns;
};

} // namespace btcai
