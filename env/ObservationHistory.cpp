#include "env/ObservationHistory.h"

#include <algorithm>
#include <cstring>

#include "env/ByteArchive.h"

namespace btcai {

namespace {

constexpr std::uint32_t kSnapshotVersion = 1;

} // namespace

ObservationHistory::ObservationHistory(std::unique_ptr<VectorEnvironment> task, std::size_t length)
    : m_task(std::move(task)), m_length(length), m_size(m_task->observationSize()), m_window(lanes() * length * m_size)
{
    if (length == 0)
        throw Error(ErrorKind::BadInput, "observation history: a length of 0; it must be 1 or more");
    for (std::size_t i = 0; i < length; ++i)
        for (const ObservationBounds& of : m_task->observationBounds())
            m_bounds.push_back({std::min(of.low, 0.0F), std::max(of.high, 0.0F)});
    reset(0);
}

void ObservationHistory::reset(std::uint64_t seed)
{
    m_task->reset(seed);
    std::ranges::fill(m_window, 0.0F);
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        push(lane, m_task->observation().data() + lane * m_size, m_window.data() + lane * observationSize());
}

void ObservationHistory::push(std::size_t lane, const float* observation, float* out) const
{
    const std::size_t kept = observationSize() - m_size;
    std::memmove(out, m_window.data() + lane * observationSize() + m_size, kept * sizeof(float));
    std::copy_n(observation, m_size, out + kept);
}

void ObservationHistory::step(std::span<const std::uint8_t> actions, StepResult& result)
{
    m_task->step(actions, m_result);
    result.fit(lanes(), observationSize());
    result.reward = m_result.reward;
    result.terminated = m_result.terminated;
    result.truncated = m_result.truncated;
    for (std::size_t lane = 0; lane < lanes(); ++lane) {
        float* const window = m_window.data() + lane * observationSize();
        if (result.terminated[lane] || result.truncated[lane]) {
            push(lane, m_result.finalObservation.data() + lane * m_size, result.finalObservation.data() + lane * observationSize());
            std::fill_n(window, observationSize(), 0.0F);
        }
        push(lane, m_task->observation().data() + lane * m_size, window);
    }
}

std::vector<std::uint8_t> ObservationHistory::snapshot() const
{
    ByteWriter out;
    out.write(kSnapshotVersion);
    out.write(m_window);
    std::vector<std::uint8_t> bytes = out.take();
    const auto task = m_task->snapshot();
    bytes.insert(bytes.end(), task.begin(), task.end());
    return bytes;
}

void ObservationHistory::restore(std::span<const std::uint8_t> bytes)
{
    const std::size_t own = std::min(bytes.size(), sizeof kSnapshotVersion + sizeof(std::uint64_t) + m_window.size() * sizeof(float));
    ByteReader in(bytes.first(own), "observation history's snapshot");
    std::uint32_t version = 0;
    in.read(version);
    if (version != kSnapshotVersion)
        throw Error(ErrorKind::Corrupt, "observation history's snapshot: version {} is unknown to this build", version);
    std::vector<float> window(m_window.size());
    in.read(window);
    m_task->restore(bytes.subspan(own));
    m_window = std::move(window);
}

} // namespace btcai
