#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "data/remote/LiveFrames.h"

namespace btcai {

/// Puts the closed bars of a live feed together from its candles or trades, and keeps to what it knows for certain: a bar counts
/// as whole only when the feed was seen without a break from before its open to its end. Whatever else the feed
/// skipped is for somebody else to fetch. Knows no time of its own.
class BarAssembler {
public:
    BarAssembler(FeedRules rules, std::int64_t intervalSeconds) : m_rules(rules), m_interval(intervalSeconds) {}

    /// What became of an update.
    enum class Verdict {
        Taken,
        Duplicate, ///< a trade or candle that was there before
        Late,      ///< out of order: for a bar that is over already, or older than what is known
        Gap,       ///< taken, but trades before it are missing
        OffGrid,
    };

    /// The connection is new or broke: nothing is known any more of the bar in progress.
    void restart();

    Verdict add(const live::Candle& candle);
    Verdict add(const live::Trade& trade);
    /// A heartbeat shows that the feed is alive at a time, and with a trade's number whether one was missed.
    Verdict add(const live::Heartbeat& heartbeat);
    void add(const live::TradeBefore& before);

    /// The clock says that bars which open before `time` are over. What the feed gave last for them is final, unless it
    /// marks final candles itself.
    void closeBefore(std::int64_t time);

    /// Every bar that opens before it is over.
    std::int64_t overBefore() const { return m_over; }
    /// The bar in progress as far as it is known.
    const std::optional<Bar>& forming() const { return m_forming; }
    /// Bars that are whole and over, and were not taken yet.
    const std::map<std::int64_t, Bar>& whole() const { return m_whole; }
    void take(std::int64_t time) { m_whole.erase(time); }

private:
    void finishForming();
    Verdict addStraggler(const live::Trade& trade, std::int64_t open);
    bool isWhole(std::int64_t open) const { return !m_rules.fromTrades || (m_seenSince && *m_seenSince < static_cast<double>(open)); }
    void seen(double time);
    void lostTradesUntil(double time);

    FeedRules m_rules;
    std::int64_t m_interval;
    std::optional<Bar> m_forming;
    double m_formingTime = 0.0;  ///< of the update
    double m_formingUnits = 0.0; ///< volume of the trades so far, in 1e-8 coins: sums of decimals stay exact
    std::map<std::int64_t, Bar> m_whole;
    std::optional<double> m_seenSince; ///< the feed is complete from this time of the exchange on
    std::int64_t m_lastTrade = 0;
    std::set<std::int64_t> m_recentTrades; ///< numbers of the latest, to tell a repetition from a straggler
    std::int64_t m_over = 0;
};

} // namespace btcai
