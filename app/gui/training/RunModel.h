#pragma once

#include <cstdint>
#include <vector>

#include <QAbstractTableModel>

#include "app/gui/training/RunRegistry.h"

namespace btcai::gui {

class Theme;

/// The runs as a table. Rows follow the registry at once; their values are brought up to date by refresh(), which a timer
/// calls, so that a thousand messages a second cost one repaint.
class RunModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Name, BucketColumn, Status, Progress, Step, TimeLeft, Speed, Validation, BuyAndHold, Changed, ColumnCount };
    enum Role {
        SortRole = Qt::UserRole, ///< a number or text to sort by
        ProgressRole,            ///< double between 0 and 1, negative when unknown
        StatusRole,              ///< RunStatus as int
    };

    RunModel(RunRegistry& registry, const Theme& theme, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

    Run* runAt(const QModelIndex& index) const;
    QModelIndex indexOf(const Run* run) const;
    /// Tells views which rows changed since the last call; false when none did.
    bool refresh();

private:
    QString text(const Run& run, int column) const;
    QVariant sortKey(const Run& run, int column) const;

    RunRegistry& m_registry;
    const Theme& m_theme;
    std::vector<std::uint64_t> m_shown; ///< revision of each row as last told
};

} // namespace btcai::gui
