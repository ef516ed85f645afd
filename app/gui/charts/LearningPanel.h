#pragma once

#include <memory>

#include "app/gui/charts/ChartGrid.h"
#include "app/gui/charts/StoreFeed.h"

namespace btcai::gui {

/// How learning goes, over account steps: what the agent earns, its losses, its policy, and what the time goes into.
class LearningPanel : public ChartGrid {
    Q_OBJECT
public:
    LearningPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent = nullptr);
};

} // namespace btcai::gui
