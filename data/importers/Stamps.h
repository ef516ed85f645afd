#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/Json.h"

namespace btcai {

/// What the stamps of a file count, from 1970 in UTC; Auto: told by their size, or text.
enum class TimeUnit { Auto, Seconds, Milliseconds, Microseconds, Nanoseconds, Text };

/// "auto", "s", "ms", "us", "ns", "text".
std::string_view timeUnitName(TimeUnit unit);
/// Throws Error(BadInput) for a name that is none of these.
TimeUnit parseTimeUnit(std::string_view name);

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

/// "2018-12-31T22:00:00Z", with as many decimals as the time has.
std::string microsText(std::int64_t micros);

/// Reads a written date or time as exchanges and libraries export it, in microseconds since 1970: "2018-12-31",
/// "2018-12-31 22:00", "2018-12-31T22:00:00.138000+02:00", "20181231 22:00:00", "2017-07-01 11-AM" (twelve-hour clock), each also
/// with " UTC" or "Z" at the end. Without an offset the time is UTC. Nothing for any other text and for dates that do not exist.
std::optional<std::int64_t> parseTimeText(std::string_view text);

/// Reads the stamps of one file and remembers what they were so far: numbers of one unit, or text. Numbers of 1973 to 5138
/// in seconds, ms, us and ns lie three powers of ten apart.
class StampReader {
public:
    explicit StampReader(TimeUnit unit = TimeUnit::Auto) : m_wanted(unit), m_unit(unit) {}

    /// Microseconds since 1970; nothing when it is no stamp or does not fit those before, and then why() says how.
    std::optional<std::int64_t> read(std::string_view text);
    std::optional<std::int64_t> read(const Json& value);
    const std::string& why() const { return m_why; }
    /// Of the stamp read last.
    TimeUnit unit() const { return m_unit; }

private:
    std::optional<std::int64_t> readCount(std::int64_t count, std::string_view text);
    std::optional<std::int64_t> readFraction(std::string_view text);
    std::optional<std::int64_t> fail(std::string why);
    bool accept(TimeUnit unit, std::string_view text);

    TimeUnit m_wanted;
    TimeUnit m_unit;
    std::string m_why;
};

/// A text from a file, fit for a message: cut short, unprintable bytes replaced.
std::string quotedForMessage(std::string_view text);

} // namespace btcai
