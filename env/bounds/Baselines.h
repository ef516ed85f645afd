#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "data/dataset/Split.h"
#include "env/Market.h"

namespace btcai {

/// Strategies of a few lines that an agent is measured against.
enum class Baseline { Cash, BuyAndHold, VolatilityTarget, MovingAverageCross, MeanReversion, Grid, Random };

inline constexpr std::array kBaselines{
    Baseline::Cash, Baseline::BuyAndHold, Baseline::VolatilityTarget, Baseline::MovingAverageCross, Baseline::MeanReversion,
    Baseline::Grid, Baseline::Random};

/// "cash", "buy-and-hold", "volatility-target", "ma-cross", "mean-reversion", "grid", "random": as on the command line.
std::string_view baselineName(Baseline baseline);
/// Nothing for a name that is no baseline.
std::optional<Baseline> baselineFromName(std::string_view name);
/// Reads "all" or names with commas between. Throws Error(BadInput) naming what is no baseline.
std::vector<Baseline> parseBaselines(std::string_view text);

struct BaselineOptions {
    bool allowShort = false; ///< of MovingAverageCross, MeanReversion and Random; the others are never short

    // VolatilityTarget: exposure = min(1, target / volatility), the volatility that of RiskMetrics (1996): an exponentially weighted mean
    // of squared log returns. A change of exposure below the band is not traded.
    double targetVolatility = 0.4;   ///< annualised
    double volatilityHalfLife = 288; ///< bars
    double rebalanceBand = 0.1;

    // MovingAverageCross: long while the fast simple average of the closes is above the slow one, else flat or short.
    std::size_t fastBars = 288;
    std::size_t slowBars = 1440;

    // MeanReversion: enters against a close `zEntry` sample deviations from the mean of `zBars` closes, leaves when it is back at the mean.
    std::size_t zBars = 288;
    double zEntry = 2.0;

    // Grid: lines `gridSpacing` apart (log price) around the first close; each line the price falls through buys 1 / gridLines more of the
    // exposure, each it rises through sells as much. It begins with half.
    double gridSpacing = 0.02;
    std::size_t gridLines = 10;

    // Random: changes its position at bars drawn from all alike, as often as it takes to trade `turnover` times the equity.
    double turnover = 10.0;
    std::uint64_t seed = 1;
};

/// The exposure that a strategy aims at after the close of each row of `rows`, signed, in shares of what the account takes as full
/// (account.exposure). Each value is a function of the bars up to its row, those before `rows` included, and of no later one; where
/// bars are missing, the last close stands. Until a strategy has the bars it needs, it is flat.
/// Throws Error(BadInput) naming the option that is out of range, or when the rows are not there.
std::vector<double> targetExposures(Baseline baseline, const Market& market, RowRange rows, const BaselineOptions& options = {});

} // namespace btcai
