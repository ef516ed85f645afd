#include "agent/distributed/RolloutExchange.h"

#include <algorithm>

namespace btcai {

void gatherRollout(RankGroup& group, const RolloutBuffer& own, RolloutBuffer& all)
{
    for (torch::Tensor RolloutBuffer::*part :
         {&RolloutBuffer::state, &RolloutBuffer::action, &RolloutBuffer::logProbability, &RolloutBuffer::reward, &RolloutBuffer::value,
          &RolloutBuffer::advantage, &RolloutBuffer::returns})
        group.gather(own.*part, all.*part);
    torch::Tensor starts = torch::empty({all.stretches}, torch::kInt64);
    group.gather(torch::tensor(own.startRow, torch::kInt64), starts);
    std::copy_n(starts.data_ptr<std::int64_t>(), all.stretches, all.startRow.begin());
}

} // namespace btcai
