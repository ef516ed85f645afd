#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "env/Market.h"

namespace btcai {

/// A deposit (above 0) or withdrawal at a time (UTC seconds), in quote currency.
struct Flow {
    std::int64_t time = 0;
    double amount = 0.0;

    bool operator==(const Flow&) const = default;
};

/// Money that comes and goes from outside. It is booked at the close of a bar, after the bar's return was measured, so it is
/// never part of a return. A withdrawal takes free cash only, and leaves at least a hundredth of the equity; the rest of it lapses.
struct FlowOptions {
    double everyDays = 0.0; ///< from the start of the episode on; 0 for never
    double amount = 0.0;    ///< each time
    std::vector<Flow> script{}; ///< ascending in time

    bool operator==(const FlowOptions&) const = default;
};

/// Reads "TIME AMOUNT, ..." with times as parseUtc takes them, ascending; an empty text gives none. Throws Error(BadInput) naming the
/// part that is wrong.
std::vector<Flow> parseFlows(std::string_view text);

/// The flows of a market's rows.
class FlowSchedule {
public:
    FlowSchedule() = default;
    FlowSchedule(const FlowOptions& options, const Market& market);

    bool empty() const { return m_period == 0 && m_script.empty(); }
    /// What is due at the close of a row of an episode that started at `startRow`; at the start itself nothing is.
    double due(std::size_t row, std::size_t startRow) const;

private:
    struct RowFlow {
        std::size_t row = 0;
        double amount = 0.0;
    };
    std::size_t m_period = 0; ///< rows
    double m_amount = 0.0;
    std::vector<RowFlow> m_script;
};

} // namespace btcai
