#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace btcai {

/// What one step gave, per lane. Terminated: the episode ended for good, its successor has value 0. Truncated: it was cut,
/// its successor has a value, and `finalObservation` is where to ask for it.
struct StepResult {
    std::vector<float> reward;
    std::vector<std::uint8_t> terminated;
    std::vector<std::uint8_t> truncated;
    std::vector<float> finalObservation; ///< [lanes, observationSize], only valid for lanes that ended

    void resize(std::size_t lanes, std::size_t observationSize)
    {
        reward.assign(lanes, 0.0F);
        terminated.assign(lanes, 0);
        truncated.assign(lanes, 0);
        finalObservation.assign(lanes * observationSize, 0.0F);
    }
    /// Resizes what has another size; allocates nothing for a result that fits already.
    void fit(std::size_t lanes, std::size_t observationSize)
    {
        if (reward.size() != lanes || terminated.size() != lanes || truncated.size() != lanes
            || finalObservation.size() != lanes * observationSize)
            resize(lanes, observationSize);
    }
};

/// Where one number of an observation always lies, the ends included.
struct ObservationBounds {
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();
};

/// Several copies of a task, stepped together, in the sense of Gymnasium's vector environments with automatic reset: a lane
/// that ended starts its next episode within the same step, and `observation()` shows that one's first observation.
///
/// Call order: reset, then any number of step. Not thread-safe; distinct objects are independent. Everything is a function of
/// the seed and the actions.
class VectorEnvironment {
public:
    virtual ~VectorEnvironment() = default;

    virtual std::size_t lanes() const = 0;
    virtual std::size_t observationSize() const = 0;
    /// [observationSize], of final observations too.
    virtual std::span<const ObservationBounds> observationBounds() const = 0;
    /// Actions are 0 ... actionCount() - 1.
    virtual std::size_t actionCount() const = 0;

    virtual void reset(std::uint64_t seed) = 0;
    /// [lanes, observationSize], valid until the next reset or step; always finite.
    virtual std::span<const float> observation() const = 0;
    /// One action per lane. `result` is resized as needed.
    virtual void step(std::span<const std::uint8_t> actions, StepResult& result) = 0;

    /// Returns of the episodes that ended in the latest step, in lane order, in the task's own unit.
    virtual std::span<const double> endedEpisodeReturns() const = 0;

    /// All that the future depends on, versioned. restore(snapshot()) changes nothing that can be observed.
    virtual std::vector<std::uint8_t> snapshot() const = 0;
    /// Throws Error(Corrupt) for bytes that are not a snapshot of an environment built alike; it is then unchanged.
    virtual void restore(std::span<const std::uint8_t> bytes) = 0;
};

} // namespace btcai
