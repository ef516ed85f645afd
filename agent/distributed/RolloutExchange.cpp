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
    std::size_t bytes = 0;
    for (const auto& [mine, every] : parts)
        bytes += mine.nbytes();
    const Tensor packed = torch::empty({1, static_cast<std::int64_t>(bytes)}, torch::kUInt8);
    Tensor gathered = torch::empty({group.size(), static_cast<std::int64_t>(bytes)}, torch::kUInt8);
    auto* to = packed.data_ptr<std::uint8_t>();
    for (const auto& [mine, every] : parts) {
        const Tensor dense = mine.contiguous();
        to = std::copy_n(static_cast<const std::uint8_t*>(dense.data_ptr()), dense.nbytes(), to);
    }
    group.gather(packed, gathered);
    const auto* from = gathered.data_ptr<std::uint8_t>();
    for (int rank = 0; rank < group.size(); ++rank)
        for (const auto& [mine, every] : parts) {
            std::copy_n(from, mine.nbytes(), static_cast<std::uint8_t*>(every.data_ptr()) + static_cast<std::size_t>(rank) * mine.nbytes());
            from += mine.nbytes();
        }
    std::copy_n(starts.data_ptr<std::int64_t>(), all.stretches, all.startRow.begin());
}

} // namespace btcai
