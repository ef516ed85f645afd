#pragma once

#include "env/reference/ControlTask.h"

namespace btcai {

/// The cart and pole of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control
/// problems" (1983), with the constants and limits of Gymnasium's CartPole-v1: Euler steps of 0.02 s, force 10 N, reward 1 a step,
/// terminated beyond +-2.4 m or +-12 degrees, truncated after 500 steps. Observation: position (m), velocity (m/s), angle (rad),
/// angular velocity (rad/s). Actions: 0 pushes left, 1 right.
class CartPole final : public ControlTask {
public:
    explicit CartPole(std::size_t lanes);

    std::size_t actionCount() const override { return 2; }

private:
    Outcome advance(State& state, std::uint8_t action) const override;
    void observe(const State& state, float* out) const override;
};

} // namespace btcai
