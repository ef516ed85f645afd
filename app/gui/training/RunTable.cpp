#include "app/gui/training/RunTable.h"

#include <QHeaderView>
#include <QPainter>
#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>

#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/shell/Theme.h"

namespace btcai::gui {

namespace {

constexpr int kPadding = 8;
constexpr int kBarHeight = 6;
constexpr int kRowRoom = 10;

/// A thin bar with the share beside it.
class ProgressDelegate : public QStyledItemDelegate {
public:
    ProgressDelegate(const Theme& theme, QObject* parent) : QStyledItemDelegate(parent), m_theme(theme) {}

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        QStyleOptionViewItem background = option;
        initStyleOption(&background, index);
        const QString text = background.text;
        background.widget->style()->drawPrimitive(QStyle::PE_PanelItemViewItem, &background, painter, background.widget);
        const double share = index.data(RunModel::ProgressRole).toDouble();
        const int textWidth = option.fontMetrics.horizontalAdvance(QStringLiteral("100.0 %"));
        QRect bar = option.rect.adjusted(kPadding, 0, -kPadding - textWidth - kPadding, 0);
        bar.setTop(option.rect.center().y() - kBarHeight / 2);
        bar.setHeight(kBarHeight);
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        if (share >= 0 && bar.width() > kBarHeight) {
            painter->setBrush(m_theme.colors().border);
            painter->drawRoundedRect(bar, kBarHeight / 2.0, kBarHeight / 2.0);
            QRect done = bar;
            done.setWidth(static_cast<int>(share * bar.width()));
            painter->setBrush(m_theme.statusColor(static_cast<RunStatus>(index.data(RunModel::StatusRole).toInt())));
            if (done.width() > 0)
                painter->drawRoundedRect(done, kBarHeight / 2.0, kBarHeight / 2.0);
        }
        painter->setPen(m_theme.colors().text);
        painter->drawText(option.rect.adjusted(0, 0, -kPadding, 0), Qt::AlignRight | Qt::AlignVCenter, text);
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override
    {
        return {130, option.fontMetrics.height() + kRowRoom};
    }

private:
    const Theme& m_theme;
};

} // namespace

RunTable::RunTable(RunModel& model, const Theme& theme, RefreshTimer& timer, QWidget* parent)
    : QTableView(parent), m_model(model), m_proxy(new QSortFilterProxyModel(this))
{
    setObjectName(QStringLiteral("runTable"));
    m_proxy->setSourceModel(&model);
    m_proxy->setSortRole(RunModel::SortRole);
    setModel(m_proxy);
    makeDense(*this);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setSelectionMode(QAbstractItemView::SingleSelection);
    setShowGrid(false);
    setWordWrap(false);
    setTextElideMode(Qt::ElideMiddle); // names differ at both ends
    setSortingEnabled(true);
    sortByColumn(-1, Qt::AscendingOrder); // the registry's order: the latest first
    setItemDelegateForColumn(RunModel::Progress, new ProgressDelegate(theme, this));
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kRowRoom);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setStretchLastSection(true);
    horizontalHeader()->setSectionsMovable(true);
    const int em = fontMetrics().horizontalAdvance(QLatin1Char('m'));
    const double widths[] = {16, 6, 7.4, 9, 6, 7.4, 6.5, 7.4, 7.6, 8};
    for (int column = 0; column < RunModel::ColumnCount; ++column)
        setColumnWidth(column, static_cast<int>(widths[column] * em));
    connect(selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] { emit runSelected(selectedRun()); });
    timer.add(this, [&model] { return model.refresh(); });
}

void RunTable::paintEvent(QPaintEvent* event)
{
    QTableView::paintEvent(event);
    if (m_proxy->rowCount() > 0)
        return;
    QPainter painter(viewport());
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(viewport()->rect(), Qt::AlignCenter, tr("Runs appear here, live ones and those of before"));
}

Run* RunTable::selectedRun() const
{
    const QModelIndexList rows = selectionModel()->selectedRows();
    return rows.isEmpty() ? nullptr : m_model.runAt(m_proxy->mapToSource(rows.first()));
}

void RunTable::select(const Run* run)
{
    const QModelIndex index = m_proxy->mapFromSource(m_model.indexOf(run));
    if (!index.isValid())
        return;
    selectRow(index.row());
    scrollTo(index);
}

QByteArray RunTable::saveColumns() const { return horizontalHeader()->saveState(); }

void RunTable::restoreColumns(const QByteArray& saved)
{
    if (!saved.isEmpty())
        horizontalHeader()->restoreState(saved);
}

} // namespace btcai::gui
