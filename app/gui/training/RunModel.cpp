#include "app/gui/training/RunModel.h"

#include <limits>

#include "app/gui/shell/Format.h"
#include "app/gui/shell/Theme.h"

namespace btcai::gui {

namespace {

constexpr double kUnknown = -std::numeric_limits<double>::infinity(); // sorts below everything known

QString orDash(const std::optional<double>& value, Quantity quantity)
{
    return value ? formatValue(*value, quantity) : QStringLiteral("—");
}

QString dayAndTime(const QDateTime& when, const QDateTime& now)
{
    if (!when.isValid())
        return QStringLiteral("—");
    return when.toString(when.date().year() == now.date().year() ? QStringLiteral("MM-dd HH:mm") : QStringLiteral("yyyy-MM-dd"));
}

bool isNumber(int column) { return column >= RunModel::Step && column <= RunModel::BuyAndHold; }

} // namespace

RunModel::RunModel(RunRegistry& registry, const Theme& theme, QObject* parent)
    : QAbstractTableModel(parent), m_registry(registry), m_theme(theme), m_shown(static_cast<std::size_t>(registry.size()))
{
    connect(&registry, &RunRegistry::runAboutToBeInserted, this, [this](int row) { beginInsertRows({}, row, row); });
    connect(&registry, &RunRegistry::runInserted, this, [this](int row) {
        m_shown.insert(m_shown.begin() + row, m_registry.at(row)->revision());
        endInsertRows();
    });
}

int RunModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_shown.size());
}

int RunModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int{ColumnCount}; }

QString RunModel::text(const Run& run, int column) const
{
    const RunSummary& summary = run.summary();
    switch (column) {
    case Name: return summary.name;
    case BucketColumn: return summary.bucket.isEmpty() ? QStringLiteral("—") : summary.bucket;
    case Status: return run.statusText();
    case Progress: return run.progress() < 0 ? QStringLiteral("—") : QStringLiteral("%1 %").arg(100.0 * run.progress(), 0, 'f', 1);
    case Step: return formatCount(static_cast<double>(summary.step));
    case TimeLeft: return formatDuration(run.remainingSeconds());
    case Speed: return orDash(run.stepsPerSecond(), Quantity::Rate);
    case Validation: return orDash(summary.validationReturn, Quantity::Return);
    case BuyAndHold: return orDash(summary.buyAndHoldReturn, Quantity::Return);
    case Changed: return run.isLive() ? tr("now") : dayAndTime(summary.changed, m_registry.options().nowUtc());
    default: return {};
    }
}

QVariant RunModel::sortKey(const Run& run, int column) const
{
    const RunSummary& summary = run.summary();
    switch (column) {
    case Progress: return run.progress();
    case Step: return static_cast<double>(summary.step);
    case TimeLeft: return run.remainingSeconds();
    case Speed: return run.stepsPerSecond().value_or(kUnknown);
    case Validation: return summary.validationReturn.value_or(kUnknown);
    case BuyAndHold: return summary.buyAndHoldReturn.value_or(kUnknown);
    case Changed: return run.isLive() ? std::numeric_limits<double>::infinity() : static_cast<double>(summary.changed.toSecsSinceEpoch());
    default: return text(run, column);
    }
}

QVariant RunModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const Run& run = *m_registry.at(index.row());
    switch (role) {
    case Qt::DisplayRole: return text(run, index.column());
    case SortRole: return sortKey(run, index.column());
    case ProgressRole: return run.progress();
    case StatusRole: return static_cast<int>(run.status());
    case Qt::ToolTipRole:
        if (index.column() == Name)
            return toQString(run.summary().folder);
        return index.column() == Status ? run.statusText() : QVariant();
    case Qt::TextAlignmentRole: return QVariant((isNumber(index.column()) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case Qt::ForegroundRole:
        if (index.column() == Status)
            return m_theme.statusColor(run.status());
        return {};
    default: return {};
    }
}

QVariant RunModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant((isNumber(section) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole && section == Validation)
        return tr("Total return of the agent (sampled actions, all costs) on the validation part, at its latest evaluation");
    if (role == Qt::ToolTipRole && section == BuyAndHold)
        return tr("Total return of buying at the start of the validation part and holding, with the same costs");
    if (role != Qt::DisplayRole)
        return {};
    switch (section) {
    case Name: return tr("Run");
    case BucketColumn: return tr("Bucket");
    case Status: return tr("State");
    case Progress: return tr("Progress");
    case Step: return tr("Steps");
    case TimeLeft: return tr("Time left");
    case Speed: return tr("Speed");
    case Validation: return tr("Validation");
    case BuyAndHold: return tr("Buy & hold");
    case Changed: return tr("Last, UTC");
    default: return {};
    }
}

Run* RunModel::runAt(const QModelIndex& index) const { return index.isValid() ? m_registry.at(index.row()) : nullptr; }

QModelIndex RunModel::indexOf(const Run* run) const
{
    const int row = run ? m_registry.indexOf(run) : -1;
    return row < 0 ? QModelIndex() : index(row, 0);
}

bool RunModel::refresh()
{
    bool changed = false;
    for (int row = 0; row < rowCount(); ++row) {
        std::uint64_t& shown = m_shown[static_cast<std::size_t>(row)];
        if (shown == m_registry.at(row)->revision())
            continue;
        shown = m_registry.at(row)->revision();
        emit dataChanged(index(row, 0), index(row, ColumnCount - 1));
        changed = true;
    }
    return changed;
}

} // namespace btcai::gui
