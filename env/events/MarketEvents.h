#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"
#include "data/dataset/Split.h"

namespace btcai {

/// What happens to a market now and then, and too seldom for a sample to hold enough of it.
enum class EventKind {
    NewsShock,       ///< the first bar moves by `size` (log) for good; volatility and volume are up to thrice as high, fading out
    VolatilitySpike, ///< log returns and wicks are multiplied by up to `size` (> 1), fading out; volume grows alike
    FlashCrash, ///< within the first third the price falls by `size` (log, negative: a spike upwards), then it comes back to where it would
                ///< be
    LiquidityDrought, ///< the share `size` (0 to 1) of the volume is gone, and wicks are 1 / (1 - size), thrice at most, as long
    ExchangeOutage,   ///< all bars are missing
    Gap,              ///< the open of the first bar is `size` (log) away from the close before, for good
    FundingSpike,     ///< each settlement's rate is `size` higher
};

inline constexpr std::array kEventKinds{EventKind::NewsShock,        EventKind::VolatilitySpike, EventKind::FlashCrash,
                                        EventKind::LiquidityDrought, EventKind::ExchangeOutage,  EventKind::Gap,
                                        EventKind::FundingSpike};

/// "news-shock", "volatility-spike", "flash-crash", "liquidity-drought", "exchange-outage", "gap", "funding-spike": as in files and on the
/// command line.
std::string_view eventKindName(EventKind kind);
/// Nothing for a name that is no kind.
std::optional<EventKind> eventKindFromName(std::string_view name);
/// Reads "all" or names with commas between; "none" gives none. Throws Error(BadInput) naming what is no kind.
std::vector<EventKind> parseEventKinds(std::string_view text);

struct MarketEvent {
    EventKind kind = EventKind::NewsShock;
    std::size_t row = 0;  ///< of the first bar that it touches
    std::size_t bars = 1; ///< how long it lasts
    double size = 0.0;    ///< as the kind says

    bool operator==(const MarketEvent&) const = default;
};

/// The event of a kind as it is drawn on average: how large and, at bars of this interval, how long. The larger direction of risk: down.
MarketEvent typicalEvent(EventKind kind, std::size_t row, std::int64_t intervalSeconds);

struct EventDrawOptions {
    std::vector<EventKind> kinds;
    double ratePerYear = 12.0; ///< of each kind; times come as a Poisson process
    std::uint64_t seed = 1;
};

/// Draws events that begin in `rows`, in order of time. Sizes are typical ones times exp of a normal draw of deviation 0.5, with either
/// sign where the kind has one. Whether one begins at a row depends on seed, kind and row alone. Throws Error(BadInput) for a rate that is
/// negative, not finite or above one a bar.
std::vector<MarketEvent> drawEvents(const EventDrawOptions& options, const RowRange& rows, std::int64_t intervalSeconds);

/// A market with events in it.
struct EventfulMarket {
    BarSeries series;
    FundingSeries funding;
};

/// Applies the events, which may overlap: their moves of the log price add up, their factors multiply. Apply it before features are
/// computed, so that nothing knows of an event in advance: bars and settlements before the first event stay as they are, bit for bit,
/// and so do those behind the last one where no lasting move came in between. Highs and lows enclose open and close as before, with the
/// same wicks but for what an event does to them. Missing bars stay missing; a move in a missing bar shows in the next one's open. Throws
/// Error(BadInput) naming the event whose row, duration or size is out of range, and for a funding spike without a settlement in its time;
/// Error(Numeric) when a price leaves the range of numbers.
EventfulMarket applyEvents(const BarSeries& series, const FundingSeries& funding, std::span<const MarketEvent> events);

} // namespace btcai
