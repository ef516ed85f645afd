#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "env/ByteArchive.h"
#include "env/account/Lot.h"
#include "env/execution/Fill.h"

namespace btcai {

/// Where a fill is booked: the bar, and who wants to know of closed positions.
struct BarBooks {
    std::size_t row = 0;
    std::vector<ClosedTrade>* trades = nullptr; ///< null: not recorded
    int wins = 0, losses = 0;                   ///< positions closed with a profit above 0, and the others
    double gained = 0.0;                        ///< sum of `gain` over positions closed at or above `leastGain`
    double leastGain = std::numeric_limits<double>::infinity(); ///< share of the entry value
};

/// The books of many accounts, a structure of arrays indexed by lane. All positions (lots) of an account are on one side, long
/// or short; they are ordered by age. Nothing allocates after construction.
///
/// At any time   equity = cash + quantity * mark   and
///   equity = initial cash + flows + realised + sum over lots of quantity * (mark - entry price) - fees - funding
class Accounts {
public:
    /// Accounts with room for `maxLots` positions each.
    Accounts(std::size_t lanes, std::size_t maxLots, double initialCash);

    /// Empties the books: initial cash, no position.
    void open(std::size_t lane);

    std::size_t lots(std::size_t lane) const { return m_count[lane]; }
    std::size_t maxLots() const { return m_maxLots; }
    /// The i-th oldest.
    Lot& lot(std::size_t lane, std::size_t i) { return m_lots[slot(lane, i)]; }
    const Lot& lot(std::size_t lane, std::size_t i) const { return m_lots[slot(lane, i)]; }

    /// Books a fill of the i-th oldest position; `i == lots(lane)` opens another one. The fill may make a position
    /// larger or smaller, but not turn it over. Index i is another position afterwards when this one was closed.
    void book(std::size_t lane, std::size_t i, const Fill& fill, ExitReason reason, BarBooks& books);
    /// Sets the levels of the i-th oldest position, which was just opened or enlarged.
    void protect(std::size_t lane, std::size_t i, double stopShare, double takeProfitShare);

    /// Whether prices reach the stop, pass the take-profit level of any position.
    bool anyStopReached(std::size_t lane, double high, double low) const
    {
        return (quantity[lane] > 0.0 ? low : -high) <= m_stopBound[lane];
    }
    bool anyTakeProfitPassed(std::size_t lane, double high, double low) const
    {
        return (quantity[lane] > 0.0 ? high : -low) > m_takeBound[lane];
    }
    /// From a lane on: the entry price of the position that fares worst, times the side of the account; any number without one.
    const double* worstEntries(std::size_t lane) const { return m_worstEntry.data() + lane; }

    /// What the books say equity must be at a mark; equal to cash + quantity * mark up to rounding.
    double bookedEquity(std::size_t lane, double mark) const;
    /// The size of the numbers that rounding errors of the above are a share of.
    double bookedScale(std::size_t lane, double mark) const;

    void save(ByteWriter& out) const;
    /// Throws Error(Corrupt) for what no save has written.
    void load(ByteReader& in);

    std::vector<double> cash;
    std::vector<double> quantity;   ///< coins over all positions
    std::vector<double> equity;     ///< at the latest mark, after flows
    std::vector<double> peak;       ///< the highest equity of the episode, in units of today's base
    std::vector<double> base;       ///< equity / base is the time-weighted growth: flows change both in proportion
    std::vector<double> fees;       ///< paid
    std::vector<double> traded;     ///< value of all fills
    std::vector<double> costs;      ///< spread, impact and fees
    std::vector<double> funding;    ///< paid (received when negative)
    std::vector<double> flows;      ///< deposits less withdrawals
    std::vector<double> realised;   ///< price gains of closed parts, before fees
    std::vector<double> entryPrice; ///< average over the open positions

private:
    std::size_t slot(std::size_t lane, std::size_t i) const
    {
        const std::size_t place = m_head[lane] + i;
        return lane * m_maxLots + (place < m_maxLots ? place : place - m_maxLots);
    }
    void close(std::size_t lane, std::size_t i, double side, ExitReason reason, BarBooks& books);
    void remove(std::size_t lane, std::size_t i);
    void include(std::size_t lane, const Lot& lot);
    void findBounds(std::size_t lane);
    template <typename Visit> static void columns(auto& self, Visit visit);

    std::size_t m_maxLots;
    double m_initialCash;
    std::vector<Lot> m_lots; ///< [lanes, maxLots], a ring each
    std::vector<std::uint8_t> m_head, m_count;
    std::vector<std::uint32_t> m_serial;
    // Over the open positions, times the side so that one comparison serves both.
    std::vector<double> m_worstEntry, m_stopBound, m_takeBound;
};

} // namespace btcai
