#include "env/events/MarketEvents.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/Error.h"
#include "base/Rng.h"
#include "env/NameList.h"
#include "env/metrics/Performance.h"

namespace btcai {

namespace {

struct KindInfo {
    std::string_view name;
    double size = 0.0;        ///< typical
    std::int64_t seconds = 0; ///< typical duration
    bool eitherSign = false;
};

constexpr std::array<KindInfo, kEventKinds.size()> kInfos{{
    {"news-shock", -0.04, 86400, true},
    {"volatility-spike", 3.0, 2 * 86400, false},
    {"flash-crash", 0.15, 3600, true},
    {"liquidity-drought", 0.9, 12 * 3600, false},
    {"exchange-outage", 1.0, 3 * 3600, false},
    {"gap", -0.05, 300, true},
    {"funding-spike", 0.003, 86400, true},
}};

const KindInfo& infoOf(EventKind kind) { return kInfos.at(static_cast<std::size_t>(kind)); }

std::size_t barsOf(double seconds, std::int64_t intervalSeconds)
{
    return static_cast<std::size_t>(std::max(1.0, std::ceil(seconds / static_cast<double>(intervalSeconds))));
}

/// What an event does to one row.
struct Effect {
    double level = 0.0;       ///< of the log price at the close, on top of the original's
    double openLevel = 0.0;   ///< the same at the open
    double extraReturn = 0.0; ///< the log return is 1 + this times as large
    double wickFactor = 1.0;
    double volumeFactor = 1.0;
    bool isMissing = false;
};

/// From 1 at the first bar to nearly 0 at the last.
double fading(std::size_t bar, std::size_t bars) { return 1.0 - static_cast<double>(bar) / static_cast<double>(bars); }

Effect flashCrash(const MarketEvent& event, std::size_t bar)
{
    const std::size_t fall = std::max<std::size_t>(1, event.bars / 3);
    const auto depth = [&](std::size_t close) { // after so many bars
        if (close <= fall)
            return static_cast<double>(close) / static_cast<double>(fall);
        return static_cast<double>(event.bars - close) / static_cast<double>(event.bars - fall);
    };
    return {.level = -event.size * depth(bar + 1), .openLevel = -event.size * depth(bar)};
}

/// Of bar `bar` of the event, counted from its first.
Effect effectOf(const MarketEvent& event, std::size_t bar)
{
    switch (event.kind) {
    case EventKind::NewsShock: {
        const double factor = 1.0 + 2.0 * fading(bar, event.bars);
        const double openLevel = bar == 0 ? 0.0 : event.size;
        return {.level = event.size, .openLevel = openLevel, .extraReturn = factor - 1.0, .wickFactor = factor, .volumeFactor = factor};
    }
    case EventKind::VolatilitySpike: {
        const double factor = 1.0 + (event.size - 1.0) * fading(bar, event.bars);
        return {.extraReturn = factor - 1.0, .wickFactor = factor, .volumeFactor = factor};
    }
    case EventKind::FlashCrash: return flashCrash(event, bar);
    case EventKind::LiquidityDrought: return {.wickFactor = 1.0 / std::max(1.0 - event.size, 1.0 / 3.0), .volumeFactor = 1.0 - event.size};
    case EventKind::ExchangeOutage: return {.isMissing = true};
    case EventKind::Gap: return {.level = event.size, .openLevel = event.size};
    case EventKind::FundingSpike: return {};
    }
    throw Error(ErrorKind::Internal, "event kind {}: is unknown", static_cast<int>(event.kind));
}

/// The move of the log price that an event leaves behind, its extra returns aside.
double lastingLevel(const MarketEvent& event)
{
    return event.kind == EventKind::NewsShock || event.kind == EventKind::Gap ? event.size : 0.0;
}

void check(const MarketEvent& event, std::size_t rows)
{
    const std::string_view name = infoOf(event.kind).name;
    if (event.row >= rows || event.bars < 1 || event.bars > rows - event.row)
        throw Error(ErrorKind::BadInput, "{} of {} bars from row {} on: does not fit into the {} rows of the data", name, event.bars,
                    event.row, rows);
    const bool isPossible = [&] {
        switch (event.kind) {
        case EventKind::VolatilitySpike: return event.size > 1.0 && event.size <= 100.0;
        case EventKind::LiquidityDrought: return event.size >= 0.0 && event.size <= 1.0;
        case EventKind::FundingSpike: return std::abs(event.size) <= 0.1;
        case EventKind::FlashCrash: return std::abs(event.size) <= 5.0 && event.bars >= 2; // falls, and comes back
        default: return std::abs(event.size) <= 5.0;
        }
    }();
    if (!isPossible)
        throw Error(ErrorKind::BadInput, "{} at row {}: a size of {} over {} bars is out of range", name, event.row, event.size,
                    event.bars);
}

/// Walks over the rows and keeps what is under way.
class EventWalk {
public:
    EventWalk(const BarSeries& series, std::span<const MarketEvent> events) : m_series(series), m_events(events.begin(), events.end())
    {
        std::ranges::stable_sort(m_events, {}, &MarketEvent::row);
    }

    BarColumns run()
    {
        BarColumns columns = BarColumns::missing(m_series.size());
        for (std::size_t row = 0; row < m_series.size(); ++row) {
            const Effect effect = together(row);
            const auto bar = m_series.bar(row);
            if (!bar)
                continue;
            const double gap = m_lastClose ? std::log(bar->open / *m_lastClose) : 0.0;
            const double body = std::log(bar->close / bar->open);
            m_lastClose = bar->close;
            const double open = m_returns + effect.extraReturn * gap + effect.openLevel;
            m_returns += effect.extraReturn * (gap + body);
            const double close = m_returns + effect.level;
            if (!effect.isMissing)
                columns.set(row, changed(*bar, open, close, effect));
        }
        return columns;
    }

private:
    /// The sum of what all events do to a row. The level of those that are over stays.
    Effect together(std::size_t row)
    {
        for (; m_next < m_events.size() && m_events[m_next].row == row; ++m_next)
            m_active.push_back(m_events[m_next]);
        Effect sum{.level = m_lasting, .openLevel = m_lasting};
        for (const MarketEvent& event : m_active) {
            const Effect effect = effectOf(event, row - event.row);
            sum.level += effect.level;
            sum.openLevel += effect.openLevel;
            sum.extraReturn += effect.extraReturn;
            sum.wickFactor *= effect.wickFactor;
            sum.volumeFactor *= effect.volumeFactor;
            sum.isMissing = sum.isMissing || effect.isMissing;
        }
        std::erase_if(m_active, [&](const MarketEvent& event) {
            const bool isOver = row + 1 == event.row + event.bars;
            m_lasting += isOver ? lastingLevel(event) : 0.0;
            return isOver;
        });
        return sum;
    }

    Bar changed(const Bar& bar, double openLevel, double closeLevel, const Effect& effect) const
    {
        Bar result = bar;
        if (openLevel != 0.0 || closeLevel != 0.0 || effect.wickFactor != 1.0) {
            result.open = bar.open * std::exp(openLevel);
            result.close = bar.close * std::exp(closeLevel);
            result.high = std::max(result.open, result.close) * std::pow(bar.high / std::max(bar.open, bar.close), effect.wickFactor);
            result.low = std::min(result.open, result.close) * std::pow(bar.low / std::min(bar.open, bar.close), effect.wickFactor);
        }
        result.volume *= effect.volumeFactor;
        if (!(result.low > 0.0 && std::isfinite(result.high) && std::isfinite(result.volume)))
            throw Error(ErrorKind::Numeric, "events: the bar at {} leaves the range of numbers; use smaller events or fewer",
                        bar.timestamp);
        return result;
    }

    const BarSeries& m_series;
    std::vector<MarketEvent> m_events;
    std::size_t m_next = 0;
    std::vector<MarketEvent> m_active;
    double m_lasting = 0.0; ///< levels of events that are over
    double m_returns = 0.0; ///< what extra returns have added up to
    std::optional<double> m_lastClose;
};

FundingSeries spiked(const BarSeries& series, const FundingSeries& funding, std::span<const MarketEvent> events)
{
    std::vector<FundingRate> rates(funding.rates().begin(), funding.rates().end());
    bool isChanged = false;
    for (const MarketEvent& event : events) {
        if (event.kind != EventKind::FundingSpike)
            continue;
        const std::int64_t from = series.timestamp(event.row), to = series.timestamp(event.row + event.bars);
        bool isFound = false;
        for (FundingRate& rate : rates) {
            if (rate.timestamp >= from && rate.timestamp < to) {
                rate.rate += event.size;
                isFound = true;
            }
        }
        if (!isFound)
            throw Error(ErrorKind::BadInput,
                        "funding-spike at row {}: no settlement falls into its time; give funding rates of the data's time", event.row);
        isChanged = true;
    }
    return isChanged ? FundingSeries(funding.instrument(), std::move(rates)) : funding;
}

} // namespace

std::string_view eventKindName(EventKind kind) { return infoOf(kind).name; }

std::optional<EventKind> eventKindFromName(std::string_view name)
{
    for (const EventKind kind : kEventKinds)
        if (eventKindName(kind) == name)
            return kind;
    return std::nullopt;
}

std::vector<EventKind> parseEventKinds(std::string_view text)
{
    return text == "none" ? std::vector<EventKind>() : parseNameList(text, kEventKinds, eventKindName, "event");
}

MarketEvent typicalEvent(EventKind kind, std::size_t row, std::int64_t intervalSeconds)
{
    const KindInfo& info = infoOf(kind);
    const std::size_t bars = barsOf(static_cast<double>(info.seconds), intervalSeconds);
    return {kind, row, kind == EventKind::FlashCrash ? std::max<std::size_t>(bars, 3) : kind == EventKind::Gap ? 1 : bars, info.size};
}

std::vector<MarketEvent> drawEvents(const EventDrawOptions& options, const RowRange& rows, std::int64_t intervalSeconds)
{
    const double perBar = options.ratePerYear * static_cast<double>(intervalSeconds) / kSecondsPerYear;
    if (!(perBar >= 0.0 && perBar <= 1.0))
        throw Error(ErrorKind::BadInput, "events: a rate of {} a year is out of range; write 0 up to one a bar, {:.0f} a year",
                    options.ratePerYear, kSecondsPerYear / static_cast<double>(intervalSeconds));
    std::vector<MarketEvent> events;
    for (const EventKind kind : options.kinds) {
        const KindInfo& info = infoOf(kind);
        const std::string purpose = fmt::format("event.{}", info.name);
        for (std::size_t row = rows.first; row < rows.last; ++row) {
            Rng rng(options.seed, purpose, row);
            if (!(rng.uniform() < -std::expm1(-perBar)))
                continue;
            MarketEvent event = typicalEvent(kind, row, intervalSeconds);
            const double factor = std::exp(0.5 * rng.normal());
            const double sign = info.eitherSign && rng.below(2) == 0 ? -1.0 : 1.0;
            const double longer = std::exp(0.5 * rng.normal());
            switch (kind) {
            case EventKind::VolatilitySpike: event.size = 1.0 + (event.size - 1.0) * factor; break;
            case EventKind::LiquidityDrought: event.size = 1.0 - std::min(1.0, (1.0 - event.size) * factor); break;
            case EventKind::ExchangeOutage: break;
            default: event.size *= sign * factor;
            }
            if (event.bars > 3)
                event.bars = std::max<std::size_t>(3, static_cast<std::size_t>(longer * static_cast<double>(event.bars)));
            event.bars = std::min(event.bars, rows.last - row);
            if (kind != EventKind::FlashCrash || event.bars >= 2)
                events.push_back(event);
        }
    }
    std::ranges::stable_sort(events, {}, &MarketEvent::row);
    return events;
}

EventfulMarket applyEvents(const BarSeries& series, const FundingSeries& funding, std::span<const MarketEvent> events)
{
    for (const MarketEvent& event : events)
        check(event, series.size());
    if (events.empty())
        return {series, funding};
    return {BarSeries::fromColumns(series.instrument(), series.intervalSeconds(), series.startTime(), EventWalk(series, events).run()),
            spiked(series, funding, events)};
}

} // namespace btcai
