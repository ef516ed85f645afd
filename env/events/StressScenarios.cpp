#include "env/events/StressScenarios.h"

#include <algorithm>
#include <array>

#include "base/Clock.h"
#include "base/Error.h"

namespace btcai {

std::span<const StressScenario> stressScenarios()
{
    static const std::array scenarios{
        StressScenario{"2013-april-crash", "from 250 to 63, with prints near 0", parseUtc("2013-04-09"), parseUtc("2013-04-18")},
        StressScenario{"2013-crash", "from 1,171 on November 30 to 382 on December 18", parseUtc("2013-11-30"), parseUtc("2013-12-20")},
        StressScenario{"2017-peak", "up to 19,891 on December 17 and down to 10,700 on the 22nd", parseUtc("2017-12-05"),
                       parseUtc("2018-01-01")},
        StressScenario{"2018-november", "from 6,501 on November 13 to 3,658 on the 25th", parseUtc("2018-11-13"), parseUtc("2018-11-29")},
    };
    return scenarios;
}

const StressScenario* findStressScenario(std::string_view name)
{
    const auto found = std::ranges::find(stressScenarios(), name, &StressScenario::name);
    return found == stressScenarios().end() ? nullptr : &*found;
}

RowRange scenarioRows(const StressScenario& scenario, const BarSeries& series)
{
    const RowRange rows{series.lowerBound(scenario.from), series.lowerBound(scenario.to)};
    const auto wanted = static_cast<std::size_t>((scenario.to - scenario.from) / series.intervalSeconds());
    std::size_t present = 0;
    for (std::size_t row = rows.first; row < rows.last; ++row)
        present += series.present(row);
    // The last row may be the series' last: its timestamp is one interval before the scenario's end.
    const bool isWhole = rows.size() == wanted && series.timestamp(rows.first) == scenario.from;
    if (!isWhole || 2 * present < wanted)
        throw Error(ErrorKind::BadInput, "scenario {}: needs bars from {} to {}; {} holds {} of its {}, from {} to {}", scenario.name,
                    formatUtc(scenario.from), formatUtc(scenario.to), series.instrument(), present, wanted, formatUtc(series.startTime()),
                    formatUtc(series.timestamp(series.size())));
    return rows;
}

} // namespace btcai
