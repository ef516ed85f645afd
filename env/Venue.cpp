#include "env/Venue.h"

#include <algorithm>
#include <cmath>

#include "env/account/Funding.h"
#include "env/execution/SpreadEstimator.h"

namespace btcai {

namespace {

/// The largest order of at most `order` (signed) after whose fill the position is worth no more than leverage times what is left of equity.
double withinLeverage(const MarginOptions& margin, const FillTerms& terms, double order, double held, double cash, double price)
{
    const double size = std::abs(order);
    const double closing = held * order < 0.0 ? std::min(size, std::abs(held)) : 0.0;
    const double opening = size - closing;
    if (!(opening > 0.0) || !(terms.room() > 0.0))
        return order;
    const double left = std::abs(held) - closing;
    const double equity = cash + held * price;
    // What the position would be worth beyond leverage times equity; the cost of a coin is an upper bound for sales too.
    const auto excess = [&](double cost) {
        return price * (left + opening * (1.0 + margin.leverage * cost)) - margin.leverage * (equity - closing * price * cost);
    };
    // Most orders keep within it even if the whole room were taken.
    if (excess(unitCostAt(terms, terms.maxParticipation, 1.0) - 1.0) <= 0.0)
        return order;
    const double cost = unitCost(terms, size, 1.0) - 1.0;
    const double most = opening - excess(cost) / (price * (1.0 + margin.leverage * cost));
    return (order > 0.0 ? 1.0 : -1.0) * (closing + std::clamp(most, 0.0, opening));
}

} // namespace

Venue::Venue(std::shared_ptr<const Market> market, const TradingEnvOptions& options, std::size_t lanes)
    : fees(lanes, options.costs), m_market(std::move(market)), m_options(options)
{
    checkOptions(options);
    if (options.costs.spread == SpreadModel::Estimated)
        m_halfSpreadBps = estimateHalfSpreadBps(*m_market, options.costs.spreadWindow, options.costs.halfSpreadBps);
    if (options.margin.perpetual)
        m_funding = fundingRates(*m_market, options.margin.fundingRate);
}

double Venue::permitted(const Accounts& accounts, std::size_t lane, const FillTerms& terms, double order, double price) const
{
    if (m_options.margin.perpetual)
        return withinLeverage(m_options.margin, terms, order, accounts.quantity[lane], accounts.cash[lane], price);
    return order > 0.0 ? affordable(terms, order, accounts.cash[lane], price) : order;
}

void Venue::liquidate(Accounts& accounts, std::size_t lane, FillTerms terms, double open, BarBooks& books) const
{
    const MarginOptions& margin = m_options.margin;
    const double held = accounts.quantity[lane];
    const double side = held > 0.0 ? 1.0 : -1.0;
    // Nobody waits for volume here: all of it goes, at an impact of at most that of the bar's whole volume.
    terms.takerFeeBps += margin.liquidationFeeBps;
    terms.maxParticipation = std::numeric_limits<double>::infinity();
    terms.volume = std::max(terms.volume, terms.traded + std::abs(held) * terms.grossPerNet(terms.takerFeeBps));
    const double price = stopPrice(side, liquidationPrice(held, accounts.cash[lane], margin.maintenance), open);
    while (accounts.lots(lane) > 0) {
        const Fill fill = fillTaker(terms, -accounts.lot(lane, 0).quantity, price);
        terms.traded += std::abs(fill.quantity);
        accounts.costs[lane] += fill.quantity * (fill.price - price) + fill.fee;
        accounts.book(lane, 0, fill, ExitReason::Liquidation, books);
    }
}

} // namespace btcai
