#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/gui/charts/TimeSeriesChart.h"

namespace btcai::gui {

class Run;
class RunStore;

/// Which run the panels look at. It outlives them or is reset first.
struct RunSelection {
    const Run* run = nullptr;
    std::uint64_t epoch = 0; ///< grows with every selection

    void select(const Run* selected);
    const RunStore* store() const;
    /// Another number whenever a view of this run may have to look again.
    std::uint64_t revision() const;
    /// Another number whenever what was copied before belongs to another run or store.
    std::uint64_t identity() const;
};

/// Feeds the series of a chart from metrics of the selected run, copying only what is new.
/// `metrics[i]` names the metric of the chart's series i; `errors`, where not empty, that of its standard error, drawn
/// as a band (band i belongs to the i-th series that has one).
ChartFeed makeStoreFeed(std::shared_ptr<const RunSelection> selection, std::vector<std::string> metrics,
                        std::vector<std::string> errors = {});

} // namespace btcai::gui
