#pragma once

#include "data/dataset/Split.h"
#include "env/Market.h"
#include "env/execution/CostModel.h"

namespace btcai {

/// The log growth of equity that perfect foresight of all prices attains in `rows`: the best of all sequences of market orders, under fee
/// and half spread, by exact dynamic programming. Decisions are taken at the closes of rows first ... last - 2, each fills at the open of
/// the next row if that bar is present, and the account is valued at the mark of row last - 1. Never negative: staying flat is one of the
/// sequences.
///
/// It is an upper bound of what the fill contract (env/execution) allows to an account without leverage:
/// - Impact and volume cap are left out. Both only make fills worse or smaller, so that leaving them out keeps it an upper bound.
/// - Long and flat: the account may hold any share between all its cash and none in coins. Proportional costs make the problem linear, so
/// that
///   all or nothing is optimal at every bar: the most cash (all flat) and the most coins (all in) are the whole state, and the bound
///   holds for every exposure up to 1 and for exposures in between.
/// - With `allowShort` a short sale brings the coins owed to at most equity / last close, as rule 2 of the contract does, and may be
/// resized at
///   each bar. A resize that buys back is charged as if it sold, which errs upwards. An order that the volume cap carries over to
///   bars in which the price has risen can leave a short larger than that: with shorts it is a bound where orders fill whole.
/// - It does not cover fills better than the open (limit orders) and income from funding.
///
/// Throws Error(BadInput) when the rows are not there or fewer than two.
double attainableLogGrowth(const Market& market, RowRange rows, const CostModel& costs, bool allowShort);

} // namespace btcai
