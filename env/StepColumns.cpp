#include "env/StepColumns.h"

#include <algorithm>

#include "base/VectorClones.h"
#include "base/VectorLog.h"

namespace btcai {

namespace {

inline double clipped(double value, double bound) { return std::min(std::max(value, -bound), bound); }

inline double progressOf(const GoalProgress& progress, double mark, double quantity, double entryPrice, double sincePeriodStart)
{
    const double gain = entryPrice > 0.0 ? (quantity < 0.0 ? -1.0 : 1.0) * (mark / entryPrice - 1.0) : 0.0;
    return clipped(progress.perLogReturn * sincePeriodStart + progress.perGain * gain, 2.0);
}

} // namespace

BTCAI_VECTOR_CLONES void settleAccounts(const SettleTerms& terms, const SettleColumns& columns)
{
    const auto [count, cash, quantity, base, entryPrice, bonus, equity, peak, logGrowth, periodStart, potential, reward] = columns;
    const auto [mark, ruinShare, goal, periodEnds, weights] = terms;
    const double ends = periodEnds ? 1.0 : 0.0; // a choice by a bool is not made several at a time
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) {
        const double before = equity[i], peakBefore = peak[i];
        const double after = cash[i] + quantity[i] * mark;
        const double peakAfter = std::max(peakBefore, after);
        // Equity at or below nothing has no logarithm; the account is ruined then, and this is its last reward.
        const double logReturn = vectorLog(std::max(after, 1e-3 * before) / before);
        const double growth = logGrowth[i] + logReturn;
        const double start = ends > 0.0 ? growth : periodStart[i];
        const double drawdown = 1.0 - after / peakAfter;
        const double progress = progressOf(goal, mark, quantity[i], entryPrice[i], growth - start);
        const double next = isRuined(after, base[i], ruinShare) ? 0.0 : weights.goalShaping * progress - weights.drawdownShaping * drawdown;
        double value = logReturn - weights.drawdownPenalty * std::max(0.0, drawdown - (1.0 - before / peakBefore));
        value += bonus[i] + (weights.discount * next - potential[i]);
        equity[i] = after;
        peak[i] = peakAfter;
        logGrowth[i] = growth;
        periodStart[i] = start;
        potential[i] = next;
        reward[i] = static_cast<float>(weights.scale * value);
    }
}

BTCAI_VECTOR_CLONES void observeAccounts(const ObserveTerms& terms, const ObserveColumns& columns)
{
    const auto [count, quantity, equity, peak, base, entryPrice, logGrowth, periodStart, worstEntry, exposure, gain, worstGain, drawdown, growth, progress] =
        columns;
    const auto [mark, goal] = terms;
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) {
        const double held = quantity[i], entry = entryPrice[i];
        const double side = held < 0.0 ? -1.0 : 1.0;
        const double left = std::max(equity[i], kLeastShare * base[i]);
        exposure[i] = static_cast<float>(clipped(held * mark / left, 5.0));
        gain[i] = static_cast<float>(clipped(20.0 * side * vectorLog(held == 0.0 ? 1.0 : mark / entry), 5.0));
        worstGain[i] = static_cast<float>(clipped(held == 0.0 ? 0.0 : 20.0 * side * (mark / (side * worstEntry[i]) - 1.0), 5.0));
        drawdown[i] = static_cast<float>(10.0 * std::max(0.0, 1.0 - left / peak[i])); // flows scale the peak but for rounding
        growth[i] = static_cast<float>(clipped(5.0 * logGrowth[i], 5.0));
        progress[i] = static_cast<float>(progressOf(goal, mark, held, entry, logGrowth[i] - periodStart[i]));
    }
}

} // namespace btcai
