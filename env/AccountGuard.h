#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "env/Venue.h"
#include "env/risk/RiskGuard.h"

namespace btcai {

/// The risk guard before the desks of an environment: judges each order by the books of its account at the close it is decided at.
///
/// A refused order is as if it had never been decided: what the account aims at, holds and has at the exchange stays. Stops, take-profits
/// and liquidation are no decisions and pass. Once the kill switch has been thrown nothing is sent, and what is still sought is cancelled.
class AccountGuard {
public:
    /// Orders refused, by GuardReason.
    using Refusals = std::array<std::uint64_t, kGuardReasons>;

    AccountGuard(const Venue& venue, std::size_t lanes, std::shared_ptr<KillSwitch> killSwitch);

    bool isKilled() const { return m_guard.isKilled(); }

    void open(std::size_t lane)
    {
        m_dayStart[lane] = 1.0;
        m_lossRow[lane] = kNever;
    }
    void endDay(std::size_t lane, double growth) { m_dayStart[lane] = growth; }
    void bookLoss(std::size_t lane, std::size_t row) { m_lossRow[lane] = row; }

    /// Judges an order of `quantity` coins (signed), decided at the close of `row` by an account that holds `expected` coins more than its
    /// books say once what was sent before has filled. Calls `send()` where it is allowed, and returns whether it is. Nothing (0 coins) may
    /// always be sent: it is no order.
    template <typename Send>
    bool submit(const Venue& venue, const Accounts& accounts, std::size_t lane, double quantity, double expected, std::size_t row, Send&& send)
    {
        const TradingEnvOptions& options = venue.options();
        if (quantity == 0.0 || lane % options.accounts >= options.guardedAccounts) {
            send();
            return true;
        }
        OrderRequest order;
        const GuardState state = stateOf(venue, accounts, lane, quantity, expected, row, order);
        const GuardVerdict verdict = m_guard.submit(state, order, send);
        if (!verdict.allowed())
            ++m_refusals[lane / options.accounts][static_cast<std::size_t>(verdict.reason)];
        return verdict.allowed();
    }

    /// Over all lanes, since construction. Not part of a snapshot.
    Refusals refusals() const;

    void save(ByteWriter& out) const;
    void load(ByteReader& in);

private:
    static constexpr std::uint64_t kNever = ~std::uint64_t{0};

    GuardState stateOf(const Venue& venue, const Accounts& accounts, std::size_t lane, double quantity, double expected, std::size_t row,
                       OrderRequest& order);

    std::shared_ptr<KillSwitch> m_killSwitch;
    RiskGuard m_guard;
    std::vector<double> m_returns; ///< per row, of the mark; empty where no limit needs them
    std::vector<double> m_dayStart; ///< growth at the day's start
    std::vector<std::uint64_t> m_lossRow;
    // per stretch, so that threads don't meet
    std::vector<std::vector<HeldPosition>> m_positions;
    std::vector<Refusals> m_refusals;
};

} // namespace btcai
