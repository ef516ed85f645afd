#include "env/OrderDesk.h"

#include <algorithm>
#include <cmath>

namespace btcai {

namespace {

/// What is left of an order below this share of what filled is rounding.
constexpr double kDust = 1e-12;

/// Coins that changed hands.
double gross(const FillTerms& terms, const Fill& fill, double feeBps)
{
    return std::abs(fill.quantity) * (fill.quantity > 0.0 ? terms.grossPerNet(feeBps) : 1.0);
}

/// A taker's fill at a limit or better: the price is never worse than the limit.
Fill cappedAt(const FillTerms& terms, Fill fill, double limit)
{
    const double side = fill.quantity > 0.0 ? 1.0 : -1.0;
    if (fill.quantity != 0.0 && side * fill.price > side * limit) {
        fill.price = limit;
        fill.fee = terms.takerFeeBps * 1e-4 * gross(terms, fill, terms.takerFeeBps) * limit;
    }
    return fill;
}

} // namespace

OrderDesk::OrderDesk(std::size_t lanes, const ExecutionOptions& execution)
    : m_latency(execution.latencyBars), m_order(lanes), m_underway(lanes * m_latency), m_stopped(lanes)
{
}

void OrderDesk::open(std::size_t lane)
{
    m_order[lane] = {};
    m_stopped[lane] = 0;
    std::fill_n(m_underway.begin() + static_cast<std::ptrdiff_t>(lane * m_latency), m_latency, Decision{});
}

void OrderDesk::cancel(std::size_t lane)
{
    m_order[lane] = {};
    std::fill_n(m_underway.begin() + static_cast<std::ptrdiff_t>(lane * m_latency), m_latency, Decision{});
}

/// Coins that orders sent before may still open on a side: the one at the exchange and those underway. Without latency the next order
/// replaces it.
double OrderDesk::opening(std::size_t lane, double side) const
{
    if (m_latency == 0)
        return 0.0;
    const auto of = [side](const auto& order) { return order.kind == Kind::Open && order.quantity * side > 0.0 ? order.quantity : 0.0; };
    double coins = of(m_order[lane]);
    for (std::size_t i = 0; i < m_latency; ++i)
        coins += of(m_underway[lane * m_latency + i]);
    return coins;
}

void OrderDesk::decide(const Venue& venue, const Accounts& accounts, std::size_t lane, TradeAction action, double size, std::size_t row,
                       AccountGuard* guard)
{
    if (action == TradeAction::Hold && m_latency == 0)
        return;
    const TradingEnvOptions& options = venue.options();
    Decision order;
    if (action != TradeAction::Hold) {
        const double side = action == TradeAction::Buy ? 1.0 : -1.0;
        const double close = venue.market().mark[row - 1];
        Decision wanted;
        double coins = 0.0;
        if (accounts.quantity[lane] * side < 0.0) {
            wanted = {.quantity = side, .kind = Kind::Close};
            coins = -accounts.lot(lane, 0).quantity;
        } else if ((side > 0.0 || options.allowShort) && size > 0.0) {
            const ExecutionOptions& execution = options.execution;
            // A limit stands on the better side of the close, a stop on the worse.
            const double offset = execution.entry == OrderType::Limit ? -side : execution.entry == OrderType::Stop ? side : 0.0;
            coins = side * options.exposure * options.margin.leverage * size * accounts.equity[lane]
                    / (static_cast<double>(options.maxPositions) * close);
            wanted = {.quantity = coins, .price = close * (1.0 + offset * execution.entryOffset), .kind = Kind::Open};
        }
        if (!guard)
            order = wanted;
        else if (wanted.kind != Kind::None)
            guard->submit(venue, accounts, lane, coins, wanted.kind == Kind::Open ? opening(lane, side) : 0.0, row - 1, [&] { order = wanted; });
    }
    if (m_latency > 0)
        std::swap(order, m_underway[lane * m_latency + row % m_latency]);
    if (order.kind != Kind::None)
        arrive(venue, accounts, lane, order, row);
}

inline void OrderDesk::arrive(const Venue& venue, const Accounts& accounts, std::size_t lane, const Decision& decision, std::size_t row)
{
    const ExecutionOptions& execution = venue.options().execution;
    const double held = accounts.quantity[lane];
    double quantity = decision.quantity;
    OrderType type = execution.entry;
    std::uint32_t lot = 0;
    if (decision.kind == Kind::Close) {
        if (held * quantity >= 0.0)
            return; // what it was to close is gone
        const Lot& oldest = accounts.lot(lane, 0);
        quantity = -oldest.quantity;
        type = OrderType::Market;
        lot = oldest.serial;
    } else if (accounts.lots(lane) >= venue.options().maxPositions || held * quantity < 0.0) {
        return;
    }
    Order& order = m_order[lane];
    order.quantity = quantity;
    order.price = decision.price;
    order.kind = decision.kind;
    order.type = type;
    order.lot = lot;
    order.barsLeft = static_cast<std::uint32_t>(execution.lifetimeBars);
    order.arrivedRow = static_cast<std::uint32_t>(row);
}

void OrderDesk::trade(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books)
{
    const Market& market = venue.market();
    Order& order = m_order[lane];
    if (market.present[row]) {
        const double high = market.high[row], low = market.low[row];
        if (order.kind != Kind::None || m_stopped[lane] > 0
            || (accounts.quantity[lane] != 0.0
                && (accounts.anyStopReached(lane, high, low) || accounts.anyTakeProfitPassed(lane, high, low)
                    || venue.usesUpMargin(accounts, lane, high, low))))
            tradeBar(venue, accounts, lane, row, books);
    } else if (order.kind != Kind::None && order.type == OrderType::Market && venue.options().execution.rest == RestPolicy::Cancel) {
        order = {};
    }
    if (order.kind != Kind::None && order.barsLeft > 0 && --order.barsLeft == 0)
        order = {};
}

inline void OrderDesk::tradeBar(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books)
{
    const Market& market = venue.market();
    const double high = market.high[row], low = market.low[row];
    BarState bar{.terms = venue.terms(lane, row), .range = {market.open[row], high, low}};
    if (m_stopped[lane] > 0)
        closeStopped(venue, accounts, lane, bar, books);
    if (m_order[lane].kind != Kind::None)
        workOrder(venue, accounts, lane, row, bar, books);
    if (accounts.quantity[lane] != 0.0 && accounts.anyStopReached(lane, high, low))
        takeExits(venue, accounts, lane, row, Exit::Stop, bar, books);
    if (venue.usesUpMargin(accounts, lane, high, low)) {
        venue.liquidate(accounts, lane, bar.terms, bar.range.open, books);
        open(lane);
    }
    if (accounts.quantity[lane] != 0.0 && accounts.anyTakeProfitPassed(lane, high, low))
        takeExits(venue, accounts, lane, row, Exit::TakeProfit, bar, books);
}

inline void OrderDesk::workOrder(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarState& bar, BarBooks& books)
{
    Order& order = m_order[lane];
    const bool cancels = venue.options().execution.rest == RestPolicy::Cancel;
    if (order.kind == Kind::Close) {
        std::size_t i = 0;
        while (i < accounts.lots(lane) && accounts.lot(lane, i).serial != order.lot)
            ++i;
        if (i == accounts.lots(lane) || closeLot(venue, accounts, lane, i, bar.range.open, ExitReason::Decision, bar, books) || cancels)
            order = {};
        return;
    }
    const std::size_t lots = accounts.lots(lane);
    if (order.lot != 0 && (lots == 0 || accounts.lot(lane, lots - 1).serial != order.lot)) {
        order = {}; // the position that the rest belongs to is gone
        return;
    }
    double reference = bar.range.open;
    const double wanted = order.quantity;
    const Fill fill = fillEntry(venue, accounts, lane, row, bar, reference);
    if (fill.quantity == 0.0) {
        if (order.quantity == 0.0 || (cancels && order.type == OrderType::Market))
            order = {};
        return;
    }
    accounts.costs[lane] += fill.quantity * (fill.price - reference) + fill.fee;
    bookEntry(venue, accounts, lane, fill, bar, books);
    order.quantity -= fill.quantity;
    if (cancels || std::abs(order.quantity) <= kDust * std::abs(wanted) || order.quantity * wanted < 0.0)
        order = {};
}

inline Fill OrderDesk::fillEntry(const Venue& venue, const Accounts& accounts, std::size_t lane, std::size_t row, BarState& bar, double& reference)
{
    Order& order = m_order[lane];
    const double side = order.quantity > 0.0 ? 1.0 : -1.0;
    const auto permitted = [&](double price) {
        const double allowed = venue.permitted(accounts, lane, bar.terms, order.quantity, price);
        if (std::abs(allowed) < std::abs(order.quantity) && std::abs(allowed) < bar.terms.room())
            order.quantity = allowed; // cash or margin that does not reach is no reason to go on later
        return allowed;
    };
    Fill fill;
    double feeBps = bar.terms.takerFeeBps;
    const bool fresh = order.arrivedRow == row;
    if (order.type == OrderType::Limit && !(fresh && side * bar.range.open <= side * order.price)) {
        if (!passesLimit(-side, order.price, bar.range))
            return {};
        reference = order.price;
        feeBps = bar.terms.makerFeeBps;
        fill = fillMaker(bar.terms, permitted(order.price), order.price);
        bar.from = side > 0.0 ? std::min(bar.range.open, order.price) : std::max(bar.range.open, order.price);
        bar.entry = OrderType::Limit;
    } else if (order.type == OrderType::Stop) {
        if (!reachesStop(-side, order.price, bar.range))
            return {};
        order.type = OrderType::Market; // triggered: what is left takes what it gets
        reference = bar.from = stopPrice(-side, order.price, bar.range.open);
        bar.entry = reference == bar.range.open ? OrderType::Market : OrderType::Stop;
        fill = fillTaker(bar.terms, permitted(reference), reference);
    } else {
        fill = fillTaker(bar.terms, permitted(bar.range.open), bar.range.open);
        if (order.type == OrderType::Limit)
            fill = cappedAt(bar.terms, fill, order.price);
    }
    bar.entryLevel = order.price;
    bar.terms.traded += gross(bar.terms, fill, feeBps);
    return fill;
}

inline void OrderDesk::bookEntry(const Venue& venue, Accounts& accounts, std::size_t lane, const Fill& fill, BarState& bar, BarBooks& books)
{
    Order& order = m_order[lane];
    const std::size_t i = order.lot == 0 ? accounts.lots(lane) : accounts.lots(lane) - 1;
    accounts.book(lane, i, fill, ExitReason::Decision, books);
    accounts.protect(lane, i, venue.options().stopLoss, venue.options().takeProfit);
    order.lot = accounts.lot(lane, i).serial;
    if (bar.entry != OrderType::Market)
        bar.inside = order.lot;
}

bool OrderDesk::closeLot(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t i, double price, ExitReason reason, BarState& bar,
                         BarBooks& books)
{
    const Lot& lot = accounts.lot(lane, i);
    const bool stopped = lot.stopped;
    const double held = lot.quantity;
    const bool rests = reason == ExitReason::TakeProfit;
    const double order = venue.permitted(accounts, lane, bar.terms, -held, price);
    const Fill fill = rests ? fillMaker(bar.terms, order, price) : fillTaker(bar.terms, order, price);
    if (fill.quantity == 0.0)
        return false;
    bar.terms.traded += gross(bar.terms, fill, rests ? bar.terms.makerFeeBps : bar.terms.takerFeeBps);
    accounts.costs[lane] += fill.quantity * (fill.price - price) + fill.fee;
    const std::size_t before = accounts.lots(lane);
    accounts.book(lane, i, fill, reason, books);
    const bool closed = accounts.lots(lane) < before;
    if (closed && stopped)
        --m_stopped[lane];
    return closed;
}

void OrderDesk::closeStopped(const Venue& venue, Accounts& accounts, std::size_t lane, BarState& bar, BarBooks& books)
{
    for (std::size_t i = 0; i < accounts.lots(lane);)
        if (!accounts.lot(lane, i).stopped || !closeLot(venue, accounts, lane, i, bar.range.open, ExitReason::Stop, bar, books))
            ++i;
}

void OrderDesk::takeExits(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, Exit wanted, BarState& bar,
                          BarBooks& books)
{
    for (std::size_t i = 0; i < accounts.lots(lane);) {
        Lot& lot = accounts.lot(lane, i);
        const bool reached = reachesStop(lot.side(), lot.stop, bar.range) || passesLimit(lot.side(), lot.takeProfit, bar.range);
        const ExitAt at = !reached || lot.stopped ? ExitAt{} : exitOf(venue.market(), lot, row, bar);
        if (at.exit != wanted) {
            ++i;
            continue;
        }
        if (wanted == Exit::Stop) {
            lot.stopped = 1;
            ++m_stopped[lane];
        }
        const ExitReason reason = wanted == Exit::Stop ? ExitReason::Stop : ExitReason::TakeProfit;
        if (!closeLot(venue, accounts, lane, i, at.price, reason, bar, books))
            ++i;
    }
}

/// Of a position whose stop or take-profit the bar reaches.
OrderDesk::ExitAt OrderDesk::exitOf(const Market& market, const Lot& lot, std::size_t row, const BarState& bar) const
{
    const double side = lot.side();
    const bool inside = lot.serial == bar.inside;
    const bool stop = reachesStop(side, lot.stop, bar.range);
    const bool profit = passesLimit(side, lot.takeProfit, bar.range);
    ExitAt exit;
    if ((inside || (stop && profit)) && !market.finer.empty() && finerExit(market, lot, row, bar, exit))
        return exit;
    if (stop)
        return {Exit::Stop, stopPrice(side, lot.stop, inside ? bar.from : bar.range.open)};
    // A position opened within the bar may have been opened after its best price.
    return inside ? ExitAt{} : ExitAt{Exit::TakeProfit, lot.takeProfit};
}

/// Whether the finer bars of the row show all of its prices; then `exit` is what they say came first.
bool OrderDesk::finerExit(const Market& market, const Lot& lot, std::size_t row, const BarState& bar, ExitAt& exit) const
{
    const auto [first, last] = market.finerRows(row);
    const double side = lot.side();
    bool active = lot.serial != bar.inside;
    double high = -std::numeric_limits<double>::infinity();
    double low = std::numeric_limits<double>::infinity();
    for (std::size_t i = first; i < last; ++i) {
        const auto minute = market.finer.bar(i);
        if (!minute)
            continue;
        const PriceRange range{minute->open, minute->high, minute->low};
        high = std::max(high, range.high);
        low = std::min(low, range.low);
        if (exit.exit != Exit::None)
            continue; // only the extremes are wanted yet
        double from = range.open;
        bool entry = false;
        if (!active) {
            // The order that opened the position was on the other side of the same prices: a buy limit fills below it, a buy stop above.
            entry = bar.entry == OrderType::Limit ? passesLimit(-side, bar.entryLevel, range) : reachesStop(-side, bar.entryLevel, range);
            if (!entry)
                continue;
            active = true;
            from = bar.entry == OrderType::Limit ? (side > 0.0 ? std::min(range.open, bar.entryLevel) : std::max(range.open, bar.entryLevel))
                                      : stopPrice(-side, bar.entryLevel, range.open);
        }
        if (reachesStop(side, lot.stop, range))
            exit = {Exit::Stop, stopPrice(side, lot.stop, from)};
        else if (!entry && passesLimit(side, lot.takeProfit, range))
            exit = {Exit::TakeProfit, lot.takeProfit};
    }
    return active && high >= bar.range.high && low <= bar.range.low;
}

void OrderDesk::save(ByteWriter& out) const
{
    out.write(m_order);
    out.write(m_underway);
    out.write(m_stopped);
}

void OrderDesk::load(ByteReader& in)
{
    in.read(m_order);
    in.read(m_underway);
    in.read(m_stopped);
}

} // namespace btcai
