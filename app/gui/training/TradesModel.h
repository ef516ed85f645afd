#pragma once

#include <cstdint>
#include <deque>

#include <QAbstractTableModel>

#include "app/gui/training/RunStore.h"

namespace btcai::gui {

class Theme;

/// The trades of a run, in the order they were closed. follow() takes over what is new.
class TradesModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Part, Side, Entry, Exit, Held, EntryPrice, ExitPrice, Amount, Profit, ProfitShare, Fees, AtStep, ColumnCount };
    enum Role { SortRole = Qt::UserRole };

    explicit TradesModel(const Theme& theme, QObject* parent = nullptr);

    /// Null for no run. `identity` changes when the store belongs to another run. False when nothing was new.
    bool follow(const RunStore* store, std::uint64_t identity);
    /// Number, share won, net profit and fees of the latest evaluation's trades.
    QString summary() const;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    void reset(const RunStore* store);

    const Theme& m_theme;
    std::deque<RunStore::NumberedTrade> m_trades;
    std::uint64_t m_identity = ~std::uint64_t{0};
    std::uint64_t m_generation = 0;
};

} // namespace btcai::gui
