#pragma once

#include <cstdint>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// A market whose right answer is known, for tests and benchmarks.
///
/// Time is cut into blocks of `blockBars`. Each block draws a sign (+1 or -1, equally likely). In the `signalBars` bars
/// that end `lagBars` before the block begins, the volume carries the sign: exp(volumeGap * sign / 2) times a log-normal
/// base. In the block each bar's log return is `sign * driftPerBar + volatility * normal`. So somebody who reads the
/// volume knows the drift of the next block before it begins; prices alone tell it only late and with noise.
struct SyntheticMarketOptions {
    std::size_t bars = 20000;
    std::uint64_t seed = 1;
    std::int64_t startTime = 1514764800; ///< 2018-01-01 00:00 UTC
    std::int64_t intervalSeconds = 300;
    double startPrice = 10000.0;
    double volatility = 0.002;    ///< of one bar's log return
    double driftPerBar = 0.001;   ///< 0: a market without signal
    std::size_t blockBars = 12;
    std::size_t lagBars = 0;
    std::size_t signalBars = 2;
    double volumeGap = 2.0;       ///< log difference between the two signs
    double volumeNoise = 0.2;     ///< deviation of log volume
    double baseVolume = 500.0;    ///< in the base coin
    bool scrambleSignal = false;  ///< control: volume signs drawn independently of the drift's
};

struct SyntheticMarket {
    BarSeries series;
    std::vector<std::int8_t> driftSign; ///< per bar: the sign of this bar's drift; 0 where driftPerBar is 0
};

/// Deterministic in the options. Highs and lows enclose open and close; opens equal the previous close.
SyntheticMarket makeSyntheticMarket(const SyntheticMarketOptions& options);

} // namespace btcai
