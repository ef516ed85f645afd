#include "data/remote/BarAssembler.h"

#include <algorithm>
#include <cmath>

namespace btcai {

namespace {

constexpr double kVolumeUnits = 1e8; ///< the exchanges give amounts with eight decimals
constexpr std::size_t kRecentTrades = 4096;

} // namespace

void BarAssembler::restart()
{
    m_forming.reset();
    m_seenSince.reset();
    m_lastTrade = 0;
    m_recentTrades.clear();
}

void BarAssembler::seen(double time)
{
    if (!m_seenSince)
        m_seenSince = time;
}

void BarAssembler::lostTradesUntil(double time) { m_seenSince = std::max(time, m_seenSince.value_or(time)); }

void BarAssembler::finishForming()
{
    if (m_forming && isWhole(m_forming->timestamp))
        m_whole.emplace(m_forming->timestamp, *m_forming);
    m_forming.reset();
}

void BarAssembler::closeBefore(std::int64_t time)
{
    if (m_forming && m_forming->timestamp < time) {
        if (m_rules.saysClosed)
            m_forming.reset(); // its last update never came
        else
            finishForming();
    }
    m_over = std::max(m_over, time);
}

BarAssembler::Verdict BarAssembler::add(const live::Candle& candle)
{
    const std::int64_t open = candle.bar.timestamp;
    if (open % m_interval != 0)
        return Verdict::OffGrid;
    if (open < m_over)
        return Verdict::Late;
    seen(candle.time);
    closeBefore(open);
    if (m_forming && candle.time < m_formingTime)
        return Verdict::Late;
    m_forming = candle.bar;
    m_formingTime = candle.time;
    if (candle.closed) {
        finishForming();
        m_over = open + m_interval;
    }
    return Verdict::Taken;
}

void BarAssembler::add(const live::TradeBefore& before)
{
    m_lastTrade = before.id;
    m_recentTrades.insert(before.id);
}

/// A trade that came out of order cannot be put in its place any more: its bar is not whole.
BarAssembler::Verdict BarAssembler::addStraggler(const live::Trade& trade, std::int64_t open)
{
    if (open < m_over)
        m_whole.erase(open);
    else
        lostTradesUntil(trade.time);
    return Verdict::Late;
}

BarAssembler::Verdict BarAssembler::add(const live::Trade& trade)
{
    if (!m_recentTrades.insert(trade.id).second)
        return Verdict::Duplicate;
    if (m_recentTrades.size() > kRecentTrades)
        m_recentTrades.erase(m_recentTrades.begin());
    const std::int64_t open = gridFloor(static_cast<std::int64_t>(std::floor(trade.time)), m_interval);
    if (trade.id < m_lastTrade)
        return addStraggler(trade, open);
    const bool isGap = m_rules.consecutiveTradeIds && m_lastTrade != 0 && trade.id != m_lastTrade + 1;
    m_lastTrade = trade.id;
    if (isGap)
        lostTradesUntil(trade.time);
    seen(trade.time);
    if (open < m_over)
        return addStraggler(trade, open);
    closeBefore(open);
    if (!m_forming) {
        m_forming = Bar{open, trade.price, trade.price, trade.price, trade.price, 0.0};
        m_formingUnits = 0.0;
    }
    m_forming->high = std::max(m_forming->high, trade.price);
    m_forming->low = std::min(m_forming->low, trade.price);
    m_forming->close = trade.price;
    m_formingUnits += std::round(trade.amount * kVolumeUnits);
    m_forming->volume = m_formingUnits / kVolumeUnits;
    return isGap ? Verdict::Gap : Verdict::Taken;
}

BarAssembler::Verdict BarAssembler::add(const live::Heartbeat& heartbeat)
{
    if (!heartbeat.time)
        return Verdict::Taken;
    const bool isGap = m_rules.consecutiveTradeIds && m_lastTrade != 0 && heartbeat.lastTradeId > m_lastTrade;
    if (isGap) {
        lostTradesUntil(*heartbeat.time);
        m_lastTrade = heartbeat.lastTradeId;
    }
    seen(*heartbeat.time);
    return isGap ? Verdict::Gap : Verdict::Taken;
}

} // namespace btcai
