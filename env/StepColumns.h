#pragma once

#include <cstddef>

namespace btcai {

// What a step works out for all accounts of a stretch, which stand at the same bar: loops over columns that run several accounts at a
// time. An account's numbers depend neither on how many there are nor on the processor.

/// How far an account has come to its goal is measured in one of these, and clipped to +-2.
struct GoalProgress {
    double perLogReturn = 0.0; ///< of the month or year
    double perGain = 0.0;      ///< of the position, a share of its entry price
};

struct SettleTerms {
    double mark = 0.0;
    double ruinShare = 0.0;
    GoalProgress progress;
    bool periodEnds = false; ///< the month or year of the goal ends at this close
    struct {
        double scale = 1.0, discount = 1.0, drawdownPenalty = 0.0, drawdownShaping = 0.0, goalShaping = 0.0;
    } reward; ///< as in RewardOptions
};

/// One value per account in each column.
struct SettleColumns {
    std::size_t count = 0;
    const double *cash, *quantity, *base, *entryPrice;
    const double* bonus;      ///< reward for what was closed in this bar
    double *equity, *peak;    ///< at the mark before, then at this one
    double* logGrowth;        ///< log return of the episode, likewise
    double* periodStart;      ///< logGrowth when the goal's period began
    double* potential;        ///< that shapes rewards, at the mark before, then at this one; 0 of a ruined account
    float* reward;            ///< of this bar
};

/// Below this share of what it began with, equity is shown as this: what is gone has no logarithm.
inline constexpr double kLeastShare = 1e-12;

/// Whether an account can't go on.
inline bool isRuined(double equity, double base, double ruinShare) { return equity < ruinShare * base || !(equity > 0.0); }

void settleAccounts(const SettleTerms& terms, const SettleColumns& columns);

struct ObserveTerms {
    double mark = 0.0;
    GoalProgress progress;
};

struct ObserveColumns {
    std::size_t count = 0;
    const double *quantity, *equity, *peak, *base, *entryPrice, *logGrowth, *periodStart;
    const double* worstEntry; ///< times the side of the account
    // As TradingEnv tells them.
    float *exposure, *gain, *worstGain, *drawdown, *growth, *progress;
};

void observeAccounts(const ObserveTerms& terms, const ObserveColumns& columns);

} // namespace btcai
