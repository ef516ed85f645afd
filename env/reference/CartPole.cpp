#include "env/reference/CartPole.h"

#include <cmath>
#include <numbers>

namespace btcai {

namespace {

constexpr double kGravity = 9.8;
constexpr double kPoleMass = 0.1;
constexpr double kTotalMass = 1.1;
constexpr double kHalfLength = 0.5;
constexpr double kForce = 10.0;
constexpr double kSecondsPerStep = 0.02;
constexpr double kPositionLimit = 2.4;
constexpr double kAngleLimit = 12.0 * std::numbers::pi / 180.0;

std::vector<ObservationBounds> bounds()
{
    // What a lane shows when its episode ends lies beyond the limits, by less than they are wide.
    const auto twice = [](double limit) { return ObservationBounds{static_cast<float>(-2.0 * limit), static_cast<float>(2.0 * limit)}; };
    return {twice(kPositionLimit), {}, twice(kAngleLimit), {}};
}

} // namespace

CartPole::CartPole(std::size_t lanes) : ControlTask("CartPole", "cartpole-start", 0.05, bounds(), lanes) { reset(0); }

/// One Euler step; positions move with the old velocities, as in the reference.
ControlTask::Outcome CartPole::advance(State& s, std::uint8_t action) const
{
    const double force = action == 1 ? kForce : -kForce;
    const double sine = std::sin(s[2]);
    const double cosine = std::cos(s[2]);
    const double push = (force + kPoleMass * kHalfLength * s[3] * s[3] * sine) / kTotalMass;
    const double angular = (kGravity * sine - cosine * push)
                           / (kHalfLength * (4.0 / 3.0 - kPoleMass * cosine * cosine / kTotalMass));
    const double linear = push - kPoleMass * kHalfLength * angular * cosine / kTotalMass;
    s[0] += kSecondsPerStep * s[1];
    s[1] += kSecondsPerStep * linear;
    s[2] += kSecondsPerStep * s[3];
    s[3] += kSecondsPerStep * angular;
    return {.reward = 1.0, .terminated = std::abs(s[0]) > kPositionLimit || std::abs(s[2]) > kAngleLimit};
}

void CartPole::observe(const State& state, float* out) const
{
    for (std::size_t i = 0; i < state.size(); ++i)
        out[i] = static_cast<float>(state[i]);
}

} // namespace btcai
