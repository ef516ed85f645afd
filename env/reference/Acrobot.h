#pragma once

#include "env/reference/ControlTask.h"

namespace btcai {

/// The two-link pendulum of Sutton, "Generalization in Reinforcement Learning: Successful Examples Using Sparse Coarse Coding" (NIPS 8,
/// 1996), driven at the joint between the links, with the constants of Gymnasium's Acrobot-v1 and the equations of motion of Sutton and Barto,
/// "Reinforcement Learning: An Introduction" (one torque, held for 0.2 s; one step of the classical Runge-Kutta method). Reward -1 a
/// step, 0 for the one that brings the tip a link's length above the fixed end, -cos(a1) - cos(a1 + a2) > 1, and terminates; truncated
/// after 500 steps. Observation: cos(a1), sin(a1), cos(a2), sin(a2) and the angular velocities (rad/s), which are held within +-4 pi and
/// +-9 pi; a1 is 0 when the first link hangs, a2 when the links are in line. Actions: torques of -1, 0, 1 N m.
class Acrobot final : public ControlTask {
public:
    explicit Acrobot(std::size_t lanes);

    std::size_t actionCount() const override { return 3; }

    /// The state (a1, a2 in +-pi, and their velocities) 0.2 s later.
    static State move(const State& state, double torque);

private:
    Outcome advance(State& state, std::uint8_t action) const override;
    void observe(const State& state, float* out) const override;
};

} // namespace btcai
