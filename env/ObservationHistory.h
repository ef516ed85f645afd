#pragma once

#include <memory>

#include "env/VectorEnvironment.h"

namespace btcai {

/// A task seen through a window of its latest observations, oldest first (the frame stacking of Mnih et al., "Human-level control
/// through deep reinforcement learning", 2015): memory of a fixed length for a policy without any. Rows before the start of an
/// episode are zero.
class ObservationHistory final : public VectorEnvironment {
public:
    /// The latest `length` observations of `task`, which it then owns. Throws Error(BadInput) for 0.
    ObservationHistory(std::unique_ptr<VectorEnvironment> task, std::size_t length);

    std::size_t lanes() const override { return m_task->lanes(); }
    std::size_t observationSize() const override { return m_length * m_size; }
    std::span<const ObservationBounds> observationBounds() const override { return m_bounds; }
    std::size_t actionCount() const override { return m_task->actionCount(); }
    void reset(std::uint64_t seed) override;
    std::span<const float> observation() const override { return m_window; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) override;
    std::span<const double> endedEpisodeReturns() const override { return m_task->endedEpisodeReturns(); }
    std::vector<std::uint8_t> snapshot() const override;
    void restore(std::span<const std::uint8_t> bytes) override;

private:
    /// Moves a lane's window on by one observation; writes the new window to `out`.
    void push(std::size_t lane, const float* observation, float* out) const;

    std::unique_ptr<VectorEnvironment> m_task;
    std::size_t m_length, m_size;
    std::vector<ObservationBounds> m_bounds; ///< of the task, `length` times, with the zeros before the start
    std::vector<float> m_window; ///< [lanes, length, size of the task's observation]
    StepResult m_result;         ///< of the task
};

} // namespace btcai
