#pragma once

#include "agent/ppo/RolloutBuffer.h"

namespace btcai {

/// Takes the market's luck out of the advantages. Prices do not react to the accounts, so a baseline may depend on the prices
/// to come without biasing the policy gradient (Mao et al., "Variance Reduction for Reinforcement Learning in Input-Driven
/// Environments", ICLR 2019, theorem 1): from each advantage the mean over the accounts that stand at the same bar of the same
/// stretch with the same target is subtracted. What is left compares what those accounts did, under the same prices.
///
/// The group is told by the state before the action (the one-hot target it begins with), never by the action. An account that is alone
/// in its group gets 0: nothing can be compared. The returns that the value head learns stay as they are.
void subtractGroupMeans(RolloutBuffer& buffer);

} // namespace btcai
