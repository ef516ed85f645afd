#pragma once

#include "env/VectorEnvironment.h"

namespace btcai {

/// A task that cannot be solved without memory: the T-maze of Bakker, "Reinforcement Learning with Long Short-Term Memory" (NIPS 14,
/// 2001). A corridor of `length` cells leads east from the start to a junction; only at the start it can be seen whether the
/// goal lies north or south of the junction. Observation: (0, 1, 1) at the start when the goal is north, (1, 1, 0) when it is south,
/// (1, 0, 1) in the corridor, (0, 1, 0) at the junction. Actions: 0 north, 1 east, 2 south, 3 west. A step that meets a wall
/// stays and costs 0.1. North or south at the junction terminates, with reward 4 where the goal is, else -0.1.
///
/// Who goes straight on and guesses at the junction gets 1.95 on average, who remembers 4. Beyond the paper, episodes are truncated
/// after 10 (length + 1) steps.
class TMaze final : public VectorEnvironment {
public:
    /// length: steps east from the start to the junction. Throws Error(BadInput) for 0.
    TMaze(std::size_t lanes, std::size_t length);

    std::size_t lanes() const override { return m_position.size(); }
    std::size_t observationSize() const override { return 3; }
    std::span<const ObservationBounds> observationBounds() const override;
    std::size_t actionCount() const override { return 4; }
    void reset(std::uint64_t seed) override;
    std::span<const float> observation() const override { return m_observation; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) override;
    std::span<const double> endedEpisodeReturns() const override { return m_endedReturns; }
    std::vector<std::uint8_t> snapshot() const override;
    void restore(std::span<const std::uint8_t> bytes) override;

private:
    void startEpisode(std::size_t lane);
    void observe(std::size_t lane);

    std::uint64_t m_length;
    std::uint64_t m_seed = 0;
    std::vector<std::uint64_t> m_position, m_steps, m_episode;
    std::vector<std::uint8_t> m_goalNorth;
    std::vector<double> m_return; ///< of the episode so far
    std::vector<float> m_observation;
    std::vector<double> m_endedReturns;
};

} // namespace btcai
