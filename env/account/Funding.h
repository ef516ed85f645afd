#pragma once

#include <vector>

#include "env/Market.h"

namespace btcai {

/// What a long position pays at the start of each row, as a share of its value: the settlements stamped after the open of the row
/// before and up to its own open. Rows outside of the market's funding series (all, without one) pay `constantRate` at
/// 00:00, 08:00 and 16:00 UTC.
std::vector<double> fundingRates(const Market& market, double constantRate);

} // namespace btcai
