#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/evaluation/ForecastSamples.h"

namespace btcai {

/// One of a run's horizons took another rung of the ladder (forecast.adapt).
struct HorizonMove {
    std::size_t index = 0; ///< of the run's horizons, from 0
    std::int64_t from = 0, to = 0; ///< bars
    double skillFrom = 0.0, skillTo = 0.0; ///< CRPS skill
    double error = 0.0;    ///< standard error of their difference

    bool operator==(const HorizonMove&) const = default;
};

/// What measured skill says of a run's horizons. `inUse`: those of the run, ascending; `ladder`: samples of all rungs on the validation part, ascending.
///
/// The calibration of each rung is fitted on the first half of the part and its CRPS judged on the second, row by row, against the outcomes of the first half
/// every time: a row's advantage is 1 - CRPS / mean reference, its mean the skill. Standard errors are those of the means of blocks as long as the ladder's longest
/// horizon (overlapping outcomes are not independent; batch means: Conway 1963), where there are 8 blocks at least; else nothing moves.
///
/// A horizon moves to the rung above or below, to the better of the two if it could move to both, where
///   - the new rung's skill is more than 2 standard errors above 0: among noise no rung is better than another;
///   - it is better than the present one's by more than 3 standard errors of the difference (hysteresis: noise alone does so once in 700 looks);
///   - in no regime of the market it is worse by more than 2;
///   - no other horizon of the run is or would be there or beyond: their order remains.
/// `regimes`: of each row of the data.
std::vector<HorizonMove> horizonMoves(std::span<const std::int64_t> inUse, const std::vector<HorizonSamples>& ladder, std::span<const MarketRegime> regimes);

/// "horizon 2: 12 -> 16 bars at step 65536, CRPS skill 0.0310 where it was 0.0120; the difference is known to ± 0.0040".
std::string moveText(const HorizonMove& move, std::int64_t step);

} // namespace btcai
