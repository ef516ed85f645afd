#include "env/TargetDesk.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace btcai {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double direction(TargetPosition target)
{
    return target == TargetPosition::Long ? 1.0 : target == TargetPosition::Short ? -1.0 : 0.0;
}

} // namespace

TradeAction tradeAction(TargetPosition before, TargetPosition after)
{
    const double change = direction(after) - direction(before);
    return change > 0.0 ? TradeAction::Buy : change < 0.0 ? TradeAction::Sell : TradeAction::Hold;
}

TargetDesk::TargetDesk(std::size_t lanes, const ExecutionOptions& execution)
    : m_latency(execution.latencyBars), m_goal(lanes), m_exposure(lanes), m_target(lanes), m_underway(lanes * m_latency)
{
    for (std::size_t lane = 0; lane < lanes; ++lane)
        open(lane);
}

void TargetDesk::open(std::size_t lane)
{
    m_goal[lane] = m_exposure[lane] = 0.0;
    m_target[lane] = TargetPosition::Flat;
    std::fill_n(m_underway.begin() + static_cast<std::ptrdiff_t>(lane * m_latency), m_latency, kNothing);
}

void TargetDesk::cancel(const Accounts& accounts, std::size_t lane)
{
    m_goal[lane] = accounts.quantity[lane];
    std::fill_n(m_underway.begin() + static_cast<std::ptrdiff_t>(lane * m_latency), m_latency, kNothing);
}

void TargetDesk::send(std::size_t lane, double goal, std::size_t row, bool changed)
{
    if (m_latency > 0)
        std::swap(goal, m_underway[lane * m_latency + row % m_latency]);
    else if (!changed)
        return;
    if (!std::isnan(goal))
        m_goal[lane] = goal;
}

/// Which the account will aim at when all that is underway has arrived.
double TargetDesk::latestGoal(std::size_t lane, std::size_t row) const
{
    for (std::size_t age = 1; age <= m_latency; ++age)
        if (const double goal = m_underway[lane * m_latency + (row + m_latency - age) % m_latency]; !std::isnan(goal))
            return goal;
    return m_goal[lane];
}

bool TargetDesk::decide(const Venue& venue, const Accounts& accounts, std::size_t lane, TargetPosition target, double exposure, double goal,
                        std::size_t row, AccountGuard* guard)
{
    bool changed = false;
    const auto take = [&] {
        m_target[lane] = target;
        m_exposure[lane] = exposure;
        changed = true;
        send(lane, goal, row, true);
    };
    const double held = accounts.quantity[lane];
    if (!guard) {
        take();
    } else if (const double latest = latestGoal(lane, row); m_latency == 0 || latest == held) {
        guard->submit(venue, accounts, lane, goal - held, 0.0, row - 1, take);
    } else {
        // It must be allowed from what the account holds, and from what it will hold by then.
        guard->submit(venue, accounts, lane, goal - latest, latest - held, row - 1,
                      [&] { guard->submit(venue, accounts, lane, goal - held, 0.0, row - 1, take); });
    }
    if (!changed)
        send(lane, kNothing, row, false);
    return changed;
}

bool TargetDesk::aim(const Venue& venue, const Accounts& accounts, std::size_t lane, TargetPosition target, double size, std::size_t row,
                     AccountGuard* guard)
{
    if (target == m_target[lane] || (target != TargetPosition::Flat && size == 0.0)) {
        send(lane, kNothing, row, false);
        return false;
    }
    // Sized with what is known at the decision: equity and last close.
    const TradingEnvOptions& options = venue.options();
    const double exposure = direction(target) * options.exposure * options.margin.leverage * size;
    return decide(venue, accounts, lane, target, exposure, exposure * accounts.equity[lane] / venue.market().mark[row - 1], row, guard);
}

bool TargetDesk::aimAt(const Venue& venue, const Accounts& accounts, std::size_t lane, double exposure, std::size_t row, AccountGuard* guard)
{
    if (exposure == m_exposure[lane]) {
        send(lane, kNothing, row, false);
        return false;
    }
    double goal = exposure * accounts.equity[lane] / venue.market().mark[row - 1];
    const FillTerms terms = venue.terms(lane, row - 1);
    if (terms.feeCurrency == FeeCurrency::Received && exposure != 0.0) {
        // Solves (held + n) p = exposure * (equity - fee of n) for the coins n that are received.
        const double wanted = goal - accounts.quantity[lane];
        const double fee = terms.takerFeeBps * 1e-4;
        const double share = wanted > 0.0 ? (1.0 - fee) / (1.0 - fee + fee * exposure) : 1.0 / (1.0 - fee * exposure);
        goal = accounts.quantity[lane] + wanted * share;
    }
    const TargetPosition target = exposure > 0.0 ? TargetPosition::Long : exposure < 0.0 ? TargetPosition::Short : TargetPosition::Flat;
    return decide(venue, accounts, lane, target, exposure, goal, row, guard);
}

void TargetDesk::trade(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books)
{
    const Market& market = venue.market();
    const double traded = fill(venue, accounts, lane, row, books);
    if (market.present[row] && venue.usesUpMargin(accounts, lane, market.high[row], market.low[row])) {
        FillTerms terms = venue.terms(lane, row);
        terms.traded = traded;
        venue.liquidate(accounts, lane, terms, market.open[row], books);
        m_goal[lane] = 0.0; // the target itself stays until another is named
    }
}

double TargetDesk::fill(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books)
{
    const Market& market = venue.market();
    const bool atDecision = venue.options().execution.timing == FillTiming::OptimisticDecisionClose;
    const std::size_t fillRow = atDecision ? row - 1 : row;
    const double held = accounts.quantity[lane];
    const double missing = m_goal[lane] - held;
    if (missing == 0.0 || !market.present[fillRow])
        return 0.0;
    const double price = atDecision ? market.mark[fillRow] : market.open[fillRow];
    const FillTerms terms = venue.terms(lane, fillRow);
    const double order = venue.permitted(accounts, lane, terms, missing, price);
    const Fill fill = fillTaker(terms, order, price);
    if (fill.quantity == 0.0)
        return 0.0;
    // Cash or margin that does not reach for the whole goal is no reason to go on buying later.
    if (std::abs(order) < std::abs(missing) && std::abs(order) < terms.room())
        m_goal[lane] = held + fill.quantity;
    accounts.costs[lane] += fill.quantity * (fill.price - price) + fill.fee;
    // One order can close a position and open the opposite one: book the two parts apart, the fee in proportion.
    if (held * fill.quantity < 0.0 && std::abs(fill.quantity) > std::abs(held)) {
        const double closingShare = std::abs(held / fill.quantity);
        accounts.book(lane, 0, {-held, fill.price, fill.fee * closingShare}, ExitReason::Decision, books);
        accounts.book(lane, 0, {fill.quantity + held, fill.price, fill.fee * (1.0 - closingShare)}, ExitReason::Decision, books);
    } else {
        accounts.book(lane, 0, fill, ExitReason::Decision, books);
    }
    if (venue.options().execution.rest == RestPolicy::Cancel)
        m_goal[lane] = accounts.quantity[lane];
    return atDecision ? 0.0 : std::abs(fill.quantity);
}

void TargetDesk::save(ByteWriter& out) const
{
    out.write(m_goal);
    out.write(m_exposure);
    out.write(m_target);
    out.write(m_underway);
}

void TargetDesk::load(ByteReader& in)
{
    in.read(m_goal);
    in.read(m_exposure);
    in.read(m_target);
    in.read(m_underway);
}

} // namespace btcai
