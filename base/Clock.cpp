#include "base/Clock.h"

#include <chrono>

#include <fmt/core.h>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::int64_t secondsPerDay = 86'400;
constexpr std::int64_t firstSecond = -62'167'219'200; // 0000-01-01T00:00:00Z
constexpr std::int64_t lastSecond = 253'402'300'799;  // 9999-12-31T23:59:59Z

/// Takes one piece of an ISO 8601 text after the other off its front.
class Reader {
public:
    explicit Reader(std::string_view text) : m_text(text), m_rest(text) {}

    [[noreturn]] void fail() const
    {
        throw Error(ErrorKind::BadInput, "\"{}\" is no date or time; write it as 2017-08-17 or 2017-08-17T04:00:00Z",
                    m_text.substr(0, 64));
    }

    bool atEnd() const { return m_rest.empty(); }

    /// Takes the next character if it is one of these; returns it, or 0.
    char takeOneOf(std::string_view characters)
    {
        if (m_rest.empty() || characters.find(m_rest.front()) == std::string_view::npos)
            return 0;
        const char c = m_rest.front();
        m_rest.remove_prefix(1);
        return c;
    }

    void expect(char c)
    {
        if (!takeOneOf(std::string_view(&c, 1)))
            fail();
    }

    int number(int digits, int highest)
    {
        int value = 0;
        for (int i = 0; i < digits; ++i) {
            const char c = takeOneOf("0123456789");
            if (!c)
                fail();
            value = value * 10 + (c - '0');
        }
        if (value > highest)
            fail();
        return value;
    }

private:
    std::string_view m_text;
    std::string_view m_rest;
};

std::int64_t readDate(Reader& reader)
{
    using namespace std::chrono;
    const int y = reader.number(4, 9999);
    reader.expect('-');
    const int m = reader.number(2, 12);
    reader.expect('-');
    const int d = reader.number(2, 31);
    const year_month_day date = year(y) / month(static_cast<unsigned>(m)) / day(static_cast<unsigned>(d));
    if (!date.ok())
        reader.fail();
    return sys_days(date).time_since_epoch().count() * secondsPerDay;
}

std::int64_t readTimeOfDay(Reader& reader)
{
    std::int64_t seconds = reader.number(2, 23) * 3600;
    reader.expect(':');
    seconds += reader.number(2, 59) * 60;
    if (reader.takeOneOf(":"))
        seconds += reader.number(2, 59);
    return seconds;
}

std::int64_t readOffset(Reader& reader)
{
    if (reader.atEnd() || reader.takeOneOf("Z"))
        return 0;
    const char sign = reader.takeOneOf("+-");
    if (!sign)
        reader.fail();
    std::int64_t seconds = reader.number(2, 23) * 3600;
    reader.expect(':');
    seconds += reader.number(2, 59) * 60;
    return sign == '+' ? seconds : -seconds;
}

} // namespace

double SystemClock::steadySeconds() const
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double SystemClock::utcSeconds() const
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void ManualClock::advance(double seconds)
{
    m_steadySeconds = m_steadySeconds.load() + seconds;
    m_utcSeconds = m_utcSeconds.load() + seconds;
}

std::string formatUtc(std::int64_t utcSeconds)
{
    using namespace std::chrono;
    if (utcSeconds < firstSecond || utcSeconds > lastSecond)
        throw Error(ErrorKind::BadInput, "{} s since 1970 is not in the years 0 to 9999", utcSeconds);
    const sys_seconds time{seconds(utcSeconds)};
    const auto midnight = floor<days>(time);
    const year_month_day date(midnight);
    const hh_mm_ss clock(time - midnight);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int(date.year()), unsigned(date.month()),
                       unsigned(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::int64_t parseUtc(std::string_view text)
{
    Reader reader(text);
    std::int64_t seconds = readDate(reader);
    if (!reader.atEnd()) {
        if (!reader.takeOneOf("T "))
            reader.fail();
        seconds += readTimeOfDay(reader);
        seconds -= readOffset(reader);
    }
    if (!reader.atEnd())
        reader.fail();
    return seconds;
}

} // namespace btcai
