#include "env/reference/Acrobot.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace btcai {

namespace {

using State = ControlTask::State;

constexpr double kGravity = 9.8;
constexpr double kMass1 = 1.0, kMass2 = 1.0;
constexpr double kLength1 = 1.0;
constexpr double kCentre1 = 0.5, kCentre2 = 0.5; ///< of mass, from the link's upper end
constexpr double kInertia1 = 1.0, kInertia2 = 1.0;
constexpr double kSecondsPerStep = 0.2;
constexpr double kMaxVelocity1 = 4.0 * std::numbers::pi;
constexpr double kMaxVelocity2 = 9.0 * std::numbers::pi;

/// The names are the book's: d1 and d2 of the mass matrix, phi1 and phi2 of gravity, Coriolis and centrifugal forces.
State derivative(const State& s, double torque)
{
    const auto [angle1, angle2, velocity1, velocity2] = s;
    const double coupling = kMass2 * kLength1 * kCentre2;
    const double sine = std::sin(angle2), cosine = std::cos(angle2);
    const double d1 = kMass1 * kCentre1 * kCentre1 + kMass2 * (kLength1 * kLength1 + kCentre2 * kCentre2) + 2.0 * coupling * cosine
                      + kInertia1 + kInertia2;
    const double d2 = kMass2 * kCentre2 * kCentre2 + coupling * cosine + kInertia2;
    const double phi2 = kMass2 * kCentre2 * kGravity * std::sin(angle1 + angle2);
    const double phi1 = -coupling * velocity2 * (velocity2 + 2.0 * velocity1) * sine
                        + (kMass1 * kCentre1 + kMass2 * kLength1) * kGravity * std::sin(angle1) + phi2;
    const double acceleration2 = (torque + d2 / d1 * phi1 - coupling * velocity1 * velocity1 * sine - phi2)
                                 / (kMass2 * kCentre2 * kCentre2 + kInertia2 - d2 * d2 / d1);
    return {velocity1, velocity2, -(d2 * acceleration2 + phi1) / d1, acceleration2};
}

State along(const State& from, const State& slope, double seconds)
{
    State to = from;
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] += seconds * slope[i];
    return to;
}

ObservationBounds within(double limit) { return {static_cast<float>(-limit), static_cast<float>(limit)}; }

} // namespace

Acrobot::Acrobot(std::size_t lanes)
    : ControlTask("Acrobot", "acrobot-start", 0.1,
                  {within(1), within(1), within(1), within(1), within(kMaxVelocity1), within(kMaxVelocity2)}, lanes)
{
    reset(0);
}

State Acrobot::move(const State& state, double torque)
{
    constexpr double h = kSecondsPerStep;
    const State k1 = derivative(state, torque);
    const State k2 = derivative(along(state, k1, 0.5 * h), torque);
    const State k3 = derivative(along(state, k2, 0.5 * h), torque);
    const State k4 = derivative(along(state, k3, h), torque);
    State next = state;
    for (std::size_t i = 0; i < next.size(); ++i)
        next[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    for (std::size_t i : {0U, 1U})
        next[i] = std::remainder(next[i], 2.0 * std::numbers::pi);
    next[2] = std::clamp(next[2], -kMaxVelocity1, kMaxVelocity1);
    next[3] = std::clamp(next[3], -kMaxVelocity2, kMaxVelocity2);
    return next;
}

ControlTask::Outcome Acrobot::advance(State& state, std::uint8_t action) const
{
    state = move(state, static_cast<double>(action) - 1.0);
    const bool isHigh = -std::cos(state[0]) - std::cos(state[0] + state[1]) > 1.0;
    return {.reward = isHigh ? 0.0 : -1.0, .terminated = isHigh};
}

void Acrobot::observe(const State& state, float* out) const
{
    for (std::size_t i : {0U, 1U}) {
        out[2 * i] = static_cast<float>(std::cos(state[i]));
        out[2 * i + 1] = static_cast<float>(std::sin(state[i]));
    }
    out[4] = static_cast<float>(state[2]);
    out[5] = static_cast<float>(state[3]);
}

} // namespace btcai
