#pragma once

#include <array>

#include "base/Rng.h"
#include "env/VectorEnvironment.h"

namespace btcai {

/// What the classic control tasks have in common: four numbers of state per lane, episodes that start at random and are cut after 500 steps,
/// and the sum of rewards as their return.
class ControlTask : public VectorEnvironment {
public:
    static constexpr std::uint64_t kStepLimit = 500;
    using State = std::array<double, 4>;

    std::size_t lanes() const final { return m_state.size(); }
    std::size_t observationSize() const final { return m_bounds.size(); }
    std::span<const ObservationBounds> observationBounds() const final { return m_bounds; }
    void reset(std::uint64_t seed) final;
    std::span<const float> observation() const final { return m_observation; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) final;
    std::span<const double> endedEpisodeReturns() const final { return m_endedReturns; }
    std::vector<std::uint8_t> snapshot() const final;
    void restore(std::span<const std::uint8_t> bytes) final;

protected:
    struct Outcome {
        double reward = 0.0;
        bool terminated = false;
    };

    /// A task whose starts are drawn by streams of the purpose `starts` ("cartpole-start"), uniform within +-startRange.
    ControlTask(const char* name, const char* starts, double startRange, std::vector<ObservationBounds> bounds, std::size_t lanes);

    virtual Outcome advance(State& state, std::uint8_t action) const = 0;
    virtual void observe(const State& state, float* out) const = 0;

private:
    void startEpisode(std::size_t lane);
    void observeLane(std::size_t lane) { observe(m_state[lane], m_observation.data() + lane * m_bounds.size()); }

    const char* m_name;
    const char* m_starts;
    double m_startRange;
    std::vector<ObservationBounds> m_bounds;
    std::uint64_t m_seed = 0;
    std::vector<State> m_state;
    std::vector<std::uint64_t> m_steps, m_episode;
    std::vector<double> m_return; ///< of the episode so far
    std::vector<float> m_observation;
    std::vector<double> m_endedReturns;
};

} // namespace btcai
