#pragma once

#include <memory>

#include "app/gui/charts/ChartGrid.h"
#include "app/gui/charts/StoreFeed.h"

namespace btcai::gui {

/// How learning goes, over account steps: what the agent earns, its losses, its policy, and what the time goes into. Charts of what a run may learn by besides
/// (replay, exploration, memory) are there for the runs that do.
class LearningPanel : public ChartGrid {
    Q_OBJECT
public:
    LearningPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent = nullptr);

private:
    bool showWhatIsTold();

    std::shared_ptr<const RunSelection> m_selection;
    std::uint64_t m_seen = ~std::uint64_t{0};
    std::vector<std::pair<TimeSeriesChart*, std::string>> m_optional; ///< with the metric that each is there for
};

} // namespace btcai::gui
