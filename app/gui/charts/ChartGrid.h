#pragma once

#include <set>
#include <vector>

#include <QScrollArea>

#include "app/gui/charts/TimeSeriesChart.h"

class QGridLayout;

namespace btcai::gui {

/// Charts over the same steps, side by side in as many columns as the width allows. Their crosshairs move together, and
/// so do their x ranges.
class ChartGrid : public QScrollArea {
    Q_OBJECT
public:
    explicit ChartGrid(QWidget* parent = nullptr);

    /// The grid owns the chart.
    void add(TimeSeriesChart* chart);
    /// A chart that is not shown takes no place. Returns whether that changed.
    bool setShown(TimeSeriesChart* chart, bool shown);
    const std::vector<TimeSeriesChart*>& charts() const { return m_charts; }

protected:
    void resizeEvent(QResizeEvent* event) override;
    void scrollContentsBy(int dx, int dy) override;

private:
    void arrange();
    void place();

    QGridLayout* m_layout;
    std::vector<TimeSeriesChart*> m_charts;
    std::set<const TimeSeriesChart*> m_absent; ///< of them, those not shown
    int m_columns = 0;
};

} // namespace btcai::gui
