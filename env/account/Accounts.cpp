#include "env/account/Accounts.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace btcai {

namespace {

/// A position below this share of the wanted one counts as closed: what is left is rounding of the volume cap.
constexpr double kDust = 1e-12;

constexpr double kNever = std::numeric_limits<double>::infinity();

/// Of `held` coins bought (or sold short) at `price` on average, and what a fill on their side adds.
double averagePrice(double price, double held, const Fill& fill)
{
    return held == 0.0 ? fill.price : (price * std::abs(held) + fill.price * std::abs(fill.quantity)) / std::abs(held + fill.quantity);
}

} // namespace

const char* exitReasonName(ExitReason reason)
{
    constexpr std::array names{"decision", "stop", "take-profit", "liquidation"};
    return names[static_cast<std::size_t>(reason)];
}

template <typename Visit> void Accounts::columns(auto& self, Visit visit)
{
    for (auto* column : {&self.cash, &self.quantity, &self.equity, &self.peak, &self.base, &self.fees, &self.traded, &self.costs,
                         &self.funding, &self.flows, &self.realised, &self.entryPrice, &self.m_worstEntry, &self.m_stopBound,
                         &self.m_takeBound})
        visit(*column);
}

Accounts::Accounts(std::size_t lanes, std::size_t maxLots, double initialCash)
    : m_maxLots(maxLots), m_initialCash(initialCash), m_lots(lanes * maxLots), m_head(lanes), m_count(lanes), m_serial(lanes)
{
    columns(*this, [lanes](std::vector<double>& column) { column.resize(lanes); });
    for (std::size_t lane = 0; lane < lanes; ++lane)
        open(lane);
}

void Accounts::open(std::size_t lane)
{
    columns(*this, [lane](std::vector<double>& column) { column[lane] = 0.0; });
    cash[lane] = equity[lane] = peak[lane] = base[lane] = m_initialCash;
    m_head[lane] = m_count[lane] = 0;
    findBounds(lane);
}

void Accounts::book(std::size_t lane, std::size_t i, const Fill& fill, ExitReason reason, BarBooks& books)
{
    if (i == m_count[lane]) {
        assert(i < m_maxLots && fill.quantity * quantity[lane] >= 0.0);
        ++m_count[lane];
        lot(lane, i) = {.entryRow = static_cast<std::uint32_t>(books.row), .serial = ++m_serial[lane] & 0x7fffffffU};
    }
    Lot& l = lot(lane, i);
    const double held = l.quantity;
    const double change = fill.quantity;
    const double value = std::abs(change) * fill.price;
    if (held * change >= 0.0) {
        entryPrice[lane] = averagePrice(entryPrice[lane], quantity[lane], fill);
        l.entryPrice = averagePrice(l.entryPrice, held, fill);
        l.opened += std::abs(change);
        l.openedValue += value;
    } else {
        realised[lane] -= change * (fill.price - l.entryPrice);
        if (m_count[lane] > 1) {
            const double left = std::abs(quantity[lane] + change);
            if (left > 0.0) // an average of what may be prices of 0: rounding must not lead below
                entryPrice[lane] = std::max(0.0, entryPrice[lane] + (entryPrice[lane] - l.entryPrice) * std::abs(change) / left);
        }
    }
    double after = held + change;
    if (std::abs(after) <= kDust * std::abs(held))
        after = 0.0;
    cash[lane] -= change * fill.price + fill.fee;
    quantity[lane] = m_count[lane] == 1 ? after : quantity[lane] + (after - held);
    fees[lane] += fill.fee;
    traded[lane] += value;
    l.quantity = after;
    l.fees += fill.fee;
    l.cashFlow -= change * fill.price + fill.fee;
    l.largest = std::max(l.largest, std::abs(after));
    if (after == 0.0)
        close(lane, i, held > 0.0 ? 1.0 : -1.0, reason, books);
}

void Accounts::close(std::size_t lane, std::size_t i, double side, ExitReason reason, BarBooks& books)
{
    const Lot& l = lot(lane, i);
    ++(l.cashFlow > 0.0 ? books.wins : books.losses);
    if (l.cashFlow >= books.leastGain * l.openedValue)
        books.gained += l.cashFlow / l.openedValue;
    if (books.trades) {
        const double gross = l.cashFlow + l.fees;
        const double entry = l.openedValue / l.opened;
        // The average exit price follows from the cash flow: as much was closed as was opened, so gross = side * opened * (exit - entry).
        books.trades->push_back({.lane = lane, .entryRow = l.entryRow, .exitRow = books.row,
                                 .side = side > 0.0 ? TargetPosition::Long : TargetPosition::Short, .entryPrice = entry,
                                 .exitPrice = entry + side * gross / l.opened, .quantity = l.largest, .fees = l.fees,
                                 .profit = l.cashFlow, .reason = reason});
    }
    remove(lane, i);
}

void Accounts::remove(std::size_t lane, std::size_t i)
{
    const Lot& l = lot(lane, i);
    const double side = quantity[lane] > 0.0 ? 1.0 : -1.0;
    const bool bounds = side * l.entryPrice >= m_worstEntry[lane] || side * l.stop >= m_stopBound[lane]
                        || side * l.takeProfit <= m_takeBound[lane];
    if (i == 0) {
        m_head[lane] = m_head[lane] + 1U == m_maxLots ? std::uint8_t{0} : static_cast<std::uint8_t>(m_head[lane] + 1);
    } else {
        for (std::size_t k = i; k + 1 < m_count[lane]; ++k)
            lot(lane, k) = lot(lane, k + 1);
    }
    --m_count[lane];
    // Sums that rounding crept into are made exact where that costs nothing.
    quantity[lane] = m_count[lane] == 0 ? 0.0 : m_count[lane] == 1 ? lot(lane, 0).quantity : quantity[lane];
    entryPrice[lane] = m_count[lane] == 0 ? 0.0 : m_count[lane] == 1 ? lot(lane, 0).entryPrice : entryPrice[lane];
    if (bounds || m_count[lane] == 0)
        findBounds(lane);
}

void Accounts::protect(std::size_t lane, std::size_t i, double stopShare, double takeProfitShare)
{
    Lot& l = lot(lane, i);
    const bool enlarged = l.stop != 0.0; // its former levels are in the bounds
    l.protect(stopShare, takeProfitShare);
    if (enlarged)
        findBounds(lane);
    else
        include(lane, l);
}

void Accounts::include(std::size_t lane, const Lot& l)
{
    const double side = l.side();
    m_worstEntry[lane] = std::max(m_worstEntry[lane], side * l.entryPrice);
    m_stopBound[lane] = std::max(m_stopBound[lane], side * l.stop);
    m_takeBound[lane] = std::min(m_takeBound[lane], side * l.takeProfit);
}

void Accounts::findBounds(std::size_t lane)
{
    m_worstEntry[lane] = m_stopBound[lane] = -kNever;
    m_takeBound[lane] = kNever;
    for (std::size_t i = 0; i < m_count[lane]; ++i)
        include(lane, lot(lane, i));
}

double Accounts::bookedEquity(std::size_t lane, double mark) const
{
    double unrealised = 0.0;
    for (std::size_t i = 0; i < m_count[lane]; ++i)
        unrealised += lot(lane, i).quantity * (mark - lot(lane, i).entryPrice);
    return m_initialCash + flows[lane] + realised[lane] + unrealised - fees[lane] - funding[lane];
}

double Accounts::bookedScale(std::size_t lane, double mark) const
{
    return m_initialCash + traded[lane] + std::abs(cash[lane]) + std::abs(quantity[lane]) * mark + std::abs(flows[lane]) + std::abs(funding[lane]);
}

void Accounts::save(ByteWriter& out) const
{
    columns(*this, [&out](const std::vector<double>& column) { out.write(column); });
    out.write(m_head);
    out.write(m_count);
    out.write(m_serial);
    out.write(m_lots);
}

void Accounts::load(ByteReader& in)
{
    columns(*this, [&in](std::vector<double>& column) { in.read(column); });
    in.read(m_head);
    in.read(m_count);
    in.read(m_serial);
    in.read(m_lots);
    for (std::size_t lane = 0; lane < m_count.size(); ++lane)
        if (m_head[lane] >= m_maxLots || m_count[lane] > m_maxLots)
            throw Error(ErrorKind::Corrupt, "environment snapshot: more open positions than an account can have");
}

} // namespace btcai
