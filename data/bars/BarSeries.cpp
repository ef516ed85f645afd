#include "data/bars/BarSeries.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/Error.h"
#include "data/bars/FieldHash.h"

namespace btcai {

namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kLastTime = 253402300799; // 9999-12-31 23:59:59
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A grid may be far larger than its bars; two bars thousands of years apart must not make us allocate the years.
constexpr std::size_t kFreeMissingRows = 4'000'000;
constexpr std::size_t kMaxRowsPerBar = 100;

void checkInterval(std::int64_t intervalSeconds)
{
    if (intervalSeconds <= 0 || intervalSeconds > kSecondsPerDay || kSecondsPerDay % intervalSeconds != 0)
        throw Error(ErrorKind::BadInput, "a bar interval of {} s is not possible: it must divide a day", intervalSeconds);
}

void checkStart(std::int64_t time, std::int64_t intervalSeconds)
{
    if (time < 0 || time > kLastTime)
        throw Error(ErrorKind::BadInput, "time {} is outside of 1970 to 9999", time);
    if (time % intervalSeconds != 0)
        throw Error(ErrorKind::BadInput, "time {} is not on the grid of {} s", time, intervalSeconds);
}

void checkTimes(std::int64_t intervalSeconds, std::span<const Bar> bars)
{
    for (std::size_t i = 0; i < bars.size(); ++i) {
        const std::int64_t time = bars[i].timestamp;
        if (time < 0 || time > kLastTime)
            throw Error(ErrorKind::BadInput, "bar {}: time {} is outside of 1970 to 9999", i, time);
        if (time % intervalSeconds != 0)
            throw Error(ErrorKind::BadInput, "bar {}: time {} is not on the grid of {} s", i, time, intervalSeconds);
        if (i > 0 && time <= bars[i - 1].timestamp)
            throw Error(ErrorKind::BadInput, "bar {}: time {} does not come after {}", i, time, bars[i - 1].timestamp);
    }
}

std::vector<double> column(std::size_t rows) { return std::vector<double>(rows, kNan); }

std::vector<double> copyRows(const std::vector<double>& from, std::size_t first, std::size_t last)
{
    return {from.begin() + static_cast<std::ptrdiff_t>(first), from.begin() + static_cast<std::ptrdiff_t>(last)};
}

} // namespace

BarSeries::BarSeries(std::string instrument, std::int64_t intervalSeconds)
    : m_instrument(std::move(instrument)), m_intervalSeconds(intervalSeconds)
{
    checkInterval(intervalSeconds);
}

BarSeries BarSeries::fromBars(std::string instrument, std::int64_t intervalSeconds, std::span<const Bar> bars)
{
    BarSeries series(std::move(instrument), intervalSeconds);
    if (bars.empty())
        return series;
    checkTimes(intervalSeconds, bars);

    const std::int64_t span = bars.back().timestamp - bars.front().timestamp;
    const auto rows = static_cast<std::size_t>(span / intervalSeconds) + 1;
    if (rows > kFreeMissingRows && rows / kMaxRowsPerBar > bars.size())
        throw Error(ErrorKind::BadInput, "{} bars spread over {} rows of {} s: more than 99 % would be missing; check the times",
                    bars.size(), rows, intervalSeconds);

    series.m_startTime = bars.front().timestamp;
    for (auto* values : {&series.m_open, &series.m_high, &series.m_low, &series.m_close, &series.m_volume})
        *values = column(rows);
    series.m_present.assign(rows, 0);
    series.m_presentCount = bars.size();
    for (const Bar& bar : bars) {
        const auto i = static_cast<std::size_t>((bar.timestamp - series.m_startTime) / intervalSeconds);
        series.m_open[i] = bar.open;
        series.m_high[i] = bar.high;
        series.m_low[i] = bar.low;
        series.m_close[i] = bar.close;
        series.m_volume[i] = bar.volume;
        series.m_present[i] = 1;
    }
    return series;
}

BarSeries BarSeries::fromColumns(std::string instrument, std::int64_t intervalSeconds, std::int64_t startTime, BarColumns columns)
{
    BarSeries series(std::move(instrument), intervalSeconds);
    checkStart(startTime, intervalSeconds);
    const std::size_t rows = columns.mask.size();
    for (auto* values : {&columns.open, &columns.high, &columns.low, &columns.close, &columns.volume}) {
        if (values->size() != rows)
            throw Error(ErrorKind::BadInput, "a bar column has {} rows, the mask {}", values->size(), rows);
        for (std::size_t i = 0; i < rows; ++i)
            if (columns.mask[i] == 0)
                (*values)[i] = kNan;
    }
    for (std::uint8_t& present : columns.mask)
        present = present != 0 ? 1 : 0;
    series.m_startTime = startTime;
    series.m_open = std::move(columns.open);
    series.m_high = std::move(columns.high);
    series.m_low = std::move(columns.low);
    series.m_close = std::move(columns.close);
    series.m_volume = std::move(columns.volume);
    series.m_present = std::move(columns.mask);
    series.m_presentCount = static_cast<std::size_t>(std::count(series.m_present.begin(), series.m_present.end(), 1));
    return series;
}

std::optional<Bar> BarSeries::bar(std::size_t i) const
{
    if (!present(i))
        return std::nullopt;
    return Bar{timestamp(i), m_open[i], m_high[i], m_low[i], m_close[i], m_volume[i]};
}

std::size_t BarSeries::lowerBound(std::int64_t t) const
{
    if (empty() || t <= m_startTime)
        return 0;
    if (t > timestamp(size() - 1))
        return size();
    // Exact and free of overflow: t lies within the grid here.
    return static_cast<std::size_t>((t - m_startTime + m_intervalSeconds - 1) / m_intervalSeconds);
}

BarSeries BarSeries::slice(std::size_t first, std::size_t last) const
{
    if (first > last || last > size())
        throw Error(ErrorKind::BadInput, "rows {} to {} are not within a series of {} rows", first, last, size());
    BarColumns columns;
    columns.open = copyRows(m_open, first, last);
    columns.high = copyRows(m_high, first, last);
    columns.low = copyRows(m_low, first, last);
    columns.close = copyRows(m_close, first, last);
    columns.volume = copyRows(m_volume, first, last);
    columns.mask.assign(m_present.begin() + static_cast<std::ptrdiff_t>(first), m_present.begin() + static_cast<std::ptrdiff_t>(last));
    return fromColumns(m_instrument, m_intervalSeconds, timestamp(first), std::move(columns));
}

std::string BarSeries::contentHash() const
{
    FieldHash hash;
    hash.addWord(static_cast<std::uint64_t>(m_intervalSeconds));
    hash.addWord(static_cast<std::uint64_t>(m_startTime));
    hash.addWord(size());
    hash.addBytes(m_present);
    std::vector<double> values;
    values.reserve(m_presentCount);
    for (const auto* source : {&m_open, &m_high, &m_low, &m_close, &m_volume}) {
        values.clear();
        for (std::size_t i = 0; i < size(); ++i)
            if (m_present[i] != 0)
                values.push_back((*source)[i]);
        hash.addDoubles(values);
    }
    return hash.hexDigest();
}

} // namespace btcai
