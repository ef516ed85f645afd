#include "env/Market.h"

#include <algorithm>

#include "base/Error.h"

namespace btcai {

Market::Market(const BarSeries& series)
    : startTime(series.startTime()), intervalSeconds(series.intervalSeconds()),
      open(series.open().begin(), series.open().end()), mark(series.close().begin(), series.close().end()),
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

} // namespace btcai
