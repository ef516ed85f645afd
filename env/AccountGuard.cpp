#include "env/AccountGuard.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace btcai {

AccountGuard::AccountGuard(const Venue& venue, std::size_t lanes, std::shared_ptr<KillSwitch> killSwitch)
    : m_killSwitch(killSwitch ? std::move(killSwitch) : std::make_shared<KillSwitch>()), m_guard(venue.options().risk, *m_killSwitch),
      m_dayStart(lanes, 1.0), m_lossRow(lanes, kNever), m_positions(venue.options().stretches), m_refusals(venue.options().stretches)
{
    for (auto& positions : m_positions)
        positions.reserve(venue.options().maxPositions + 1);
    if (!venue.options().risk.needsReturns())
        return;
    const std::vector<double>& mark = venue.market().mark;
    m_returns.resize(mark.size());
    for (std::size_t row = 1; row < mark.size(); ++row)
        m_returns[row] = mark[row] / mark[row - 1] - 1.0;
}

GuardState AccountGuard::stateOf(const Venue& venue, const Accounts& accounts, std::size_t lane, double quantity, double expected, std::size_t row,
                                 OrderRequest& order)
{
    const double mark = venue.market().mark[row];
    std::span<const double> returns;
    if (!m_returns.empty()) {
        const std::size_t count = std::min(venue.options().riskBars, row); // the first row has none
        returns = std::span(m_returns).subspan(row + 1 - count, count);
    }
    auto& positions = m_positions[lane / venue.options().accounts];
    positions.clear();
    for (std::size_t i = 0; i < accounts.lots(lane); ++i)
        positions.push_back({.quantity = accounts.lot(lane, i).quantity, .price = mark, .returns = returns});
    if (expected != 0.0)
        positions.push_back({.quantity = expected, .price = mark, .returns = returns});
    FillTerms terms = venue.terms(lane, row);
    if (!(terms.volume > 0.0))
        terms.volume = std::numeric_limits<double>::infinity(); // a bar that nobody traded in tells nothing of the impact
    order = {.quantity = quantity, .price = mark, .cost = std::abs(quantity) * (unitCost(terms, std::abs(quantity), mark) - mark), .returns = returns};
    const double base = accounts.base[lane];
    return {.equity = accounts.equity[lane],
            .initialEquity = base,
            .dayStartEquity = m_dayStart[lane] * base,
            .peakEquity = accounts.peak[lane],
            .barsSinceLoss = m_lossRow[lane] == kNever ? kNever : row - m_lossRow[lane],
            .positions = positions};
}

AccountGuard::Refusals AccountGuard::refusals() const
{
    Refusals total{};
    for (const Refusals& stretch : m_refusals)
        std::ranges::transform(total, stretch, total.begin(), std::plus<>());
    return total;
}

void AccountGuard::save(ByteWriter& out) const
{
    out.write(m_dayStart);
    out.write(m_lossRow);
}

void AccountGuard::load(ByteReader& in)
{
    in.read(m_dayStart);
    in.read(m_lossRow);
}

} // namespace btcai
