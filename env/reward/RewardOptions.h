#pragma once

namespace btcai {

/// The reward of one step, per account:
///   scale * ( log(equity after / equity before) - drawdownPenalty * max(0, drawdown after - drawdown before)
///             + winBonus * (positions closed with a profit - positions closed without)
///             + bonusMultiplier * gains of positions that reached their goal
///             + discount * potential after - potential before )
///   potential = goalShaping * progress to the goal - drawdownShaping * drawdown
/// in which equity is net of every cost and before flows, a gain is a share of the entry value, and the potential after a step that
/// ends an episode for good is 0.
///
/// The potential terms follow Ng, Harada and Russell, "Policy Invariance Under Reward Transformations" (ICML 1999): with
/// `discount` the learner's own they do not change which policy is optimal. The first three weights do: a positive drawdownPenalty makes a
/// drawdown-averse trader optimal, a winBonus one who takes small profits and puts off losses, a bonusMultiplier one who holds on
/// for the goal.
struct RewardOptions {
    double scale = 100.0;
    double drawdownPenalty = 0.0;
    double winBonus = 0.0;
    double bonusMultiplier = 0.0;
    double goalShaping = 0.0;
    double drawdownShaping = 0.0;
    double discount = 0.99;

    bool usesPotential() const { return goalShaping != 0.0 || drawdownShaping != 0.0; }
    bool operator==(const RewardOptions&) const = default;
};

} // namespace btcai
