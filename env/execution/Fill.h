#pragma once

#include <algorithm>
#include <cmath>

#include "env/execution/CostModel.h"

namespace btcai {

/// What an order got in one bar. Cash changes by -(quantity * price + fee), whatever the fee is taken from.
struct Fill {
    double quantity = 0.0; ///< change of the coins held, signed: positive bought, net of a fee that is taken in coins
    double price = 0.0;    ///< average, half spread and impact included
    double fee = 0.0;      ///< value in quote currency, never negative
};

/// The terms of one account in one bar.
struct FillTerms {
    double halfSpreadBps = 0.0;
    double impactBps = 0.0;
    double takerFeeBps = 0.0;
    double makerFeeBps = 0.0;
    double maxParticipation = 1.0;
    FeeCurrency feeCurrency = FeeCurrency::Quote;
    double volume = 0.0; ///< of the bar, base coin
    double traded = 0.0; ///< what the account traded in it already: it counts for the cap and for the impact

    /// Coins that may still change hands.
    double room() const { return maxParticipation * volume - traded; }
    /// The share by which taking `size` coins (within the room, above 0) makes the price worse.
    double worse(double size) const { return worseAt((traded + size) / volume); }
    /// The same at a participation: the share of the bar's volume that the account has traded by then.
    double worseAt(double participation) const { return (halfSpreadBps + impactBps * std::sqrt(participation)) * 1e-4; }
    /// Coins that change hands per coin received by a purchase.
    double grossPerNet(double feeBps) const
    {
        return feeCurrency == FeeCurrency::Received ? 1.0 / (1.0 - feeBps * 1e-4) : 1.0;
    }
};

/// The terms that a cost model without tiers and with a fixed spread gives in a bar.
inline FillTerms fillTerms(const CostModel& costs, double volume)
{
    return {.halfSpreadBps = costs.halfSpreadBps, .impactBps = costs.impactBps, .takerFeeBps = costs.takerFeeBps,
            .makerFeeBps = costs.makerFeeBps, .maxParticipation = costs.maxParticipation, .feeCurrency = costs.feeCurrency,
            .volume = volume};
}

namespace detail {

/// Coins that change hands for `wanted` (signed, net) to arrive.
inline double grossOf(const FillTerms& terms, double wanted, double feeBps)
{
    return wanted > 0.0 ? wanted * terms.grossPerNet(feeBps) : -wanted;
}

/// How many of them do at most; not above 0 if none.
inline double sizeWithin(const FillTerms& terms, double wanted, double feeBps)
{
    return std::min(grossOf(terms, wanted, feeBps), terms.room());
}

/// Fills `size` coins (gross, above 0) of an order for `wanted` at a price per coin. An order that fills whole gives what it wanted to the bit:
/// rounding must leave no position behind.
inline Fill fillSize(const FillTerms& terms, double wanted, double size, double price, double feeBps)
{
    double quantity = wanted;
    if (size < grossOf(terms, wanted, feeBps))
        quantity = wanted > 0.0 ? size / terms.grossPerNet(feeBps) : -size;
    return {.quantity = quantity, .price = price, .fee = feeBps * 1e-4 * size * price};
}

} // namespace detail

/// Fills an order that takes what is offered around `price`, the open of the bar or where a stop was triggered. Every cost
/// makes the price worse for the side that trades; at most the room fills.
inline Fill fillTaker(const FillTerms& terms, double wanted, double price)
{
    const double size = detail::sizeWithin(terms, wanted, terms.takerFeeBps);
    if (!(size > 0.0))
        return {};
    const double side = wanted > 0.0 ? 1.0 : -1.0;
    // A sale at less than nothing is no sale: it gets nothing.
    return detail::fillSize(terms, wanted, size, price * std::max(0.0, 1.0 + side * terms.worse(size)), terms.takerFeeBps);
}

/// Fills an order that rested in the book, at its own price and never better; at most the room fills.
inline Fill fillMaker(const FillTerms& terms, double wanted, double limit)
{
    const double size = detail::sizeWithin(terms, wanted, terms.makerFeeBps);
    return size > 0.0 ? detail::fillSize(terms, wanted, size, limit, terms.makerFeeBps) : Fill{};
}

/// What a coin bought around `price` costs with all costs, at a participation.
inline double unitCostAt(const FillTerms& terms, double participation, double price)
{
    const double each = price * (1.0 + terms.worseAt(participation));
    return terms.feeCurrency == FeeCurrency::Quote ? each * (1.0 + terms.takerFeeBps * 1e-4)
                                                   : each * terms.grossPerNet(terms.takerFeeBps);
}

/// The same when up to `wanted` coins are: an upper bound, since the impact of `wanted` is used.
inline double unitCost(const FillTerms& terms, double wanted, double price)
{
    return unitCostAt(terms, (terms.traded + detail::sizeWithin(terms, wanted, terms.takerFeeBps)) / terms.volume, price);
}

/// The largest purchase of at most `wanted` coins that `cash` pays for, costs included.
inline double affordable(const FillTerms& terms, double wanted, double cash, double price)
{
    const double size = std::min(wanted, terms.room());
    if (!(size > 0.0) || !(cash > 0.0))
        return 0.0;
    // Most are paid for even if the whole room were taken, which is the same for all sizes.
    if (size * unitCostAt(terms, terms.maxParticipation, price) <= cash)
        return size;
    return std::min(size, cash / unitCost(terms, size, price));
}

/// As fillTaker, for a market order at the open of a present bar with `volume` traded in it.
inline Fill fillMarketOrder(const CostModel& costs, double wanted, double open, double volume)
{
    return fillTaker(fillTerms(costs, volume), wanted, open);
}

/// As affordable.
inline double affordableQuantity(const CostModel& costs, double wanted, double cash, double open, double volume)
{
    return affordable(fillTerms(costs, volume), wanted, cash, open);
}

} // namespace btcai
