#include "data/importers/BarRows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::size_t kMaxRows = 50'000'000; // 95 years of minutes; bounds the memory a compressed file can ask for
constexpr std::int64_t kSecondsPerDay = 86400;

/// Stamps of 1973 to 5138 in seconds, ms and us lie three powers of ten apart.
std::int64_t unitsPerSecondOf(std::int64_t stamp)
{
    if (stamp < 100'000'000'000)
        return 1;
    return stamp < 100'000'000'000'000 ? 1'000 : 1'000'000;
}

const char* unitName(std::int64_t unitsPerSecond)
{
    return unitsPerSecond == 1 ? "s" : unitsPerSecond == 1'000 ? "ms" : "us";
}

std::string instrumentFromName(const std::filesystem::path& path)
{
    const std::string name = path.filename().string();
    std::string instrument = name.substr(0, name.find_first_of("-_. "));
    std::ranges::transform(instrument, instrument.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return instrument;
}

} // namespace

BarRows::BarRows(const std::filesystem::path& path, const ImportOptions& options) : m_path(path.string()), m_options(options)
{
    if (m_options.instrument.empty())
        m_options.instrument = instrumentFromName(path);
}

void BarRows::fail(std::size_t line, const std::string& what) const
{
    throw Error(ErrorKind::BadInput, "{}: line {}: {}", m_path, line, what);
}

double BarRows::parseNumber(std::size_t line, const char* field, std::string_view text) const
{
    if (text.empty())
        fail(line, fmt::format("{} is empty", field));
    double value = 0.0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range)
        fail(line, fmt::format("{} is {}, beyond the range of numbers", field, quotedForMessage(text)));
    if (code != std::errc{} || end != text.data() + text.size())
        fail(line, fmt::format("{} is {}, not a number", field, quotedForMessage(text)));
    if (std::isnan(value))
        fail(line, fmt::format("{} is NaN", field));
    if (std::isinf(value))
        fail(line, fmt::format("{} is infinite", field));
    return value;
}

double BarRows::parsePrice(std::size_t line, const char* field, std::string_view text) const
{
    const double value = parseNumber(line, field, text);
    if (value < 0.0)
        fail(line, fmt::format("{} is negative ({})", field, value));
    if (value == 0.0)
        fail(line, fmt::format("{} is zero; a price must be positive", field));
    return value;
}

std::int64_t BarRows::parseTime(std::size_t line, const char* field, std::string_view text)
{
    std::int64_t stamp = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), stamp);
    if (text.empty() || code != std::errc{} || end != text.data() + text.size())
        fail(line, fmt::format("{} is {}, not a whole number of seconds, ms or us since 1970", field, quotedForMessage(text)));
    if (stamp < 0)
        fail(line, fmt::format("{} is negative ({})", field, stamp));
    const std::int64_t units = unitsPerSecondOf(stamp);
    // Binance moved from ms to us in 2025, so files joined across that day hold both; anything else is a damaged stamp.
    const bool toMicroseconds = m_unitsPerSecond == 1'000 && units == 1'000'000;
    if (m_unitsPerSecond != 0 && units != m_unitsPerSecond && !toMicroseconds)
        fail(line, fmt::format("{} is {}, which looks like {} where the rows before are in {}", field, stamp, unitName(units),
                               unitName(m_unitsPerSecond)));
    m_unitsPerSecond = units;
    if (stamp % units != 0)
        fail(line, fmt::format("{} is {} {}, not a whole second; a bar opens on one", field, stamp, unitName(units)));
    return stamp / units;
}

void BarRows::add(std::size_t line, std::span<const std::string_view, 6> fields)
{
    if (m_bars.size() == kMaxRows)
        fail(line, fmt::format("more than {} rows; cut the file into parts", kMaxRows));
    Bar bar;
    bar.timestamp = parseTime(line, "timestamp", fields[0]);
    bar.open = parsePrice(line, "open", fields[1]);
    bar.high = parsePrice(line, "high", fields[2]);
    bar.low = parsePrice(line, "low", fields[3]);
    bar.close = parsePrice(line, "close", fields[4]);
    bar.volume = parseNumber(line, "volume", fields[5]);
    if (bar.volume < 0.0)
        fail(line, fmt::format("volume is negative ({})", bar.volume));
    if (bar.high < bar.low)
        fail(line, fmt::format("high {} is below low {}", bar.high, bar.low));
    if (!m_bars.empty() && bar.timestamp <= m_bars.back().timestamp)
        fail(line, fmt::format("timestamp {} does not come after {} of the row before; rows must be in rising time without repeats",
                               bar.timestamp, m_bars.back().timestamp));
    m_bars.push_back(bar);
    m_lines.push_back(static_cast<std::uint32_t>(line));
}

std::int64_t BarRows::commonestStep() const
{
    std::map<std::int64_t, std::size_t> counts; // at most a day's seconds: longer steps are no interval of ours
    for (std::size_t i = 1; i < m_bars.size(); ++i) {
        const std::int64_t step = m_bars[i].timestamp - m_bars[i - 1].timestamp;
        if (step <= kSecondsPerDay)
            ++counts[step];
    }
    if (counts.empty())
        throw Error(ErrorKind::BadInput, "{}: the bar interval cannot be told from {} rows; state it", m_path, m_bars.size());
    return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
}

ImportResult BarRows::finish(SourceFormat format, std::string reason)
{
    if (m_bars.empty())
        throw Error(ErrorKind::BadInput, "{}: is not a data set: it has no rows", m_path);
    const std::int64_t interval = m_options.intervalSeconds != 0 ? m_options.intervalSeconds : commonestStep();
    ImportResult result;
    try {
        result.series = BarSeries(m_options.instrument, interval);
        for (std::size_t i = 0; i < m_bars.size(); ++i)
            if (m_bars[i].timestamp % interval != 0)
                throw Error(ErrorKind::BadInput, "line {}: timestamp {} is not on the grid of {} s that the other rows are on", m_lines[i],
                            m_bars[i].timestamp, interval);
        result.series = BarSeries::fromBars(m_options.instrument, interval, m_bars);
    } catch (const Error& error) {
        throw Error(error.kind(), "{}: {}", m_path, error.what());
    }
    result.report.format = format;
    result.report.reason = std::move(reason);
    result.report.timeUnit = unitName(m_unitsPerSecond);
    result.report.rowsRead = m_bars.size();
    result.report.rowsSkipped = m_skipped;
    describeSeries(result.series, result.report);
    return result;
}

} // namespace btcai
