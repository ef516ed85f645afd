#include "data/remote/PageCheck.h"

#include <algorithm>

#include "base/Clock.h"

namespace btcai {

namespace {

[[noreturn]] void failAsConflict(std::int64_t time)
{
    throw RemoteError(RemoteFault::ConflictingCandles, "the exchange gives two candles of {} that differ; try again later",
                      formatUtc(time));
}

/// Drops all but the first of equal neighbours.
void dropDuplicates(std::vector<Bar>& bars, PageCounts& counts)
{
    std::vector<Bar> kept;
    for (const Bar& bar : bars) {
        if (kept.empty() || kept.back().timestamp != bar.timestamp)
            kept.push_back(bar);
        else if (sameBar(kept.back(), bar))
            ++counts.duplicates;
        else
            failAsConflict(bar.timestamp);
    }
    bars = std::move(kept);
}

/// Whether the candle belongs to the page. One that does not is dropped where the exchange documents it, else an error.
bool belongs(const Bar& bar, const PageRequest& page, const ExchangeRules& rules)
{
    if (bar.timestamp >= page.from && bar.timestamp < page.to)
        return true;
    if (bar.timestamp < page.from ? rules.mayPrecedeRange : rules.mayFollowRange)
        return false;
    throw RemoteError(RemoteFault::OutsideRange, "the exchange gives a candle of {} where those from {} up to {} were asked", bar.timestamp,
                      formatUtc(page.from), formatUtc(page.to));
}

} // namespace

PageCounts& PageCounts::operator+=(const PageCounts& other)
{
    duplicates += other.duplicates;
    outside += other.outside;
    unfinished += other.unfinished;
    return *this;
}

bool sameBar(const Bar& a, const Bar& b)
{
    return a.timestamp == b.timestamp && a.open == b.open && a.high == b.high && a.low == b.low && a.close == b.close &&
           a.volume == b.volume;
}

std::vector<Bar> checkPage(const std::vector<Bar>& candles, const PageRequest& page, const ExchangeRules& rules,
                           std::int64_t finishedUntil, PageCounts& counts)
{
    std::vector<Bar> bars;
    for (const Bar& bar : candles) {
        if (bar.timestamp % page.intervalSeconds != 0)
            throw RemoteError(RemoteFault::OffGrid, "the candle of {} does not open on the grid of {} s", bar.timestamp,
                              page.intervalSeconds);
        if (!belongs(bar, page, rules)) {
            ++counts.outside;
        } else if (bar.timestamp >= finishedUntil) {
            ++counts.unfinished;
        } else {
            bars.push_back(bar);
        }
    }
    std::ranges::stable_sort(bars, {}, &Bar::timestamp);
    dropDuplicates(bars, counts);
    return bars;
}

std::vector<Bar> joinBars(const std::vector<Bar>& a, const std::vector<Bar>& b)
{
    std::vector<Bar> joined;
    std::ranges::merge(a, b, std::back_inserter(joined), {}, &Bar::timestamp, &Bar::timestamp);
    PageCounts ignored;
    dropDuplicates(joined, ignored);
    return joined;
}

PageRequest missingStretch(const std::vector<Bar>& bars, const PageRequest& page)
{
    PageRequest stretch = page;
    for (auto bar = bars.begin(); bar != bars.end() && bar->timestamp == stretch.from; ++bar)
        stretch.from += page.intervalSeconds;
    for (auto bar = bars.rbegin(); bar != bars.rend() && stretch.to > stretch.from && bar->timestamp == stretch.to - page.intervalSeconds;
         ++bar)
        stretch.to -= page.intervalSeconds;
    return stretch;
}

} // namespace btcai
