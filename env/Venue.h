#pragma once

#include <memory>
#include <vector>

#include "env/Market.h"
#include "env/TradingEnvOptions.h"
#include "env/account/Accounts.h"
#include "env/account/FeeVolumes.h"
#include "env/execution/Protection.h"

namespace btcai {

/// Where orders meet bars: the terms of each account in each row, and what both desks (TargetDesk, OrderDesk) do alike. It decides
/// nothing.
class Venue {
public:
    /// Throws Error(BadInput) for options that contradict each other.
    Venue(std::shared_ptr<const Market> market, const TradingEnvOptions& options, std::size_t lanes);

    const Market& market() const { return *m_market; }
    const TradingEnvOptions& options() const { return m_options; }

    FillTerms terms(std::size_t lane, std::size_t row) const
    {
        FillTerms terms = fillTerms(m_options.costs, m_market->volume[row]);
        if (!m_halfSpreadBps.empty())
            terms.halfSpreadBps = m_halfSpreadBps[row];
        if (!fees.empty()) {
            terms.takerFeeBps = fees.takerFeeBps(lane);
            terms.makerFeeBps = fees.makerFeeBps(lane);
        }
        return terms;
    }

    /// What of an order (signed, coins) an account may have filled: cash must pay for a purchase (spot), and the position must stay within
    /// the leverage (perpetual). What makes a position smaller is never cut in the latter.
    double permitted(const Accounts& accounts, std::size_t lane, const FillTerms& terms, double order, double price) const;

    /// Charges what a position pays for being held until the open of a row.
    void chargeFunding(Accounts& accounts, std::size_t lane, std::size_t row) const
    {
        if (!m_funding.empty() && m_funding[row] != 0.0 && accounts.quantity[lane] != 0.0) {
            const double paid = accounts.quantity[lane] * m_market->mark[row - 1] * m_funding[row];
            accounts.cash[lane] -= paid;
            accounts.funding[lane] += paid;
        }
    }

    /// Whether prices of a bar leave an account no more than the maintenance margin.
    bool usesUpMargin(const Accounts& accounts, std::size_t lane, double high, double low) const
    {
        const double held = accounts.quantity[lane];
        const double worst = held > 0.0 ? low : high;
        return m_options.margin.perpetual && held != 0.0
               && accounts.cash[lane] + held * worst <= m_options.margin.maintenance * std::abs(held) * worst;
    }
    /// Closes all positions of such an account.
    void liquidate(Accounts& accounts, std::size_t lane, FillTerms terms, double open, BarBooks& books) const;

    FeeVolumes fees;

private:
    std::shared_ptr<const Market> m_market;
    TradingEnvOptions m_options;
    std::vector<double> m_halfSpreadBps; ///< per row; empty when fixed
    std::vector<double> m_funding;       ///< per row; empty when spot
};

} // namespace btcai
