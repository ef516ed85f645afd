#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/Json.h"

namespace btcai {

/// Info: worth knowing. Warning: look at it. Error: training on it needs an explicit override.
enum class Severity { Info, Warning, Error };

/// "info", "warning", "error".
std::string_view severityName(Severity severity);

/// Something found in market data. The names are stable: those of faultName() for faults of a file, and of a series gap, long-gap,
/// no-bars, no-volume, zero-volume, absurd-volume, volume-step, inconsistent-bar, long-wick, outlier-print, spike, frozen-price,
/// repeated-rows, time-zone-slip, stale-tail.
struct Finding {
    std::string name;
    Severity severity = Severity::Info;
    std::size_t count = 0;
    std::int64_t firstTime = 0; ///< UTC seconds; 0 where there is none
    std::string place;          ///< file and line of the first, where it is known
    std::string text;           ///< what was seen
    std::string advice;         ///< what to do

    Json toJson() const;
};

} // namespace btcai
