#pragma once

#include <memory>
#include <span>
#include <vector>

#include "env/Market.h"
#include "env/TradingEnvOptions.h"

namespace btcai {

/// What became of it.
struct ExposureRun {
    std::vector<double> equity;  ///< relative to 1, the starting value first, then one value a close
    std::vector<double> profits; ///< of trades from opening to closing, net, quote currency
    double traded = 0.0;         ///< value of all fills, quote currency
    double costs = 0.0;          ///< fees, spread and impact, quote currency
    double meanExposure = 0.0;   ///< |position value / equity|, over all closes, the first included
    bool ruined = false;         ///< equity fell to nothing; it then stays at next to nothing
};

/// Terms for `lanes` accounts that aim at exposures over these rows: those given, less the action mode with its kinds of orders and the limit of ruin
/// (only an account without equity ends). The episode would be cut at the last row.
TradingEnvOptions exposureTerms(const TradingEnvOptions& terms, RowRange rows, std::size_t lanes);

/// Trades target exposures by the fill contract of env/execution, from the close of row rows.first to that of row rows.last - 2, the stretch that
/// an evaluation of the same rows trades. `exposures[i]`, signed, in shares of terms.exposure times the leverage, is aimed at after the close of row
/// rows.first + i; an exposure is left alone until it changes. The terms are those that exposureTerms makes of `terms`.
///
/// Throws Error(BadInput) naming the entry when an exposure is not within [-1, 1], or below 0 without allowShort; when the list is not as long as the rows or
/// the rows (three at least) are not there.
ExposureRun runExposures(std::shared_ptr<const Market> market, RowRange rows, std::span<const double> exposures, const TradingEnvOptions& terms);

} // namespace btcai
