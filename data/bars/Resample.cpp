#include "data/bars/Resample.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"

namespace btcai {

namespace {

/// A sum that keeps what rounding drops.
class CompensatedSum {
public:
    void add(double value)
    {
        const double next = m_sum + value;
        m_lost += std::abs(m_sum) >= std::abs(value) ? (m_sum - next) + value : (value - next) + m_sum;
        m_sum = next;
    }
    double value() const { return m_sum + m_lost; }

private:
    double m_sum = 0.0;
    double m_lost = 0.0;
};

/// Source rows [first, last) as one bar, or nothing when fewer than `least` are present.
std::optional<Bar> joined(const BarSeries& source, std::size_t first, std::size_t last, std::size_t least)
{
    Bar bar;
    CompensatedSum volume;
    std::size_t count = 0;
    for (std::size_t i = first; i < last; ++i) {
        if (!source.present(i))
            continue;
        if (count++ == 0) {
            bar.open = source.open()[i];
            bar.high = source.high()[i];
            bar.low = source.low()[i];
        }
        bar.high = std::max(bar.high, source.high()[i]);
        bar.low = std::min(bar.low, source.low()[i]);
        bar.close = source.close()[i];
        volume.add(source.volume()[i]);
    }
    if (count < least)
        return std::nullopt;
    bar.volume = volume.value();
    return bar;
}

void checkRequest(const BarSeries& source, std::int64_t intervalSeconds, double coverage)
{
    if (!(coverage >= 0.0 && coverage <= 1.0))
        throw Error(ErrorKind::BadInput, "the minimum coverage is {}; it must lie between 0 and 1", coverage);
    if (intervalSeconds < source.intervalSeconds() || intervalSeconds % source.intervalSeconds() != 0)
        throw Error(ErrorKind::BadInput, "bars of {} s cannot be made of bars of {} s: the interval must be a multiple", intervalSeconds,
                    source.intervalSeconds());
}

} // namespace

BarSeries resample(const BarSeries& source, std::int64_t intervalSeconds, const ResampleOptions& options)
{
    checkRequest(source, intervalSeconds, options.minimumCoverage);
    BarSeries nothing(source.instrument(), intervalSeconds); // checks that the interval divides a day
    if (source.empty())
        return nothing;

    const std::int64_t start = source.startTime() - source.startTime() % intervalSeconds;
    const auto rows = static_cast<std::size_t>((source.timestamp(source.size() - 1) - start) / intervalSeconds) + 1;
    const auto perBar = static_cast<double>(intervalSeconds / source.intervalSeconds());
    const auto least = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(options.minimumCoverage * perBar - 1e-9)));
    BarColumns columns = BarColumns::missing(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        const std::int64_t time = start + static_cast<std::int64_t>(i) * intervalSeconds;
        if (const auto bar = joined(source, source.lowerBound(time), source.lowerBound(time + intervalSeconds), least))
            columns.set(i, *bar);
    }
    return BarSeries::fromColumns(source.instrument(), intervalSeconds, start, std::move(columns));
}

} // namespace btcai
