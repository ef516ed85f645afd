#pragma once

#include <memory>
#include <span>
#include <vector>

#include "data/dataset/Split.h"
#include "env/Market.h"
#include "env/execution/CostModel.h"

namespace btcai {

/// The account that a list of exposures is run through.
struct ExposureAccount {
    double initialCash = 10'000.0;
    double exposure = 1.0; ///< what an exposure of 1 in the list stands for, as a share of equity; at most 1
    bool allowShort = false;
    CostModel costs;
};

/// What became of it.
struct ExposureRun {
    std::vector<double> equity;  ///< relative to 1, the starting value first, then one value a close
    std::vector<double> profits; ///< of trades from opening to closing, net, quote currency
    double traded = 0.0;         ///< value of all fills, quote currency
    double costs = 0.0;          ///< fees, spread and impact, quote currency
    double meanExposure = 0.0;   ///< |position value / equity|, over all closes, the first included
    bool ruined = false;         ///< equity fell to nothing; it then stays at next to nothing
};

/// Trades target exposures by the fill contract of env/execution, from the close of row rows.first to that of row rows.last - 2, the stretch that
/// an evaluation of the same rows trades. `exposures[i]`, signed, in shares of account.exposure, is aimed at after the close of row
/// rows.first + i. As in rule 2 of the contract, the size in coins is fixed when the exposure changes and then left alone.
///
/// Lists of -1, 0 and 1 go through TradingEnv. Others go through a loop over fillMarketOrder with the same rules: this function is the one place where an
/// environment that takes continuous exposures is to be put in.
///
/// Throws Error(BadInput) naming the entry when an exposure is not within [-1, 1], or below 0 without allowShort; when the list is not as long as the rows or
/// the rows (three at least) are not there.
ExposureRun runExposures(std::shared_ptr<const Market> market, RowRange rows, std::span<const double> exposures, const ExposureAccount& account);

} // namespace btcai
