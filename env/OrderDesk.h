#pragma once

#include <cstdint>
#include <vector>

#include "env/AccountGuard.h"
#include "env/Venue.h"

namespace btcai {

/// Trades an account by orders: hold, buy, sell.
///
/// buy opens one more long position or, while short ones are open, closes the oldest of them; sell does the reverse (and opens only
/// where short selling is allowed). An account has one order at the exchange: a new one replaces what is left of it. Which position
/// an order closes is settled when it arrives. Every position carries the stop and the take-profit of the options.
class OrderDesk {
public:
    OrderDesk() = default;
    OrderDesk(std::size_t lanes, const ExecutionOptions& execution);

    void open(std::size_t lane);

    /// Decides at the close of row - 1. What opens a position does so with `size` times the size of the options; 0 is no entry. `guard` may be null.
    void decide(const Venue& venue, const Accounts& accounts, std::size_t lane, TradeAction action, double size, std::size_t row, AccountGuard* guard);
    /// Whether deciding to buy (side 1) or sell (-1) now can have an effect, sizes and guard aside: there is a position to close, or room to open one. With latency
    /// there may be room by the time an order arrives.
    bool isPossible(const Venue& venue, const Accounts& accounts, std::size_t lane, double side) const
    {
        const TradingEnvOptions& options = venue.options();
        return accounts.quantity[lane] * side < 0.0
               || ((side > 0.0 || options.allowShort) && (m_latency > 0 || accounts.lots(lane) < options.maxPositions));
    }
    /// Cancels the order at the exchange and those underway. Stops and take-profits of open positions stay.
    void cancel(std::size_t lane);
    /// Trades in the bar of a row, in this order: what stops left over, the order, stops, liquidation, take-profits.
    void trade(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books);

    /// +1 while an order to buy is at the exchange, -1 for one to sell, else 0.
    double working(std::size_t lane) const
    {
        return m_order[lane].kind == Kind::None ? 0.0 : m_order[lane].quantity > 0.0 ? 1.0 : -1.0;
    }

    void save(ByteWriter& out) const;
    void load(ByteReader& in);

private:
    enum class Kind : std::uint32_t { None, Open, Close };
    /// An order as it is sent.
    struct Decision {
        double quantity = 0.0; ///< coins, signed; of a closing order its side alone
        double price = 0.0;    ///< of a limit or stop order
        Kind kind = Kind::None;
        std::uint32_t unused = 0; ///< so that no byte of a snapshot is padding
    };
    /// An order at the exchange.
    struct Order {
        double quantity = 0.0; ///< coins still wanted, signed
        double price = 0.0;    ///< of a limit or stop order
        Kind kind = Kind::None;
        OrderType type = OrderType::Market;
        std::uint32_t lot = 0;      ///< serial of the position it opened or closes; 0 before it opened one
        std::uint32_t barsLeft = 0; ///< 0: no end
        std::uint32_t arrivedRow = 0;
        std::uint32_t unused = 0;
    };
    /// A bar as one account sees it.
    struct BarState {
        FillTerms terms;
        PriceRange range;
        std::uint32_t inside = 0; ///< serial of the position opened within the bar, not at its open; 0 for none
        OrderType entry = OrderType::Market; ///< of the order that opened it
        double entryLevel = 0.0;  ///< of that order
        double from = 0.0;        ///< where prices stood when it was filled
    };
    enum class Exit { None, Stop, TakeProfit };
    struct ExitAt {
        Exit exit = Exit::None;
        double price = 0.0;
    };

    double opening(std::size_t lane, double side) const;
    void arrive(const Venue& venue, const Accounts& accounts, std::size_t lane, const Decision& decision, std::size_t row);
    void tradeBar(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books);
    void workOrder(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarState& bar, BarBooks& books);
    Fill fillEntry(const Venue& venue, const Accounts& accounts, std::size_t lane, std::size_t row, BarState& bar, double& reference);
    void bookEntry(const Venue& venue, Accounts& accounts, std::size_t lane, const Fill& fill, BarState& bar, BarBooks& books);
    bool closeLot(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t i, double price, ExitReason reason, BarState& bar,
                  BarBooks& books);
    void closeStopped(const Venue& venue, Accounts& accounts, std::size_t lane, BarState& bar, BarBooks& books);
    void takeExits(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, Exit wanted, BarState& bar, BarBooks& books);
    ExitAt exitOf(const Market& market, const Lot& lot, std::size_t row, const BarState& bar) const;
    bool finerExit(const Market& market, const Lot& lot, std::size_t row, const BarState& bar, ExitAt& exit) const;

    std::size_t m_latency = 0;
    std::vector<Order> m_order;
    std::vector<Decision> m_underway; ///< [lanes, latency]
    std::vector<std::uint8_t> m_stopped; ///< positions whose stop was triggered and that are not closed yet
};

} // namespace btcai
