#include "env/Periods.h"

#include <chrono>

namespace btcai {

namespace {

using Days = std::chrono::sys_days;

Days dayOf(std::int64_t time)
{
    return std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(time)));
}

/// The first day of the month or year that a day lies in, and of the one after it.
std::pair<Days, Days> periodOf(Days day, GoalPeriod period)
{
    using namespace std::chrono;
    const year_month_day date(day);
    if (period == GoalPeriod::Year)
        return {Days(date.year() / January / 1), Days((date.year() + years(1)) / January / 1)};
    const auto month = date.year() / date.month();
    return {Days(month / 1), Days((month + months(1)) / 1)};
}

bool isCalendar(GoalPeriod period) { return period == GoalPeriod::Month || period == GoalPeriod::Year; }

} // namespace

Periods::Periods(const Market& market, GoalPeriod period)
    : m_start(market.startTime), m_interval(market.intervalSeconds), m_period(period)
{
}

bool Periods::endsDayAt(std::int64_t time) const { return dayOf(time - m_interval) != dayOf(time); }

bool Periods::endsPeriod(std::size_t row) const
{
    const std::int64_t time = closeTime(row);
    return isCalendar(m_period) && endsDayAt(time)
           && periodOf(dayOf(time - m_interval), m_period).first != periodOf(dayOf(time), m_period).first;
}

double Periods::elapsed(std::size_t row) const
{
    if (!isCalendar(m_period))
        return 0.0;
    const std::int64_t time = closeTime(row);
    const auto [first, next] = periodOf(dayOf(time), m_period);
    const double begin = static_cast<double>(first.time_since_epoch().count()) * 86400.0;
    const double length = static_cast<double>((next - first).count()) * 86400.0;
    return (static_cast<double>(time) - begin) / length;
}

} // namespace btcai
