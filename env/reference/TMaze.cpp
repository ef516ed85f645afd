#include "env/reference/TMaze.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/Rng.h"
#include "env/ByteArchive.h"

namespace btcai {

namespace {

constexpr std::uint32_t kSnapshotVersion = 1;

enum Direction : std::uint8_t { North, East, South, West };

constexpr double kGoalReward = 4.0;
constexpr double kPenalty = -0.1; // for a wall, and for the wrong arm

} // namespace

TMaze::TMaze(std::size_t lanes, std::size_t length)
    : m_length(length), m_position(lanes), m_steps(lanes), m_episode(lanes), m_goalNorth(lanes), m_return(lanes), m_observation(lanes * 3)
{
    if (length == 0)
        throw Error(ErrorKind::BadInput, "T-maze: a corridor of length 0; it must be 1 or more");
    m_endedReturns.reserve(lanes);
    reset(0);
}

std::span<const ObservationBounds> TMaze::observationBounds() const
{
    static constexpr std::array<ObservationBounds, 3> bounds{{{0.0F, 1.0F}, {0.0F, 1.0F}, {0.0F, 1.0F}}};
    return bounds;
}

void TMaze::reset(std::uint64_t seed)
{
    m_seed = seed;
    m_endedReturns.clear();
    std::ranges::fill(m_episode, 0);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        startEpisode(lane);
}

void TMaze::startEpisode(std::size_t lane)
{
    Rng rng(m_seed, "tmaze-goal", lane, m_episode[lane]++);
    m_goalNorth[lane] = rng.below(2) == 0;
    m_position[lane] = 0;
    m_steps[lane] = 0;
    m_return[lane] = 0.0;
    observe(lane);
}

void TMaze::observe(std::size_t lane)
{
    using Seen = std::array<float, 3>;
    const Seen seen = m_position[lane] == m_length ? Seen{0, 1, 0}
                      : m_position[lane] > 0       ? Seen{1, 0, 1}
                      : m_goalNorth[lane]          ? Seen{0, 1, 1}
                                                   : Seen{1, 1, 0};
    std::ranges::copy(seen, m_observation.begin() + static_cast<std::ptrdiff_t>(3 * lane));
}

void TMaze::step(std::span<const std::uint8_t> actions, StepResult& result)
{
    assert(actions.size() == lanes());
    result.fit(lanes(), observationSize());
    m_endedReturns.clear();
    for (std::size_t lane = 0; lane < lanes(); ++lane) {
        const std::uint8_t action = actions[lane];
        std::uint64_t& position = m_position[lane];
        const bool atJunction = position == m_length;
        const bool ended = atJunction && (action == North || action == South);
        double reward = 0.0;
        if (ended)
            reward = (action == North) == (m_goalNorth[lane] != 0) ? kGoalReward : kPenalty;
        else if (action == East && !atJunction)
            ++position;
        else if (action == West && position > 0)
            --position;
        else
            reward = kPenalty;
        ++m_steps[lane];
        m_return[lane] += reward;
        result.reward[lane] = static_cast<float>(reward);
        result.terminated[lane] = ended;
        result.truncated[lane] = !ended && m_steps[lane] == 10 * (m_length + 1);
        observe(lane);
        if (ended || result.truncated[lane]) {
            std::copy_n(m_observation.data() + lane * 3, 3, result.finalObservation.data() + lane * 3);
            m_endedReturns.push_back(m_return[lane]);
            startEpisode(lane);
        }
    }
}

std::vector<std::uint8_t> TMaze::snapshot() const
{
    ByteWriter out;
    out.write(kSnapshotVersion);
    out.write(m_length);
    out.write(m_seed);
    out.write(m_position);
    out.write(m_steps);
    out.write(m_episode);
    out.write(m_goalNorth);
    out.write(m_return);
    return out.take();
}

void TMaze::restore(std::span<const std::uint8_t> bytes)
{
    TMaze copy = *this;
    ByteReader in(bytes, "T-maze snapshot");
    std::uint32_t version = 0;
    in.read(version);
    if (version != kSnapshotVersion)
        throw Error(ErrorKind::Corrupt, "T-maze snapshot: version {} is unknown to this build", version);
    in.read(copy.m_length);
    if (copy.m_length != m_length)
        throw Error(ErrorKind::Corrupt, "T-maze snapshot: of a corridor of {} cells where this one has {}", copy.m_length, m_length);
    in.read(copy.m_seed);
    in.read(copy.m_position);
    in.read(copy.m_steps);
    in.read(copy.m_episode);
    in.read(copy.m_goalNorth);
    in.read(copy.m_return);
    in.expectEnd();
    if (std::ranges::any_of(copy.m_position, [this](std::uint64_t position) { return position > m_length; }))
        throw Error(ErrorKind::Corrupt, "T-maze snapshot: a position beyond the junction");
    *this = std::move(copy);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        observe(lane);
}

} // namespace btcai
