#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "env/Action.h"

namespace btcai {

enum class ExitReason : std::uint8_t { Decision, Stop, TakeProfit, Liquidation };

/// "decision", "stop", "take-profit", "liquidation".
const char* exitReasonName(ExitReason reason);

/// One open position: what one order (or one target) bought or sold short.
struct Lot {
    double quantity = 0.0;   ///< coins, signed; 0 for none
    double entryPrice = 0.0; ///< average over the fills that opened it
    double stop = 0.0;       ///< price level; infinitely far for none
    double takeProfit = 0.0; ///< price level; infinitely far for none
    double fees = 0.0;       ///< quote currency
    double cashFlow = 0.0;   ///< of all its fills, fees included
    double largest = 0.0;    ///< the most coins it held
    double opened = 0.0;     ///< coins bought (or sold short) to open it
    double openedValue = 0.0; ///< and their value
    std::uint32_t entryRow = 0; ///< of the first fill
    std::uint32_t serial : 31 = 0; ///< tells the lots of an account apart
    std::uint32_t stopped : 1 = 0; ///< its stop was triggered and not all of it could be closed yet

    double side() const { return quantity > 0.0 ? 1.0 : -1.0; }
    void protect(double stopShare, double takeProfitShare)
    {
        constexpr double never = std::numeric_limits<double>::infinity();
        stop = stopShare > 0.0 ? entryPrice * (1.0 - side() * stopShare) : -side() * never;
        takeProfit = takeProfitShare > 0.0 ? entryPrice * (1.0 + side() * takeProfitShare) : side() * never;
    }
};

/// What can be seen of an open position.
struct OpenPosition {
    double quantity = 0.0;
    double entryPrice = 0.0;
    double stop = 0.0, takeProfit = 0.0; ///< infinitely far for none
    std::size_t ageBars = 0;             ///< bars since the first fill
    double unrealised = 0.0;             ///< share of the entry price that a close at the mark would gain
    double bestExcursion = 0.0;  ///< the most it was worth within any bar since (the whole entry bar counted), as that share
    double worstExcursion = 0.0; ///< the least
};

/// A position from its opening to its closing.
struct ClosedTrade {
    std::size_t lane = 0;
    std::size_t entryRow = 0, exitRow = 0; ///< rows of the bars that filled first and last
    TargetPosition side = TargetPosition::Long;
    double entryPrice = 0.0, exitPrice = 0.0; ///< averages over the fills
    double quantity = 0.0;                    ///< the largest held
    double fees = 0.0;
    double profit = 0.0; ///< net of fees; funding is paid by the account, not by a position
    ExitReason reason = ExitReason::Decision; ///< of the last fill
};

} // namespace btcai
