#pragma once

#include <QTableView>

#include "app/gui/training/RunModel.h"

class QSortFilterProxyModel;

namespace btcai::gui {

class RefreshTimer;

/// The list of runs: sortable, one selected at a time, progress drawn as a bar.
class RunTable : public QTableView {
    Q_OBJECT
public:
    RunTable(RunModel& model, const Theme& theme, RefreshTimer& timer, QWidget* parent = nullptr);

    Run* selectedRun() const;
    void select(const Run* run);
    QByteArray saveColumns() const;
    void restoreColumns(const QByteArray& saved);

signals:
    /// Null when nothing is selected.
    void runSelected(btcai::gui::Run* run);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    RunModel& m_model;
    QSortFilterProxyModel* m_proxy;
};

} // namespace btcai::gui
