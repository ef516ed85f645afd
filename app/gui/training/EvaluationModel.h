#pragma once

#include <vector>

#include <QAbstractTableModel>

#include "agent/protocol/Messages.h"

namespace btcai::gui {

/// The evaluation table: agent, baselines and their figures. Every return of the agent carries its standard error.
class EvaluationModel : public QAbstractTableModel {
    Q_OBJECT
public:
    using QAbstractTableModel::QAbstractTableModel;

    /// False when they are the rows shown already.
    bool setRows(std::vector<protocol::EvaluationRow> rows);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::vector<protocol::EvaluationRow> m_rows;
};

} // namespace btcai::gui
