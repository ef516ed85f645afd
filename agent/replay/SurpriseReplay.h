#pragma once

#include <cstdint>
#include <vector>

#include "agent/config/RunConfig.h"
#include "agent/ppo/RolloutBuffer.h"
#include "agent/replay/SumTree.h"
#include "models/ModelFile.h"

namespace btcai {

/// A segment of a rollout to learn from again.
struct ReplayDraw {
    std::int64_t record = 0;    ///< its number, for ReplayObservation
    std::int64_t row = 0;       ///< of the first decision
    std::int64_t age = 0;       ///< iterations since it was collected
    double weight = 1.0;        ///< importance weight, at most 1
    // [1, T, M, S] and [1, T, M], as in RolloutBuffer
    torch::Tensor state, action, logProbability, advantage, returns;
};

/// How surprising a drawn segment is now.
struct ReplayObservation {
    std::int64_t record = 0;
    double surprise = 0.0;   ///< of the forecast, as RolloutBuffer::surprise
    double valueError = -1.0; ///< root mean square of returns - value; negative: not looked at
};

/// Segments of earlier rollouts, drawn the oftener the more they surprised: prioritised replay after Schaul et al., "Prioritized
/// Experience Replay" (2016). A record is the row that it begins at and what a few of its accounts saw and did, some tens of bytes a sample; the market is
/// read again. Once full, the oldest records make room.
///
/// The priority of a segment is p = surprise + value error: the root mean square of the forecast's errors in units of its deviation (1 when it is
/// as wrong as it says), and that of returns less values in units of the deviation of the rollout's returns. It is drawn with probability
/// P = p^alpha / sum p^alpha, and counts (N P)^-beta over the largest such weight drawn with it, with beta rising to 1 at the end of the run (equation 1
/// and section 3.4 there). What is drawn depends on (seed, iteration, step) and on the records alone.
class SurpriseReplay {
public:
    SurpriseReplay(const RunConfig& config, std::int64_t stateSize);

    /// The records of a rollout with advantages and surprise. Throws Error(Internal) where a segment is not a part of the rollout's length.
    void add(const RolloutBuffer& buffer, std::int64_t iteration);
    /// What a step of the update learns from besides its minibatch; nothing while there are no records. `progress`: share of the run that is over.
    std::vector<ReplayDraw> draw(const RunConfig::Replay& options, std::int64_t iteration, std::int64_t step, double progress) const;
    void observe(const std::vector<ReplayObservation>& observations);

    std::int64_t size() const { return m_count; }
    std::int64_t segmentBars() const { return m_bars; }
    /// Mean over the records, 0 without.
    double meanPriority() const;

    /// All of it, for a checkpoint, and back. Throws Error(Corrupt) when the tensors are not those of such a replay.
    TensorFile snapshot() const;
    void restore(const TensorFile& snapshot);

private:
    double priority(std::int64_t record) const;
    void setWeight(std::int64_t record);
    std::vector<std::pair<const char*, torch::Tensor*>> tensors();

    std::uint64_t m_seed;
    double m_alpha;
    bool m_normalizesAdvantages; ///< over the rollout
    std::int64_t m_capacity, m_bars, m_accounts;
    std::int64_t m_next = 0, m_count = 0;
    torch::Tensor m_row, m_iteration;           ///< [C] int64
    torch::Tensor m_surprise, m_valueError;     ///< [C] double
    torch::Tensor m_returnScale;                ///< [C] double, deviation of the returns of the rollout
    torch::Tensor m_state;                      ///< [C, T, M, S]
    torch::Tensor m_action;                     ///< [C, T, M] int64
    torch::Tensor m_logProbability, m_advantage, m_returns; ///< [C, T, M]
    SumTree m_tree;
};

} // namespace btcai
