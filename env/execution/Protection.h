#pragma once

#include <algorithm>

namespace btcai {

/// What of a bar decides on resting orders.
struct PriceRange {
    double open = 0.0;
    double high = 0.0;
    double low = 0.0;
};

/// Whether prices of a bar reach a level at which a stop that sells (side +1, protecting a long position) or buys (side -1)
/// is triggered: touching is enough.
inline bool reachesStop(double side, double stop, const PriceRange& bar)
{
    return side > 0.0 ? bar.low <= stop : bar.high >= stop;
}

/// Whether a resting limit order that sells (side +1, taking the profit of a long position) or buys (side -1) fills: only where
/// prices went through it, since one does not know one's place in the queue at the limit itself.
inline bool passesLimit(double side, double limit, const PriceRange& bar)
{
    return side > 0.0 ? bar.high > limit : bar.low < limit;
}

/// The price around which a triggered stop fills: its level, or where trading began behind it.
inline double stopPrice(double side, double stop, double open)
{
    return side > 0.0 ? std::min(open, stop) : std::max(open, stop);
}

/// The price at which a long (side +1) or short position of `quantity` coins with `cash` beside it has just the maintenance margin left:
/// cash + quantity * p = maintenance * |quantity| * p. Below 0 for a position that no price ends.
inline double liquidationPrice(double quantity, double cash, double maintenance)
{
    return cash / (maintenance * std::abs(quantity) - quantity);
}

} // namespace btcai
