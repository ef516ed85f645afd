#pragma once

#include "agent/distributed/RankGroup.h"
#include "agent/ppo/RolloutBuffer.h"

namespace btcai {

/// Puts the rollouts of all ranks together: `own` [G / ranks, ...] of each, in the order of ranks, in `all` [G, ...]. Advantages must be
/// estimated; what only their estimate needs (nextValue, terminated, truncated) stays behind. A sample is a few dozen bytes, since the
/// market is at every rank, so a minibatch may be any of the stretches, as with one rank.
void gatherRollout(RankGroup& group, const RolloutBuffer& own, RolloutBuffer& all);

} // namespace btcai
