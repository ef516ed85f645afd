#include "data/importers/Stamps.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/Clock.h"
#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::size_t kLongestQuote = 40;
constexpr std::array<std::string_view, 6> kUnitNames{"auto", "s", "ms", "us", "ns", "text"};
constexpr std::int64_t kLastSecond = 253'402'300'799; // 9999-12-31 23:59:59

TimeUnit unitOfSize(std::int64_t count)
{
    if (count < 100'000'000'000)
        return TimeUnit::Seconds;
    if (count < 100'000'000'000'000)
        return TimeUnit::Milliseconds;
    return count < 100'000'000'000'000'000 ? TimeUnit::Microseconds : TimeUnit::Nanoseconds;
}

std::optional<std::int64_t> toMicros(std::int64_t count, TimeUnit unit)
{
    switch (unit) {
    case TimeUnit::Seconds: return count > kLastSecond ? std::nullopt : std::optional(count * kMicrosPerSecond);
    case TimeUnit::Milliseconds: return count > kLastSecond * 1'000 ? std::nullopt : std::optional(count * 1'000);
    case TimeUnit::Microseconds: return count;
    default: return count % 1'000 != 0 ? std::nullopt : std::optional(count / 1'000);
    }
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// Takes what it reads off the front of a text.
class TextCursor {
public:
    explicit TextCursor(std::string_view text) : m_rest(text) {}

    bool atEnd() const { return m_rest.empty(); }
    bool take(char c)
    {
        if (!m_rest.starts_with(c))
            return false;
        m_rest.remove_prefix(1);
        return true;
    }
    bool take(std::string_view word)
    {
        if (!m_rest.starts_with(word))
            return false;
        m_rest.remove_prefix(word.size());
        return true;
    }
    /// Exactly so many digits.
    std::optional<int> digits(std::size_t count)
    {
        if (m_rest.size() < count || !std::all_of(m_rest.begin(), m_rest.begin() + static_cast<std::ptrdiff_t>(count), isDigit))
            return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < count; ++i)
            value = 10 * value + (m_rest[i] - '0');
        m_rest.remove_prefix(count);
        return value;
    }
    /// The decimals behind a point, of which the first six count; nothing when one beyond them is not 0.
    std::optional<std::int64_t> micros()
    {
        std::int64_t value = 0;
        std::size_t count = 0;
        for (; !m_rest.empty() && isDigit(m_rest.front()); m_rest.remove_prefix(1), ++count) {
            if (count < 6)
                value = 10 * value + (m_rest.front() - '0');
            else if (m_rest.front() != '0')
                return std::nullopt;
        }
        if (count == 0)
            return std::nullopt;
        for (; count < 6; ++count)
            value *= 10;
        return value;
    }

private:
    std::string_view m_rest;
};

std::optional<std::int64_t> readDate(TextCursor& cursor)
{
    const auto year = cursor.digits(4);
    const bool dashed = cursor.take('-');
    const auto month = cursor.digits(2);
    if (dashed && !cursor.take('-'))
        return std::nullopt;
    const auto day = cursor.digits(2);
    if (!year || !month || !day)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok())
        return std::nullopt;
    return std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86400};
}

/// "-AM" or "-PM" behind an hour of 1 to 12.
std::optional<int> twelveHourClock(TextCursor& cursor, int hour)
{
    if (hour < 1 || hour > 12)
        return std::nullopt;
    if (cursor.take(std::string_view("-AM")))
        return hour % 12;
    if (cursor.take(std::string_view("-PM")))
        return hour % 12 + 12;
    return std::nullopt;
}

/// Microseconds since midnight.
std::optional<std::int64_t> readTime(TextCursor& cursor)
{
    const auto hour = cursor.digits(2);
    if (!hour)
        return std::nullopt;
    if (!cursor.take(':')) {
        const auto clock = twelveHourClock(cursor, *hour);
        return clock ? std::optional(*clock * std::int64_t{3600} * kMicrosPerSecond) : std::nullopt;
    }
    const auto minute = cursor.digits(2);
    std::optional<int> second = 0;
    std::optional<std::int64_t> micros = 0;
    if (cursor.take(':')) {
        second = cursor.digits(2);
        if (cursor.take('.'))
            micros = cursor.micros();
    }
    if (!minute || !second || !micros || *hour > 23 || *minute > 59 || *second > 59)
        return std::nullopt;
    return (*hour * 3600 + *minute * 60 + *second) * kMicrosPerSecond + *micros;
}

/// Seconds east of Greenwich: "Z", " UTC", "+02:00", "+0200"; 0 where nothing stands.
std::optional<std::int64_t> readOffset(TextCursor& cursor)
{
    if (cursor.atEnd() || cursor.take('Z') || cursor.take(std::string_view(" UTC")))
        return 0;
    const bool east = cursor.take('+');
    if (!east && !cursor.take('-'))
        return std::nullopt;
    const auto hours = cursor.digits(2);
    cursor.take(':');
    const auto minutes = cursor.digits(2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59)
        return std::nullopt;
    return (east ? 1 : -1) * (*hours * std::int64_t{3600} + *minutes * 60);
}

} // namespace

std::string_view timeUnitName(TimeUnit unit) { return kUnitNames[static_cast<std::size_t>(unit)]; }

TimeUnit parseTimeUnit(std::string_view name)
{
    const auto known = std::ranges::find(kUnitNames, name);
    if (known == kUnitNames.end())
        throw Error(ErrorKind::BadInput, "the time unit {} is not known; known are {}", quotedForMessage(name), fmt::join(kUnitNames, ", "));
    return static_cast<TimeUnit>(known - kUnitNames.begin());
}

std::string microsText(std::int64_t micros)
{
    const std::int64_t fraction = micros % kMicrosPerSecond;
    if (micros < 0 || micros / kMicrosPerSecond > kLastSecond)
        return fmt::format("{} us", micros);
    std::string text = formatUtc(micros / kMicrosPerSecond);
    if (fraction == 0)
        return text;
    text.pop_back(); // the Z
    std::string decimals = fmt::format("{:06}", fraction);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    return fmt::format("{}.{}Z", text, decimals);
}

std::optional<std::int64_t> parseTimeText(std::string_view text)
{
    TextCursor cursor(text);
    const auto date = readDate(cursor);
    if (!date)
        return std::nullopt;
    std::int64_t micros = *date * kMicrosPerSecond;
    std::int64_t offset = 0;
    if (cursor.take(' ') || cursor.take('T')) {
        const auto time = readTime(cursor);
        const auto zone = time ? readOffset(cursor) : std::nullopt;
        if (!zone)
            return std::nullopt;
        micros += *time;
        offset = *zone;
    }
    return cursor.atEnd() ? std::optional(micros - offset * kMicrosPerSecond) : std::nullopt;
}

std::optional<std::int64_t> StampReader::fail(std::string why)
{
    m_why = std::move(why);
    return std::nullopt;
}

bool StampReader::accept(TimeUnit unit, std::string_view text)
{
    // Binance moved from ms to us in 2025, so files joined across that day hold both; anything else is a damaged stamp.
    const bool toMicroseconds = m_unit == TimeUnit::Milliseconds && unit == TimeUnit::Microseconds;
    if (m_unit == TimeUnit::Auto || m_unit == unit || (toMicroseconds && m_wanted == TimeUnit::Auto)) {
        m_unit = unit;
        return true;
    }
    m_why = fmt::format("is {}, which looks like {} where the rows before are in {}", text, timeUnitName(unit), timeUnitName(m_unit));
    return false;
}

std::optional<std::int64_t> StampReader::readCount(std::int64_t count, std::string_view text)
{
    if (count < 0)
        return fail(fmt::format("is negative ({})", count));
    const TimeUnit unit = m_wanted == TimeUnit::Auto ? unitOfSize(count) : m_wanted;
    if (!accept(unit, text))
        return std::nullopt;
    const auto micros = toMicros(count, unit);
    if (!micros)
        return fail(fmt::format("is {} {}, beyond the year 9999 or no whole microsecond", text, timeUnitName(unit)));
    return micros;
}

/// "1762795433.97": seconds with decimals; those beyond microseconds are cut off, as trades have them.
std::optional<std::int64_t> StampReader::readFraction(std::string_view text)
{
    const auto point = text.find('.');
    std::int64_t whole = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + point, whole);
    TextCursor decimals(text.substr(point + 1).substr(0, 6));
    const auto micros = decimals.micros();
    if (code != std::errc{} || end != text.data() + point || !micros || !decimals.atEnd()
        || !std::ranges::all_of(text.substr(point + 1), isDigit))
        return std::nullopt;
    const auto seconds = unitOfSize(whole) == TimeUnit::Seconds ? readCount(whole, text) : std::nullopt;
    return seconds ? std::optional(*seconds + *micros) : std::nullopt;
}

std::optional<std::int64_t> StampReader::read(std::string_view text)
{
    m_why.clear();
    if (text.empty())
        return fail("is empty");
    if (m_unit != TimeUnit::Text) {
        std::int64_t count = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
        if (code == std::errc{} && end == text.data() + text.size())
            return readCount(count, text);
        if (code == std::errc{} && *end == '.')
            if (const auto micros = readFraction(text); micros || !m_why.empty())
                return micros;
    }
    if (m_unit == TimeUnit::Auto || m_unit == TimeUnit::Text)
        if (const auto micros = parseTimeText(text); micros && *micros >= 0) {
            m_unit = TimeUnit::Text;
            return micros;
        }
    return fail(m_unit == TimeUnit::Text ? fmt::format("is {}, no date or time that exists", quotedForMessage(text))
                                         : fmt::format("is {}, not a number of seconds, ms, us or ns since 1970 nor a written time",
                                                       quotedForMessage(text)));
}

std::optional<std::int64_t> StampReader::read(const Json& value)
{
    m_why.clear();
    if (value.is_string())
        return read(std::string_view(value.get_ref<const std::string&>()));
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        return fail("is beyond the range of times");
    if (value.is_number_integer())
        return readCount(value.get<std::int64_t>(), std::to_string(value.get<std::int64_t>()));
    if (value.is_number_float()) {
        const double seconds = value.get<double>();
        const double whole = std::floor(seconds);
        if (!(whole >= 0.0 && whole <= 9e18))
            return fail("is beyond the range of times");
        const auto micros = readCount(static_cast<std::int64_t>(whole), fmt::format("{}", seconds));
        if (!micros || m_unit != TimeUnit::Seconds || seconds == whole)
            return micros;
        return *micros + static_cast<std::int64_t>((seconds - whole) * 1e6);
    }
    return fail(value.is_null() ? "is empty" : "is neither a number nor a text");
}

std::string quotedForMessage(std::string_view text)
{
    std::string quoted = "\"";
    for (const char c : text.substr(0, kLongestQuote))
        quoted += c >= ' ' && c <= '~' ? c : '?';
    quoted += text.size() > kLongestQuote ? "...\"" : "\"";
    return quoted;
}

} // namespace btcai
