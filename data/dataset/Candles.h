#pragma once

#include <optional>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// A bar without its price level, in logarithms (see Augmentation.h).
struct Candle {
    double gap = 0.0;
    double body = 0.0;
    double upperWick = 0.0; ///< never negative
    double lowerWick = 0.0; ///< never negative
    double volume = 0.0;
};

/// A series as candles, one a row; nothing where it is missing.
struct Candles {
    double firstOpen = 1.0; ///< of the first bar present
    std::vector<std::optional<Candle>> rows;
};

/// Throws Error(BadInput) naming the row of a bar that is no possible one: a price that is not positive, a high below the close, a
/// negative volume, and the like.
Candles candlesOf(const BarSeries& series);

/// The series back, on the grid of `like`. Throws Error(Numeric) naming the row where a price leaves the range of numbers.
BarSeries seriesOf(const Candles& candles, const BarSeries& like);

} // namespace btcai
