#include "env/risk/RiskGuard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/Error.h"
#include "env/risk/ValueAtRisk.h"

namespace btcai {

namespace {

constexpr std::array<std::string_view, 15> kReasonNames{"allowed",        "kill-switch", "unjudgeable", "no-equity",      "positions",
                                                        "position-share", "exposure",    "leverage",    "daily-loss",     "total-loss",
                                                        "drawdown",       "cool-down",   "correlation", "historical-var", "parametric-var"};

const GuardVerdict kAllowed{GuardReason::Allowed, {}};

GuardVerdict refuse(GuardReason reason, std::string text) { return {reason, std::move(text)}; }

GuardVerdict refuseBeyond(GuardReason reason, std::string_view what, double value, double limit)
{
    return refuse(reason, fmt::format("{} of {:.4g}; the limit is {:.4g}", what, value, limit));
}

bool isPositive(double value) { return std::isfinite(value) && value > 0.0; }
bool isQuantity(double value) { return std::isfinite(value) && value != 0.0; }

/// What of the numbers is missing or none, or nothing.
std::optional<std::string> whatIsUnknown(const GuardState& state, const OrderRequest& order)
{
    if (!isQuantity(order.quantity))
        return fmt::format("the order's quantity is {}", order.quantity);
    if (!isPositive(order.price))
        return fmt::format("the order's price is {}", order.price);
    if (!(std::isfinite(order.cost) && order.cost >= 0.0))
        return fmt::format("the order's cost is {}", order.cost);
    if (!std::isfinite(state.equity))
        return fmt::format("the equity is {}", state.equity);
    if (!isPositive(state.initialEquity))
        return fmt::format("the initial equity is {}", state.initialEquity);
    if (!isPositive(state.dayStartEquity))
        return fmt::format("the equity at the day's start is {}", state.dayStartEquity);
    if (!isPositive(state.peakEquity))
        return fmt::format("the highest equity is {}", state.peakEquity);
    for (const OpenPosition& position : state.positions)
        if (!isQuantity(position.quantity) || !isPositive(position.price))
            return fmt::format("a position of {} at {} is open in instrument {}", position.quantity, position.price, position.instrument);
    return std::nullopt;
}

double netQuantity(const GuardState& state, int instrument)
{
    double net = 0.0;
    for (const OpenPosition& position : state.positions)
        net += position.instrument == instrument ? position.quantity : 0.0;
    return net;
}

bool isReduction(const GuardState& state, const OrderRequest& order)
{
    const double net = netQuantity(state, order.instrument);
    constexpr double kRounding = 1e-9; // of a sum of many positions: closing all of them is a reduction
    return net * order.quantity < 0.0 && std::abs(order.quantity) <= std::abs(net) * (1.0 + kRounding);
}

/// The returns that a limit needs: so many of the latest ones, or nothing where they are too few or not finite.
std::optional<std::span<const double>> latest(std::span<const double> returns, std::size_t count)
{
    if (returns.size() < count)
        return std::nullopt;
    const auto part = returns.last(count);
    return std::ranges::all_of(part, [](double r) { return std::isfinite(r); }) ? std::optional(part) : std::nullopt;
}

/// Pearson's coefficient; nothing for a series without any deviation.
std::optional<double> correlation(std::span<const double> a, std::span<const double> b)
{
    const auto count = static_cast<double>(a.size());
    double meanA = 0.0, meanB = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        meanA += a[i] / count;
        meanB += b[i] / count;
    }
    double squaresA = 0.0, squaresB = 0.0, products = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        squaresA += (a[i] - meanA) * (a[i] - meanA);
        squaresB += (b[i] - meanB) * (b[i] - meanB);
        products += (a[i] - meanA) * (b[i] - meanB);
    }
    const double scale = std::sqrt(squaresA) * std::sqrt(squaresB);
    return scale > 0.0 && std::isfinite(scale) ? std::optional(products / scale) : std::nullopt;
}

void checkLimit(const char* name, double value)
{
    if (!(value >= 0.0))
        throw Error(ErrorKind::BadInput, "risk guard: {} is {}; it must not be negative (infinite switches it off)", name, value);
}

bool isOn(double limit) { return limit != RiskLimits::kOff; }

} // namespace

std::string_view guardReasonName(GuardReason reason) { return kReasonNames.at(static_cast<std::size_t>(reason)); }

RiskGuard::RiskGuard(const RiskLimits& limits, KillSwitch& killSwitch) : m_limits(limits), m_killSwitch(killSwitch)
{
    checkLimit("maxPositionShare", limits.maxPositionShare);
    checkLimit("maxExposure", limits.maxExposure);
    checkLimit("maxLeverage", limits.maxLeverage);
    checkLimit("maxDailyLoss", limits.maxDailyLoss);
    checkLimit("maxTotalLoss", limits.maxTotalLoss);
    checkLimit("maxDrawdown", limits.maxDrawdown);
    checkLimit("maxHistoricalVar", limits.maxHistoricalVar);
    checkLimit("maxParametricVar", limits.maxParametricVar);
    if (isOn(limits.maxCorrelation) && !(limits.maxCorrelation >= -1.0 && limits.maxCorrelation <= 1.0))
        throw Error(ErrorKind::BadInput, "risk guard: maxCorrelation is {}; it must be within [-1, 1]", limits.maxCorrelation);
    if (!(limits.varConfidence > 0.0 && limits.varConfidence < 1.0))
        throw Error(ErrorKind::BadInput, "risk guard: varConfidence is {}; it must be within (0, 1)", limits.varConfidence);
    if (limits.leastReturns < 2)
        throw Error(ErrorKind::BadInput, "risk guard: leastReturns is {}; two are the least that a deviation can be told from",
                    limits.leastReturns);
}

GuardVerdict RiskGuard::killed() { return refuse(GuardReason::KillSwitch, "the kill switch has been thrown"); }

GuardVerdict RiskGuard::judge(const GuardState& state, const OrderRequest& order) const
{
    return m_killSwitch.isThrown() ? killed() : judgeLimits(state, order);
}

GuardVerdict RiskGuard::judgeLimits(const GuardState& state, const OrderRequest& order) const
{
    if (auto unknown = whatIsUnknown(state, order))
        return refuse(GuardReason::Unjudgeable, std::move(*unknown));
    if (isReduction(state, order))
        return kAllowed;
    if (GuardVerdict verdict = judgeLosses(state); !verdict.allowed())
        return verdict;
    for (const auto part : {&RiskGuard::judgeSizes, &RiskGuard::judgeCorrelation, &RiskGuard::judgeValueAtRisk}) {
        if (GuardVerdict verdict = (this->*part)(state, order); !verdict.allowed())
            return verdict;
    }
    return kAllowed;
}

GuardVerdict RiskGuard::judgeLosses(const GuardState& state) const
{
    const auto lossOf = [&state](double from) { return 1.0 - state.equity / from; };
    if (const double loss = lossOf(state.dayStartEquity); loss >= m_limits.maxDailyLoss)
        return refuseBeyond(GuardReason::DailyLoss, "a loss of the day", loss, m_limits.maxDailyLoss);
    if (const double loss = lossOf(state.initialEquity); loss >= m_limits.maxTotalLoss)
        return refuseBeyond(GuardReason::TotalLoss, "a total loss", loss, m_limits.maxTotalLoss);
    if (const double drawdown = lossOf(state.peakEquity); drawdown >= m_limits.maxDrawdown)
        return refuseBeyond(GuardReason::Drawdown, "a drawdown", drawdown, m_limits.maxDrawdown);
    if (state.barsSinceLoss < m_limits.coolDownBars)
        return refuse(GuardReason::CoolDown,
                      fmt::format("{} bars have passed since a loss, of the {} to wait", state.barsSinceLoss, m_limits.coolDownBars));
    return kAllowed;
}

GuardVerdict RiskGuard::judgeSizes(const GuardState& state, const OrderRequest& order) const
{
    const double equity = state.equity - order.cost;
    if (!(equity > 0.0))
        return refuse(GuardReason::NoEquity, fmt::format("an equity of {:.6g} is left after the order's cost", equity));
    const double net = netQuantity(state, order.instrument);
    const double after = net + order.quantity;
    // An order that turns the net position over closes all of the instrument first.
    const bool turnsOver = net * order.quantity < 0.0;
    std::size_t positions = 1;
    double signedValue = after * order.price;
    double absoluteValue = std::abs(after) * order.price;
    for (const OpenPosition& position : state.positions) {
        if (position.instrument == order.instrument) {
            positions += turnsOver ? 0 : 1;
            continue;
        }
        ++positions;
        signedValue += position.quantity * position.price;
        absoluteValue += std::abs(position.quantity) * position.price;
    }
    if (positions > m_limits.maxPositions)
        return refuse(GuardReason::Positions, fmt::format("{} positions would be open, of {} at most", positions, m_limits.maxPositions));
    if (const double share = std::abs(after) * order.price / equity; !(share <= m_limits.maxPositionShare))
        return refuseBeyond(GuardReason::PositionShare, "a position in one instrument", share, m_limits.maxPositionShare);
    if (const double exposure = std::abs(signedValue) / equity; !(exposure <= m_limits.maxExposure))
        return refuseBeyond(GuardReason::Exposure, "an exposure", exposure, m_limits.maxExposure);
    if (const double leverage = absoluteValue / equity; !(leverage <= m_limits.maxLeverage))
        return refuseBeyond(GuardReason::Leverage, "a leverage", leverage, m_limits.maxLeverage);
    return kAllowed;
}

GuardVerdict RiskGuard::judgeCorrelation(const GuardState& state, const OrderRequest& order) const
{
    if (!isOn(m_limits.maxCorrelation))
        return kAllowed;
    const double side = order.quantity > 0.0 ? 1.0 : -1.0;
    for (const OpenPosition& position : state.positions) {
        double together = 1.0;
        if (position.instrument != order.instrument) {
            const std::size_t count = std::max(m_limits.leastReturns, std::min(order.returns.size(), position.returns.size()));
            const auto ours = latest(order.returns, count), theirs = latest(position.returns, count);
            const auto measured = ours && theirs ? correlation(*ours, *theirs) : std::nullopt;
            if (!measured)
                return refuse(
                    GuardReason::Unjudgeable,
                    fmt::format("the correlation with the position in instrument {} can't be told from its returns", position.instrument));
            together = *measured;
        }
        together *= side * (position.quantity > 0.0 ? 1.0 : -1.0);
        if (together > m_limits.maxCorrelation)
            return refuseBeyond(GuardReason::Correlation,
                                fmt::format("a correlation with the position in instrument {}", position.instrument), together,
                                m_limits.maxCorrelation);
    }
    return kAllowed;
}

GuardVerdict RiskGuard::judgeValueAtRisk(const GuardState& state, const OrderRequest& order) const
{
    if (!isOn(m_limits.maxHistoricalVar) && !isOn(m_limits.maxParametricVar))
        return kAllowed;
    std::size_t count = order.returns.size();
    for (const OpenPosition& position : state.positions)
        count = std::min(count, position.returns.size());
    count = std::max(count, m_limits.leastReturns);
    std::vector<double> profits(count, 0.0); // of the account after the order, bar by bar
    const auto add = [&profits, count](double value, std::span<const double> returns) {
        const auto part = latest(returns, count);
        for (std::size_t i = 0; part && i < count; ++i)
            profits[i] += value * (*part)[i];
        return part.has_value();
    };
    bool isKnown = add(order.quantity * order.price, order.returns);
    for (const OpenPosition& position : state.positions)
        isKnown = isKnown && add(position.quantity * position.price, position.returns);
    const auto historical = historicalValueAtRisk(profits, m_limits.varConfidence);
    const auto parametric = parametricValueAtRisk(profits, m_limits.varConfidence);
    if (!isKnown || !historical || !parametric)
        return refuse(GuardReason::Unjudgeable, fmt::format("a value at risk needs {} finite returns of each instrument", count));
    const double equity = state.equity - order.cost;
    if (const double share = *historical / equity; !(share <= m_limits.maxHistoricalVar))
        return refuseBeyond(GuardReason::HistoricalVar, "a historical value at risk", share, m_limits.maxHistoricalVar);
    if (const double share = *parametric / equity; !(share <= m_limits.maxParametricVar))
        return refuseBeyond(GuardReason::ParametricVar, "a parametric value at risk", share, m_limits.maxParametricVar);
    return kAllowed;
}

} // namespace btcai
