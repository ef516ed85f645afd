#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/remote/ExchangeClient.h"

namespace btcai {

/// What was put right on the way, all of it harmless.
struct PageCounts {
    std::size_t duplicates = 0; ///< equal candles of one time
    std::size_t outside = 0;    ///< candles before or behind the range where that is documented
    std::size_t unfinished = 0; ///< candles whose time was not over yet

    PageCounts& operator+=(const PageCounts& other);
};

/// Turns what an exchange sent for `page`, in whatever order, into bars in increasing time, each on the grid, within [from, to) and
/// finished, which means that it opens before `finishedUntil`. Throws RemoteError: OffGrid, OutsideRange, ConflictingCandles. The values
/// themselves are the parser's part.
std::vector<Bar> checkPage(const std::vector<Bar>& candles, const PageRequest& page, const ExchangeRules& rules,
                           std::int64_t finishedUntil, PageCounts& counts);

/// Both lists as one, each in increasing time. Throws RemoteError(ConflictingCandles) where they differ.
std::vector<Bar> joinBars(const std::vector<Bar>& a, const std::vector<Bar>& b);

/// The same time, prices and volume, bit for bit.
bool sameBar(const Bar& a, const Bar& b);

/// The stretch from the first missing bar of [page.from, page.to) to the last; empty (from == to) when none is missing.
PageRequest missingStretch(const std::vector<Bar>& bars, const PageRequest& page);

} // namespace btcai
