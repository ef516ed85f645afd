#pragma once

namespace btcai {

/// The reward of one step, per account:
///   scale * ( log(equity after / equity before) - drawdownPenalty * max(0, drawdown after - drawdown before) )
/// in which equity is net of every cost. The drawdown term is not potential-based: with a positive weight the optimal policy
/// is that of a drawdown-averse trader, not of a risk-neutral one.
struct RewardOptions {
    double scale = 100.0;
    double drawdownPenalty = 0.0;

    bool operator==(const RewardOptions&) const = default;
};

} // namespace btcai
