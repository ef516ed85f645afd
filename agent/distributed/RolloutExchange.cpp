#include "agent/distributed/RolloutExchange.h"

#include <algorithm>

namespace btcai {

void gatherRollout(RankGroup& group, const RolloutBuffer& own, RolloutBuffer& all)
{
    for (torch::Tensor RolloutBuffer::*part :
         {&RolloutBuffer::state, &RolloutBuffer::action, &RolloutBuffer::logProbability, &RolloutBuffer::reward, &RolloutBuffer::value,
          &RolloutBuffer::advantage, &RolloutBuffer::returns})
        group.gather(own.*part, all.*part);
    for (torch::Tensor RolloutBuffer::*part :
         {&RolloutBuffer::surprise, &RolloutBuffer::temperature, &RolloutBuffer::entropyScale, &RolloutBuffer::memory, &RolloutBuffer::ended, &RolloutBuffer::sampledEmbeddings,
          &RolloutBuffer::situationEmbedding, &RolloutBuffer::situationClosedAt, &RolloutBuffer::situationOutcome}) {
        if (!(own.*part).defined()) {
            all.*part = torch::Tensor(); // not what an earlier rollout left
            continue;
        }
        std::vector<std::int64_t> shape = (own.*part).sizes().vec();
        shape[0] = all.stretches;
        all.*part = torch::empty(shape, (own.*part).scalar_type());
        group.gather(own.*part, all.*part);
    }
    torch::Tensor starts = torch::empty({all.stretches}, torch::kInt64);
    group.gather(torch::tensor(own.startRow, torch::kInt64), starts);
    std::copy_n(starts.data_ptr<std::int64_t>(), all.stretches, all.startRow.begin());
}

} // namespace btcai
