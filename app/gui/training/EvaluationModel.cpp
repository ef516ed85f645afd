#include "app/gui/training/EvaluationModel.h"

#include <utility>

#include "app/gui/shell/Format.h"

namespace btcai::gui {

namespace {

using Row = protocol::EvaluationRow;

QString returnText(const Row& row)
{
    const QString value = formatValue(row.totalReturn, Quantity::Return);
    if (!(row.standardError >= 0.0))
        return value;
    return QStringLiteral("%1 ± %2").arg(value.chopped(2), formatValue(100.0 * row.standardError, Quantity::Price)) + QStringLiteral(" %");
}

QString ratio(double value) { return formatValue(value, Quantity::Price); }

/// Figures of trading mean nothing where nothing was traded.
QString ifTraded(const Row& row, const QString& text) { return row.trades > 0 ? text : QStringLiteral("—"); }

struct ColumnSpec {
    const char* title;
    const char* help;
    QString (*text)(const Row&);
};

const ColumnSpec kColumns[] = {
    {"", "", [](const Row& r) { return toQString(r.name); }},
    {"Return", "Total return of the part, all costs paid", returnText},
    {"Sharpe", "Mean over deviation of the returns, a year's worth", [](const Row& r) { return ratio(r.sharpe); }},
    {"Sortino", "As Sharpe, over the deviation of losses only", [](const Row& r) { return ratio(r.sortino); }},
    {"Draw-\ndown", "Largest fall from a peak of equity", [](const Row& r) { return formatValue(r.maxDrawdown, Quantity::Share); }},
    {"Calmar", "Yearly return over the largest drawdown", [](const Row& r) { return ratio(r.calmar); }},
    {"Profit\nfactor", "Sum of gains over sum of losses of the trades", [](const Row& r) { return ifTraded(r, ratio(r.profitFactor)); }},
    {"Win\nrate", "Share of trades that earned after costs", [](const Row& r) { return ifTraded(r, formatValue(r.winRate, Quantity::Share)); }},
    {"Trades", "Positions closed", [](const Row& r) { return formatCount(static_cast<double>(r.trades)); }},
    {"Turn-\nover", "Value traded over equity", [](const Row& r) { return ratio(r.turnover); }},
    {"Expo-\nsure", "Share of bars with a position", [](const Row& r) { return formatValue(r.exposure, Quantity::Share); }},
    {"Costs", "Fees, spread and impact as a share of the initial equity", [](const Row& r) { return formatValue(r.costShare, Quantity::Share); }},
};

} // namespace

bool EvaluationModel::setRows(std::vector<Row> rows)
{
    if (rows == m_rows)
        return false;
    beginResetModel();
    m_rows = std::move(rows);
    endResetModel();
    return true;
}

int EvaluationModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_rows.size()); }

int EvaluationModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(std::size(kColumns));
}

QVariant EvaluationModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    if (role == Qt::DisplayRole)
        return kColumns[index.column()].text(m_rows[static_cast<std::size_t>(index.row())]);
    if (role == Qt::TextAlignmentRole)
        return QVariant((index.column() == 0 ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    return {};
}

QVariant EvaluationModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount())
        return {};
    if (role == Qt::DisplayRole)
        return tr(kColumns[section].title);
    if (role == Qt::ToolTipRole)
        return tr(kColumns[section].help);
    if (role == Qt::TextAlignmentRole)
        return QVariant((section == 0 ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    return {};
}

} // namespace btcai::gui
