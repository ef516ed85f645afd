#include "agent/distributed/RolloutExchange.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace btcai {

using torch::Tensor;

void gatherRollout(RankGroup& group, const RolloutBuffer& own, RolloutBuffer& all)
{
    std::vector<std::pair<Tensor, Tensor>> parts; // of this rank, and of all
    for (Tensor RolloutBuffer::*part :
         {&RolloutBuffer::state, &RolloutBuffer::action, &RolloutBuffer::logProbability, &RolloutBuffer::reward, &RolloutBuffer::value,
          &RolloutBuffer::advantage, &RolloutBuffer::returns})
        parts.emplace_back(own.*part, all.*part);
    for (Tensor RolloutBuffer::*part :
         {&RolloutBuffer::surprise, &RolloutBuffer::temperature, &RolloutBuffer::entropyScale, &RolloutBuffer::memory, &RolloutBuffer::ended, &RolloutBuffer::sampledEmbeddings,
          &RolloutBuffer::situationEmbedding, &RolloutBuffer::situationClosedAt, &RolloutBuffer::situationOutcome}) {
        if (!(own.*part).defined()) {
            all.*part = Tensor(); // not what an earlier rollout left
            continue;
        }
        std::vector<std::int64_t> shape = (own.*part).sizes().vec();
        shape[0] = all.stretches;
        all.*part = torch::empty(shape, (own.*part).scalar_type());
        parts.emplace_back(own.*part, all.*part);
    }
    const Tensor starts = torch::empty({all.stretches}, torch::kInt64);
    parts.emplace_back(torch::tensor(own.startRow, torch::kInt64), starts);

    // All at once: each gathering costs a meeting, whatever its size.
    std::vector<std::uint8_t> packed;
    for (const auto& [mine, every] : parts) {
        const Tensor dense = mine.contiguous();
        const auto* const first = static_cast<const std::uint8_t*>(dense.data_ptr());
        packed.insert(packed.end(), first, first + dense.nbytes());
    }
    const std::vector<std::vector<std::uint8_t>> ranks = group.gather(packed);
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
        const std::uint8_t* from = ranks[rank].data();
        for (const auto& [mine, every] : parts) {
            std::copy_n(from, mine.nbytes(), static_cast<std::uint8_t*>(every.data_ptr()) + rank * mine.nbytes());
            from += mine.nbytes();
        }
    }
    std::copy_n(starts.data_ptr<std::int64_t>(), all.stretches, all.startRow.begin());
}

} // namespace btcai
