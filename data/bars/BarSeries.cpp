#include "data/bars/BarSeries.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/Error.h"
#include "data/bars/FieldHash.h"

namespace btcai {

namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kLastTime = 253402300799; // 9999-12-31 23:59:59
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A grid may be larger than its bars, up to here.
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

/// Runs of present rows, [first, last) each.
std::vector<std::pair<std::size_t, std::size_t>> presentRuns(std::span<const std::uint8_t> mask)
{
    std::vector<std::pair<std::size_t, std::size_t>> runs;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0)
            continue;
        if (runs.empty() || runs.back().second != i)
            runs.emplace_back(i, i);
        runs.back().second = i + 1;
    }
    return runs;
}

void checkShared(const BarColumnView& columns)
{
    for (std::size_t i = 0; i < columns.mask.size(); ++i) {
        if (columns.mask[i] > 1)
            throw Error(ErrorKind::BadInput, "the mask of row {} is {}, neither 0 nor 1", i, columns.mask[i]);
        if (columns.mask[i] != 0)
            continue;
        for (const auto values : {columns.open, columns.high, columns.low, columns.close, columns.volume})
            if (std::bit_cast<std::uint64_t>(values[i]) != std::bit_cast<std::uint64_t>(kNan))
                throw Error(ErrorKind::BadInput, "row {} is missing, but has a value", i);
    }
}

void checkLength(std::size_t values, std::size_t rows)
{
    if (values != rows)
        throw Error(ErrorKind::BadInput, "a bar column has {} rows, the mask {}", values, rows);
}

} // namespace

BarColumns BarColumns::missing(std::size_t rows)
{
    const std::vector<double> nothing(rows, kNan);
    return {nothing, nothing, nothing, nothing, nothing, std::vector<std::uint8_t>(rows, 0)};
}

void BarColumns::set(std::size_t row, const Bar& bar)
{
    open[row] = bar.open;
    high[row] = bar.high;
    low[row] = bar.low;
    close[row] = bar.close;
    volume[row] = bar.volume;
    mask[row] = 1;
}

struct BarSeries::KnownHash {
    std::once_flag once;
    std::string text;
};

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

    const std::int64_t start = bars.front().timestamp;
    BarColumns columns = BarColumns::missing(gridRows(start, bars.back().timestamp, intervalSeconds, bars.size()));
    for (const Bar& bar : bars)
        columns.set(static_cast<std::size_t>((bar.timestamp - start) / intervalSeconds), bar);
    series.own(start, std::move(columns));
    return series;
}

BarSeries BarSeries::fromColumns(std::string instrument, std::int64_t intervalSeconds, std::int64_t startTime, BarColumns columns)
{
    BarSeries series(std::move(instrument), intervalSeconds);
    checkStart(startTime, intervalSeconds);
    const std::size_t rows = columns.mask.size();
    for (auto* values : {&columns.open, &columns.high, &columns.low, &columns.close, &columns.volume}) {
        checkLength(values->size(), rows);
        for (std::size_t i = 0; i < rows; ++i)
            if (columns.mask[i] == 0)
                (*values)[i] = kNan;
    }
    for (std::uint8_t& present : columns.mask)
        present = present != 0 ? 1 : 0;
    series.own(startTime, std::move(columns));
    return series;
}

BarSeries BarSeries::fromShared(std::string instrument, std::int64_t intervalSeconds, std::int64_t startTime, const BarColumnView& columns,
                                std::shared_ptr<const void> owner)
{
    BarSeries series(std::move(instrument), intervalSeconds);
    checkStart(startTime, intervalSeconds);
    for (const auto values : {columns.open, columns.high, columns.low, columns.close, columns.volume})
        checkLength(values.size(), columns.mask.size());
    checkShared(columns);
    series.standOn(startTime, columns, std::move(owner));
    return series;
}

void BarSeries::own(std::int64_t startTime, BarColumns columns)
{
    const auto owned = std::make_shared<const BarColumns>(std::move(columns));
    standOn(startTime, {owned->open, owned->high, owned->low, owned->close, owned->volume, owned->mask}, owned);
}

void BarSeries::standOn(std::int64_t startTime, const BarColumnView& columns, std::shared_ptr<const void> owner)
{
    m_startTime = startTime;
    m_columns = columns;
    m_owner = std::move(owner);
    m_hash = std::make_shared<KnownHash>();
    m_presentCount = static_cast<std::size_t>(std::ranges::count(columns.mask, std::uint8_t{1}));
}

std::size_t BarSeries::gridRows(std::int64_t first, std::int64_t last, std::int64_t intervalSeconds, std::size_t bars)
{
    const auto rows = static_cast<std::size_t>((last - first) / intervalSeconds) + 1;
    if (rows > kFreeMissingRows && rows / kMaxRowsPerBar > bars)
        throw Error(ErrorKind::BadInput, "{} bars spread over {} rows of {} s: more than 99 % would be missing; check the times", bars, rows,
                    intervalSeconds);
    return rows;
}

std::optional<Bar> BarSeries::bar(std::size_t i) const
{
    if (!present(i))
        return std::nullopt;
    return Bar{timestamp(i), open()[i], high()[i], low()[i], close()[i], volume()[i]};
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
    const auto cut = [&](auto values) { return values.subspan(first, last - first); };
    BarSeries part(m_instrument, m_intervalSeconds);
    part.standOn(timestamp(first), {cut(open()), cut(high()), cut(low()), cut(close()), cut(volume()), cut(mask())}, m_owner);
    return part;
}

std::string BarSeries::contentHash() const
{
    if (!m_hash)
        return computeContentHash();
    std::call_once(m_hash->once, [this] { m_hash->text = computeContentHash(); });
    return m_hash->text;
}

std::string BarSeries::computeContentHash() const
{
    FieldHash hash;
    hash.addWord(static_cast<std::uint64_t>(m_intervalSeconds));
    hash.addWord(static_cast<std::uint64_t>(m_startTime));
    hash.addWord(size());
    hash.addBytes(mask());
    // Gaps are short and many: copying the runs together is cheaper than to hash each for itself.
    const auto runs = presentRuns(mask());
    std::vector<double> values;
    values.reserve(m_presentCount);
    for (const auto column : {open(), high(), low(), close(), volume()}) {
        values.clear();
        for (const auto& [first, last] : runs)
            values.insert(values.end(), column.begin() + static_cast<std::ptrdiff_t>(first), column.begin() + static_cast<std::ptrdiff_t>(last));
        hash.addDoubles(values);
    }
    return hash.hexDigest();
}

} // namespace btcai
