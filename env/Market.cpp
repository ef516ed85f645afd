#include "env/Market.h"

#include <algorithm>
#include <limits>

#include "base/Error.h"

namespace btcai {

Market::Market(const BarSeries& series)
    : startTime(series.startTime()), intervalSeconds(series.intervalSeconds()),
      open(series.open().begin(), series.open().end()), high(series.high().begin(), series.high().end()),
      low(series.low().begin(), series.low().end()), mark(series.close().begin(), series.close().end()),
      volume(series.volume().begin(), series.volume().end()), present(series.mask().begin(), series.mask().end())
{
    const auto first = std::ranges::find(present, std::uint8_t{1});
    if (first == present.end())
        throw Error(ErrorKind::BadInput, "{}: the series holds no bar", series.instrument());
    double last = open[static_cast<std::size_t>(first - present.begin())];
    for (std::size_t row = 0; row < present.size(); ++row) {
        if (present[row]) {
            last = mark[row];
        } else {
            mark[row] = last;
            volume[row] = 0.0;
        }
    }
}

void Market::useFiner(BarSeries series)
{
    const std::int64_t interval = series.intervalSeconds();
    if (interval >= intervalSeconds || intervalSeconds % interval != 0)
        throw Error(ErrorKind::BadInput, "{}: bars of {} s do not divide bars of {} s", series.instrument(), interval, intervalSeconds);
    if (series.empty() || series.timestamp(series.size()) <= startTime || series.startTime() >= timestamp(rows()))
        throw Error(ErrorKind::BadInput, "{}: bars of {} s lie outside of the time of the bars of {} s they are to refine",
                    series.instrument(), interval, intervalSeconds);
    finer = std::move(series);
}

std::pair<std::size_t, std::size_t> Market::finerRows(std::size_t row) const
{
    return {finer.lowerBound(timestamp(row)), finer.lowerBound(timestamp(row + 1))};
}

std::pair<double, double> Market::range(std::size_t first, std::size_t last) const
{
    double highest = -std::numeric_limits<double>::infinity();
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t row = first; row <= last; ++row) // a missing bar's NaN compares false
    {
        highest = high[row] > highest ? high[row] : highest;
        lowest = low[row] < lowest ? low[row] : lowest;
    }
    return {highest, lowest};
}

} // namespace btcai
