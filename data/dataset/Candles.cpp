#include "data/dataset/Candles.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"

namespace btcai {

namespace {

void checkBar(const Bar& bar, std::size_t row)
{
    // Negated, so that NaN is refused too.
    const bool isPossible = bar.low > 0.0 && bar.low <= std::min(bar.open, bar.close) && bar.high >= std::max(bar.open, bar.close)
                            && std::isfinite(bar.high) && bar.volume >= 0.0 && std::isfinite(bar.volume);
    if (!isPossible)
        throw Error(ErrorKind::BadInput, "row {}: open {}, high {}, low {}, close {}, volume {} are no possible bar; repair the data first", row,
                    bar.open, bar.high, bar.low, bar.close, bar.volume);
}

} // namespace

Candles candlesOf(const BarSeries& series)
{
    Candles candles;
    candles.rows.resize(series.size());
    std::optional<double> lastClose;
    for (std::size_t i = 0; i < series.size(); ++i) {
        const auto bar = series.bar(i);
        if (!bar)
            continue;
        checkBar(*bar, i);
        if (!lastClose)
            candles.firstOpen = bar->open;
        candles.rows[i] = Candle{.gap = lastClose ? std::log(bar->open / *lastClose) : 0.0,
                                 .body = std::log(bar->close / bar->open),
                                 .upperWick = std::log(bar->high / std::max(bar->open, bar->close)),
                                 .lowerWick = std::log(std::min(bar->open, bar->close) / bar->low),
                                 .volume = bar->volume};
        lastClose = bar->close;
    }
    return candles;
}

BarSeries seriesOf(const Candles& candles, const BarSeries& like)
{
    const std::size_t rows = candles.rows.size();
    if (rows == 0)
        return like;
    BarColumns columns = BarColumns::missing(rows);
    std::optional<double> lastClose;
    for (std::size_t i = 0; i < rows; ++i) {
        if (!candles.rows[i])
            continue;
        const Candle& candle = *candles.rows[i];
        const double open = lastClose ? *lastClose * std::exp(candle.gap) : candles.firstOpen;
        const double close = open * std::exp(candle.body);
        const double high = std::max(open, close) * std::exp(candle.upperWick);
        const double low = std::min(open, close) * std::exp(-candle.lowerWick);
        columns.set(i, {like.timestamp(i), open, high, low, close, candle.volume});
        lastClose = close;
        if (!(low > 0.0 && std::isfinite(high) && std::isfinite(candle.volume)))
            throw Error(ErrorKind::Numeric, "row {}: the price leaves the range of numbers; use weaker changes", i);
    }
    return BarSeries::fromColumns(like.instrument(), like.intervalSeconds(), like.startTime(), std::move(columns));
}

} // namespace btcai
