#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace btcai {

/// Where the time comes from: passed in, so that tests rule it. Implementations may be asked from any thread.
class Clock {
public:
    virtual ~Clock() = default;

    /// Seconds since an arbitrary point, never going back: for durations.
    virtual double steadySeconds() const = 0;
    /// Seconds since 1970-01-01T00:00:00Z, to the microsecond: for stamps. Follows corrections of the system's clock.
    virtual double utcSeconds() const = 0;
};

class SystemClock final : public Clock {
public:
    double steadySeconds() const override;
    double utcSeconds() const override;
};

/// Stands still until it is moved. Both times move together.
class ManualClock final : public Clock {
public:
    explicit ManualClock(double utcSeconds = 0.0) : m_utcSeconds(utcSeconds) {}

    double steadySeconds() const override { return m_steadySeconds.load(); }
    double utcSeconds() const override { return m_utcSeconds.load(); }

    /// Lets time pass; seconds must not be negative.
    void advance(double seconds);
    /// Sets the UTC time alone, back as well: what a correction of the system's clock does.
    void setUtcSeconds(double utcSeconds) { m_utcSeconds = utcSeconds; }

private:
    std::atomic<double> m_steadySeconds{0.0};
    std::atomic<double> m_utcSeconds;
};

/// ISO 8601 in UTC, "2017-08-17T04:00:00Z". For the years 0 to 9999; throws Error(BadInput) beyond.
std::string formatUtc(std::int64_t utcSeconds);

/// Reads ISO 8601: "2017-08-17", or with a time "2017-08-17T04:00", "…T04:00:00" (a space may stand for the T), then
/// nothing or "Z" for UTC, or an offset such as "+02:00". Seconds since 1970. Throws Error(BadInput) for anything else,
/// dates that don't exist and leap seconds among it.
std::int64_t parseUtc(std::string_view text);

} // namespace btcai
