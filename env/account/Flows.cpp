#include "env/account/Flows.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/Clock.h"
#include "base/Error.h"

namespace btcai {

namespace {

Flow parseFlow(std::string_view text)
{
    const std::size_t space = text.rfind(' ');
    Flow flow;
    if (space != std::string_view::npos) {
        const std::string_view amount = text.substr(space + 1);
        const auto [end, code] = std::from_chars(amount.data(), amount.data() + amount.size(), flow.amount);
        if (code == std::errc{} && end == amount.data() + amount.size() && std::abs(flow.amount) <= 1e15) {
            flow.time = parseUtc(text.substr(0, space));
            return flow;
        }
    }
    throw Error(ErrorKind::BadInput, "flow '{}': write TIME AMOUNT, such as 2018-03-01T00:00 500; a withdrawal is below 0",
                text.substr(0, 80));
}

} // namespace

std::vector<Flow> parseFlows(std::string_view text)
{
    std::vector<Flow> flows;
    while (text.find_first_not_of(' ') != std::string_view::npos) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view part = text.substr(0, comma);
        part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
        part = part.substr(0, part.find_last_not_of(' ') + 1);
        flows.push_back(parseFlow(part));
        if (flows.size() > 1 && flows.back().time <= flows[flows.size() - 2].time)
            throw Error(ErrorKind::BadInput, "flow '{}': must come after the one before it", part.substr(0, 80));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return flows;
}

FlowSchedule::FlowSchedule(const FlowOptions& options, const Market& market)
{
    if (options.everyDays > 0.0 && options.amount != 0.0) {
        const double rows = options.everyDays * 86400.0 / static_cast<double>(market.intervalSeconds);
        m_period = static_cast<std::size_t>(std::max(1.0, std::round(rows)));
        m_amount = options.amount;
    }
    for (const Flow& flow : options.script) {
        // Booked at the first close at or after its time.
        const std::int64_t seconds = flow.time - market.startTime;
        const std::int64_t row = seconds <= 0 ? -1 : (seconds + market.intervalSeconds - 1) / market.intervalSeconds - 1;
        if (row >= 0 && row < static_cast<std::int64_t>(market.rows()))
            m_script.push_back({static_cast<std::size_t>(row), flow.amount});
    }
}

double FlowSchedule::due(std::size_t row, std::size_t startRow) const
{
    double amount = m_period > 0 && row > startRow && (row - startRow) % m_period == 0 ? m_amount : 0.0;
    for (auto i = std::ranges::lower_bound(m_script, row, {}, &RowFlow::row); i != m_script.end() && i->row == row; ++i)
        amount += i->amount;
    return amount;
}

} // namespace btcai
