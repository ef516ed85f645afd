#include "env/reference/ControlTask.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "env/ByteArchive.h"

namespace btcai {

namespace {

constexpr std::uint32_t kSnapshotVersion = 2;

} // namespace

ControlTask::ControlTask(const char* name, const char* starts, double startRange, std::vector<ObservationBounds> bounds, std::size_t lanes)
    : m_name(name), m_starts(starts), m_startRange(startRange), m_bounds(std::move(bounds)), m_state(lanes), m_steps(lanes), m_episode(lanes),
      m_return(lanes), m_observation(lanes * m_bounds.size())
{
    m_endedReturns.reserve(lanes);
}

void ControlTask::reset(std::uint64_t seed)
{
    m_seed = seed;
    m_endedReturns.clear();
    std::ranges::fill(m_episode, 0);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        startEpisode(lane);
}

void ControlTask::startEpisode(std::size_t lane)
{
    Rng rng(m_seed, m_starts, lane, m_episode[lane]++);
    for (double& value : m_state[lane])
        value = 2.0 * m_startRange * rng.uniform() - m_startRange;
    m_steps[lane] = 0;
    m_return[lane] = 0.0;
    observeLane(lane);
}

void ControlTask::step(std::span<const std::uint8_t> actions, StepResult& result)
{
    assert(actions.size() == lanes());
    assert(std::ranges::all_of(actions, [this](std::uint8_t action) { return action < actionCount(); }));
    const std::size_t size = observationSize();
    result.fit(lanes(), size);
    m_endedReturns.clear();
    for (std::size_t lane = 0; lane < lanes(); ++lane) {
        const Outcome outcome = advance(m_state[lane], actions[lane]);
        ++m_steps[lane];
        m_return[lane] += outcome.reward;
        result.reward[lane] = static_cast<float>(outcome.reward);
        result.terminated[lane] = outcome.terminated;
        result.truncated[lane] = !outcome.terminated && m_steps[lane] == kStepLimit;
        observeLane(lane);
        if (result.terminated[lane] || result.truncated[lane]) {
            std::copy_n(m_observation.data() + lane * size, size, result.finalObservation.data() + lane * size);
            m_endedReturns.push_back(m_return[lane]);
            startEpisode(lane);
        }
    }
}

std::vector<std::uint8_t> ControlTask::snapshot() const
{
    ByteWriter out;
    out.write(kSnapshotVersion);
    out.write(m_seed);
    out.write(m_state);
    out.write(m_steps);
    out.write(m_episode);
    out.write(m_return);
    return out.take();
}

void ControlTask::restore(std::span<const std::uint8_t> bytes)
{
    const std::string what = std::string(m_name) + " snapshot";
    ByteReader in(bytes, what);
    std::uint32_t version = 0;
    in.read(version);
    if (version != kSnapshotVersion)
        throw Error(ErrorKind::Corrupt, "{}: version {} is unknown to this build", what, version);
    std::uint64_t seed = 0;
    auto state = m_state;
    auto steps = m_steps, episode = m_episode;
    auto returns = m_return;
    in.read(seed);
    in.read(state);
    in.read(steps);
    in.read(episode);
    in.read(returns);
    in.expectEnd();
    m_seed = seed;
    m_state.swap(state);
    m_steps.swap(steps);
    m_episode.swap(episode);
    m_return.swap(returns);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        observeLane(lane);
}

} // namespace btcai
