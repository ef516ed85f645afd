#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/risk/KillSwitch.h"

namespace btcai {

/// What the guard holds an account to. Infinite, or a number of 0 bars, switches a limit off. Shares are of the account's equity.
struct RiskLimits {
    static constexpr double kOff = std::numeric_limits<double>::infinity();

    std::size_t maxPositions = std::numeric_limits<std::size_t>::max(); ///< open at once
    double maxPositionShare = kOff;                                     ///< |value| of all positions in one instrument, net
    double maxExposure = kOff;                                          ///< |sum of the instruments' signed values|
    double maxLeverage = kOff;                                          ///< sum over the instruments of |net value|
    double maxDailyLoss = kOff;                                         ///< 1 - equity / equity at the day's start
    double maxTotalLoss = kOff;                                         ///< 1 - equity / initial equity
    double maxDrawdown = kOff;                                          ///< 1 - equity / highest equity
    std::size_t coolDownBars = 0;                                       ///< after a position was closed with a loss
    double maxCorrelation = kOff;   ///< of a new position's returns with those of each open one, each with the sign of its side
    double maxHistoricalVar = kOff; ///< value at risk of one bar after the order, env/risk/ValueAtRisk.h
    double maxParametricVar = kOff;
    double varConfidence = 0.99;
    std::size_t leastReturns = 100; ///< that a correlation or a value at risk needs

    bool operator==(const RiskLimits&) const = default;
};

/// One open position (a lot; an instrument may have several).
struct OpenPosition {
    int instrument = 0;
    double quantity = 0.0; ///< base coin, signed; not 0
    double price = 0.0;    ///< the mark, quote currency
    std::span<const double>
        returns{}; ///< simple returns of the instrument's last bars, the latest last; may be empty where no limit needs it
};

/// All that a verdict depends on. Equities are net of deposits and withdrawals: what was paid in is no profit, what was taken out no loss.
struct GuardState {
    double equity = 0.0;
    double initialEquity = 0.0;
    double dayStartEquity = 0.0;
    double peakEquity = 0.0;
    /// Since a position was closed with a loss; the largest number where none was.
    std::size_t barsSinceLoss = std::numeric_limits<std::size_t>::max();
    std::span<const OpenPosition> positions{};
};

struct OrderRequest {
    int instrument = 0;
    double quantity = 0.0;             ///< base coin, signed: positive buys
    double price = 0.0;                ///< the mark, quote currency
    double cost = 0.0;                 ///< fee, spread and impact at most expected of the fill, quote currency; not negative
    std::span<const double> returns{}; ///< as in OpenPosition
};

enum class GuardReason {
    Allowed,
    KillSwitch,
    Unjudgeable, ///< a value is missing or not finite
    NoEquity,    ///< nothing is left to take a risk with
    Positions,
    PositionShare,
    Exposure,
    Leverage,
    DailyLoss,
    TotalLoss,
    Drawdown,
    CoolDown,
    Correlation,
    HistoricalVar,
    ParametricVar,
};

/// "allowed", "kill-switch", "unjudgeable", ...: stable, for logs and JSON.
std::string_view guardReasonName(GuardReason reason);

struct GuardVerdict {
    GuardReason reason = GuardReason::Unjudgeable;
    std::string text; ///< which limit, its value and the order's; empty when allowed

    bool allowed() const { return reason == GuardReason::Allowed; }
};

/// Stands between whoever decides and whatever fills, and fails closed: an order that it can't judge is refused. It never changes an order.
///
/// - A reduction (the order is opposite to the net position of its instrument and not larger) is allowed by every limit, since no limit may
///   keep anybody in a risk. The kill switch stops it too: what is open then is for a person to close.
/// - Any other order opens a position of its own. It is judged by the account as it would stand after the order filled whole and its cost
/// was
///   paid, and by what the account has lost. It is refused at the first limit that it violates. Loss limits refuse from the limit on (>=),
///   the others beyond it (>).
/// - What opens in the direction of an open position of the same instrument correlates with it by 1, so that maxCorrelation below 1 allows
/// no second lot.
class RiskGuard {
public:
    /// Throws Error(BadInput) naming a limit that is negative, NaN or out of range. The switch must outlive the guard.
    RiskGuard(const RiskLimits& limits, KillSwitch& killSwitch);

    const RiskLimits& limits() const { return m_limits; }

    /// Never throws for what stands in `state` or `order`: what can't be judged is refused.
    GuardVerdict judge(const GuardState& state, const OrderRequest& order) const;

    /// Judges, and calls `send()` where the order is allowed, so that no order is sent once the kill switch has been thrown (see
    /// KillSwitch), not even if that happens between verdict and sending.
    template <typename Send>
    GuardVerdict submit(const GuardState& state, const OrderRequest& order, Send&& send) const
    {
        const KillSwitch::Permit permit(m_killSwitch);
        if (!permit)
            return killed();
        GuardVerdict verdict = judgeLimits(state, order);
        if (verdict.allowed())
            send();
        return verdict;
    }

private:
    static GuardVerdict killed();
    GuardVerdict judgeLimits(const GuardState& state, const OrderRequest& order) const;
    GuardVerdict judgeLosses(const GuardState& state) const;
    GuardVerdict judgeSizes(const GuardState& state, const OrderRequest& order) const;
    GuardVerdict judgeCorrelation(const GuardState& state, const OrderRequest& order) const;
    GuardVerdict judgeValueAtRisk(const GuardState& state, const OrderRequest& order) const;

    RiskLimits m_limits;
    KillSwitch& m_killSwitch;
};

} // namespace btcai
