#pragma once

#include <cstddef>

namespace btcai {

/// When a decision taken at the close of a bar fills.
enum class FillTiming {
    NextOpen,               ///< at the open of the next bar at the earliest
    OptimisticDecisionClose ///< at the very close it was decided on, which nobody gets: only to reproduce other environments
};

/// What becomes of the part of an order that the volume cap did not fill.
enum class RestPolicy { Carry, Cancel };

enum class OrderType { Market, Limit, Stop };

/// How decisions become fills (README.md of this folder).
struct ExecutionOptions {
    FillTiming timing = FillTiming::NextOpen;
    RestPolicy rest = RestPolicy::Carry;
    std::size_t latencyBars = 0; ///< bars that an order needs beyond the next open

    // Of orders that open a position, in the action mode "orders".
    OrderType entry = OrderType::Market;
    double entryOffset = 0.0;      ///< share of the close: how far better a limit, how far worse a stop stands
    std::size_t lifetimeBars = 12; ///< an order is cancelled after so many bars at the exchange; 0 for never

    bool operator==(const ExecutionOptions&) const = default;
};

} // namespace btcai
