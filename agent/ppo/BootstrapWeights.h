#pragma once

#include <cstdint>
#include <vector>

#include "models/Torch.h"

namespace btcai {

/// How often each bar counts in the forecast loss of each member of an ensemble: a bootstrap sample of the market for each, so that members differ
/// by what their data leave open (Osband et al., "Deep Exploration via Bootstrapped DQN", 2016, section 4). Counts are Poisson of mean 1, as
/// of a sample with replacement from very many (Oza and Russell, "Online Bagging and Boosting", 2001). Bars of one block of `blockBars` are drawn
/// together, since their outcomes overlap (Kuensch, "The Jackknife and the Bootstrap for General Stationary Observations", 1989).
///
/// Of rows [start, start + rows) for each start: [G, rows, K], float32. A row's counts are a function of (seed, member, row) alone: they are the same in every
/// epoch, minibatch and thread.
torch::Tensor bootstrapWeights(std::uint64_t seed, std::int64_t members, std::int64_t blockBars, const std::vector<std::int64_t>& starts,
                               std::int64_t rows);

} // namespace btcai
