#pragma once

namespace btcai {

/// What trading costs. All shares and rates are one-sided: they only ever make a fill worse.
///
/// The fill contract (details in README.md of this folder). A market order decided at the close of bar t fills at
/// the open of bar t+1 or, when that bar is missing, not at all (the next decision stands in its place):
///   price = open * (1 + side * (halfSpread + impact)),  impact = impactBps * 1e-4 * sqrt(quantity / volume of t+1)
///   fee   = takerFee * quantity * price
/// and at most `maxParticipation` of the bar's volume fills; the rest is not carried as an order, since the next decision
/// aims at its own target.
struct CostModel {
    double takerFeeBps = 10.0;
    double halfSpreadBps = 1.0;
    double impactBps = 20.0; ///< at the bar's whole volume; square-root law (Almgren et al. 2005; Toth et al. 2011)
    double maxParticipation = 0.1;

    bool operator==(const CostModel&) const = default;
};

} // namespace btcai
