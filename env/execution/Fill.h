#pragma once

#include <algorithm>
#include <cmath>

#include "env/execution/CostModel.h"

namespace btcai {

/// What a market order got in one bar.
struct Fill {
    double quantity = 0.0; ///< base coin, signed: positive bought
    double price = 0.0;    ///< average, half spread and impact included
    double fee = 0.0;      ///< quote currency, never negative
};

/// Fills a market order for `wanted` (signed, base coin) at the open of a present bar with `volume` traded in it.
/// At most maxParticipation of the volume fills. Every cost makes the price worse for the side that trades.
inline Fill fillMarketOrder(const CostModel& costs, double wanted, double open, double volume)
{
    Fill fill;
    const double cap = costs.maxParticipation * volume;
    const double size = std::min(std::abs(wanted), cap);
    if (!(size > 0.0))
        return fill;
    const double side = wanted > 0.0 ? 1.0 : -1.0;
    const double worse = (costs.halfSpreadBps + costs.impactBps * std::sqrt(size / volume)) * 1e-4;
    fill.quantity = side * size;
    fill.price = open * std::max(0.0, 1.0 + side * worse); // a sale at less than nothing is no sale: it gets nothing
    fill.fee = costs.takerFeeBps * 1e-4 * size * fill.price;
    return fill;
}

/// The largest purchase that `cash` pays for with fee, spread and impact at the size itself bounded by `wanted`.
/// The impact of `wanted` is used for the price: an upper bound, so the purchase never overdraws.
inline double affordableQuantity(const CostModel& costs, double wanted, double cash, double open, double volume)
{
    const double size = std::min(wanted, costs.maxParticipation * volume);
    if (!(size > 0.0) || !(cash > 0.0))
        return 0.0;
    const double worse = (costs.halfSpreadBps + costs.impactBps * std::sqrt(size / volume)) * 1e-4;
    const double unitCost = open * (1.0 + worse) * (1.0 + costs.takerFeeBps * 1e-4);
    return std::min(size, cash / unitCost);
}

} // namespace btcai
