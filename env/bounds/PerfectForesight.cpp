#include "env/bounds/PerfectForesight.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/Error.h"

namespace btcai {

namespace {

/// An account that owes coins: worth cash - owed * price.
struct ShortAccount {
    double cash = 0.0;
    double owed = 0.0;
};

/// Keeps the accounts that are worth most at some price from 0 on: the upper envelope of the lines cash - owed * price.
void keepEnvelope(std::vector<ShortAccount>& accounts)
{
    std::ranges::sort(accounts,
                      [](const ShortAccount& a, const ShortAccount& b) { return a.owed != b.owed ? a.owed < b.owed : a.cash > b.cash; });
    std::vector<ShortAccount> kept;
    for (const ShortAccount& next : accounts) {
        if (!kept.empty() && next.cash <= kept.back().cash)
            continue; // owes as much or more for no more cash
        while (kept.size() >= 2) {
            const ShortAccount& a = kept[kept.size() - 2];
            const ShortAccount& b = kept.back();
            // b is below the line from a to next.
            if ((b.cash - a.cash) * (next.owed - a.owed) > (next.cash - a.cash) * (b.owed - a.owed))
                break;
            kept.pop_back();
        }
        kept.push_back(next);
    }
    accounts = std::move(kept);
}

/// What can be had at one moment, in units that keep the most cash at 1.
class Frontier {
public:
    explicit Frontier(bool allowShort) : m_allowShort(allowShort) {}

    /// Trades at prices that hold all costs, after a decision at `mark`.
    void trade(double ask, double bid, double mark)
    {
        double cash = std::max(m_cash, m_coins * bid);
        double coins = std::max(m_coins, m_cash / ask);
        if (m_allowShort) {
            for (const ShortAccount& account : m_shorts) {
                const double left = account.cash - account.owed * ask;
                cash = std::max(cash, left);
                coins = std::max(coins, left / ask);
            }
            sellShort(bid, mark);
        }
        m_cash = cash;
        m_coins = coins;
        normalise();
    }

    double logWorth(double mark) const
    {
        double worth = std::max(m_cash, m_coins * mark);
        for (const ShortAccount& account : m_shorts)
            worth = std::max(worth, account.cash - account.owed * mark);
        return m_log + std::log(worth);
    }

private:
    void sellShort(double bid, double mark)
    {
        const std::size_t before = m_shorts.size();
        m_shorts.push_back({m_cash + m_cash / mark * bid, m_cash / mark});
        m_shorts.push_back({2.0 * m_coins * bid, m_coins}); // what was held, and as much again
        for (std::size_t i = 0; i < before; ++i) {
            const ShortAccount account = m_shorts[i];
            const double owed = account.cash / mark - account.owed;
            if (owed > 0.0)
                m_shorts.push_back({account.cash + (owed - account.owed) * bid, owed});
        }
        keepEnvelope(m_shorts);
    }

    void normalise()
    {
        const double unit = m_cash;
        m_log += std::log(unit);
        m_cash = 1.0;
        m_coins /= unit;
        for (ShortAccount& account : m_shorts)
            account = {account.cash / unit, account.owed / unit};
    }

    bool m_allowShort;
    double m_log = 0.0;   ///< of the unit
    double m_cash = 1.0;  ///< the most, all flat
    double m_coins = 0.0; ///< the most, all in
    std::vector<ShortAccount> m_shorts;
};

} // namespace

double attainableLogGrowth(const Market& market, RowRange rows, const CostModel& costs, bool allowShort)
{
    if (rows.last > market.rows() || rows.first + 2 > rows.last)
        throw Error(ErrorKind::BadInput, "rows {} to {}: a bound needs two rows or more of the {} that are there", rows.first, rows.last,
                    market.rows());
    const double fee = costs.takerFeeBps * 1e-4;
    const double halfSpread = costs.halfSpreadBps * 1e-4;
    Frontier frontier(allowShort);
    for (std::size_t row = rows.first + 1; row < rows.last; ++row) {
        if (!market.present[row])
            continue;
        const double open = market.open[row];
        frontier.trade(open * (1.0 + halfSpread) * (1.0 + fee), open * std::max(0.0, 1.0 - halfSpread) * (1.0 - fee), market.mark[row - 1]);
    }
    return std::max(0.0, frontier.logWorth(market.mark[rows.last - 1]));
}

} // namespace btcai
