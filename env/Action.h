#pragma once

#include <cstdint>

namespace btcai {

/// What an action means.
enum class ActionMode {
    Target, ///< 0, 1, 2: be flat, long, short (TargetPosition)
    Orders  ///< 0, 1, 2: hold, buy, sell (TradeAction); several positions may be open
};

/// What an account aims at. hold, buy and sell follow from it: the same target as before is hold, a higher one buy, a
/// lower one sell. (A head over targets does not stall at "hold" as one over orders does early in training.)
enum class TargetPosition : std::uint8_t { Flat = 0, Long = 1, Short = 2 };
enum class TradeAction : std::uint8_t { Hold, Buy, Sell };

TradeAction tradeAction(TargetPosition before, TargetPosition after);

} // namespace btcai
