#pragma once

#include <cstddef>
#include <cstdint>

#include "data/bars/BarSeries.h"

namespace btcai {

/// Variants of a market to train on. All work on candles: gap = log(open / previous close), body = log(close / open), the upper
/// wick log(high / max(open, close)) and the lower one log(min(open, close) / low), both never negative. Prices are built anew
/// from the first open on, so highs and lows always enclose open and close, and features are computed by the same code as on
/// the original. Times, interval and instrument stay. Missing bars stay missing where they are, unless said otherwise; across a gap
/// the "previous close" is that of the last bar present.
///
/// All are deterministic in series and options (base/Rng). Throw Error(BadInput) for options out of range and for a series with an
/// impossible candle, naming its row, and Error(Numeric) when a price leaves the range of numbers.

/// Noise on each candle (Um et al. 2017, "Data augmentation of wearable sensor data ..."): normal noise is added to the body, wicks and
/// volume are multiplied by log-normal noise.
struct JitterOptions {
    double returnNoise = 0.0002; ///< deviation, of one bar's log return
    double wickNoise = 0.1;      ///< deviation of the log factor
    double volumeNoise = 0.1;    ///< deviation of the log factor
    std::uint64_t seed = 1;
};
BarSeries jitter(const BarSeries& series, const JitterOptions& options);

/// A smooth random curve: a natural cubic spline through normal draws, `knotRows` rows apart.
struct WarpOptions {
    std::size_t knotRows = 288;
    double deviation = 0.2; ///< of a knot's draw; the factor is its exponential
    std::uint64_t seed = 1;
};

/// Multiplies gap, body and wicks by exp(curve): volatility swells and ebbs (Um et al. 2017). Volumes stay.
BarSeries magnitudeWarp(const BarSeries& series, const WarpOptions& options);

/// Runs time faster and slower by exp(curve), over the same span in all: a row of the result covers a stretch of the original, of a bar
/// or of several. Its open and close are the log price at the ends of the stretch (within a bar taken as straight from open to close), its
/// high and low enclose those of the bars covered (wicks of a bar covered in part count in that part), its volume is their share: the total
/// stays. Missing bars move along: a row is missing when its stretch holds no bar that is present.
BarSeries timeWarp(const BarSeries& series, const WarpOptions& options);

/// The stationary bootstrap of Politis and Romano (1994): candles with their volumes are drawn in blocks of geometric length,
/// starting anywhere, wrapping from the end to the beginning. Missing bars are drawn along with their block.
struct BootstrapOptions {
    double meanBlockRows = 288.0; ///< at least 1
    std::uint64_t seed = 1;
};
BarSeries stationaryBootstrap(const BarSeries& series, const BootstrapOptions& options);

/// Turns the market upside down: gap and body change sign, the wicks change places. Twice gives the original but for rounding.
BarSeries signFlip(const BarSeries& series);

} // namespace btcai
