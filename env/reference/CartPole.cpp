#include "env/reference/CartPole.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "base/Rng.h"
#include "env/ByteArchive.h"

namespace btcai {

namespace {

constexpr std::uint32_t kSnapshotVersion = 1;

constexpr double kGravity = 9.8;
constexpr double kPoleMass = 0.1;
constexpr double kTotalMass = 1.1;
constexpr double kHalfLength = 0.5;
constexpr double kForce = 10.0;
constexpr double kSecondsPerStep = 0.02;
constexpr double kPositionLimit = 2.4;
constexpr double kAngleLimit = 12.0 * std::numbers::pi / 180.0;
constexpr std::uint64_t kStepLimit = 500;

/// One Euler step; positions move with the old velocities, as in the reference.
void advance(double* s, double force)
{
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
}

} // namespace

CartPole::CartPole(std::size_t lanes) : m_state(lanes * 4), m_steps(lanes), m_episode(lanes), m_observation(lanes * 4)
{
    m_endedReturns.reserve(lanes);
    reset(0);
}

void CartPole::reset(std::uint64_t seed)
{
    m_seed = seed;
    m_endedReturns.clear();
    std::ranges::fill(m_episode, 0);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        startEpisode(lane);
}

void CartPole::startEpisode(std::size_t lane)
{
    Rng rng(m_seed, "cartpole-start", lane, m_episode[lane]++);
    for (std::size_t i = 0; i < 4; ++i)
        m_state[lane * 4 + i] = 0.1 * rng.uniform() - 0.05;
    m_steps[lane] = 0;
    observe(lane);
}

void CartPole::observe(std::size_t lane)
{
    for (std::size_t i = lane * 4; i < lane * 4 + 4; ++i)
        m_observation[i] = static_cast<float>(m_state[i]);
}

void CartPole::step(std::span<const std::uint8_t> actions, StepResult& result)
{
    assert(actions.size() == lanes());
    result.fit(lanes(), observationSize());
    m_endedReturns.clear();
    for (std::size_t lane = 0; lane < lanes(); ++lane) {
        double* const state = m_state.data() + lane * 4;
        advance(state, actions[lane] == 1 ? kForce : -kForce);
        ++m_steps[lane];
        const bool fell = std::abs(state[0]) > kPositionLimit || std::abs(state[2]) > kAngleLimit;
        result.reward[lane] = 1.0F;
        result.terminated[lane] = fell;
        result.truncated[lane] = !fell && m_steps[lane] == kStepLimit;
        observe(lane);
        if (fell || result.truncated[lane]) {
            std::copy_n(m_observation.data() + lane * 4, 4, result.finalObservation.data() + lane * 4);
            m_endedReturns.push_back(static_cast<double>(m_steps[lane]));
            startEpisode(lane);
        }
    }
}

std::vector<std::uint8_t> CartPole::snapshot() const
{
    ByteWriter out;
    out.write(kSnapshotVersion);
    out.write(m_seed);
    out.write(m_state);
    out.write(m_steps);
    out.write(m_episode);
    return out.take();
}

void CartPole::restore(std::span<const std::uint8_t> bytes)
{
    CartPole copy = *this;
    ByteReader in(bytes, "CartPole snapshot");
    std::uint32_t version = 0;
    in.read(version);
    if (version != kSnapshotVersion)
        throw Error(ErrorKind::Corrupt, "CartPole snapshot: version {} is unknown to this build", version);
    in.read(copy.m_seed);
    in.read(copy.m_state);
    in.read(copy.m_steps);
    in.read(copy.m_episode);
    in.expectEnd();
    *this = std::move(copy);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        observe(lane);
}

} // namespace btcai
