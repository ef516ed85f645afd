#pragma once

#include <memory>

#include <QWidget>

#include "app/gui/charts/StoreFeed.h"

class QComboBox;
class QLabel;
class QTableView;

namespace btcai::gui {

class EvaluationModel;

/// How the agent trades a part it does not learn from: equity against buy-and-hold over time, and the table of all
/// figures with error bar and baselines.
class EquityPanel : public QWidget {
    Q_OBJECT
public:
    EquityPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent = nullptr);

private:
    void fill(TimeSeriesChart& chart);
    bool refreshTable();
    std::string part() const;

    std::shared_ptr<const RunSelection> m_selection;
    QComboBox* m_part;
    QLabel* m_caption;
    TimeSeriesChart* m_chart;
    QTableView* m_table;
    EvaluationModel* m_model;
    std::uint64_t m_seen = ~std::uint64_t{0};
    std::uint64_t m_partEpoch = 0;
};

} // namespace btcai::gui
