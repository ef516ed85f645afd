#pragma once

#include "data/bars/BarStore.h"

namespace btcai {

/// `stored` with what `fresh` has besides; counts into `result`. Throws Error(BadInput) naming times and both values where the two
/// disagree. Both are of the same instrument and interval; the grid of the result spans both.
BarSeries merge(const BarSeries& stored, const BarSeries& fresh, AppendResult& result);
FundingSeries merge(const FundingSeries& stored, const FundingSeries& fresh, AppendResult& result);

} // namespace btcai
