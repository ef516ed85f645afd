#include "app/gui/training/TradesModel.h"

#include <cmath>

#include "app/gui/shell/Format.h"
#include "app/gui/shell/Theme.h"

namespace btcai::gui {

namespace {

using protocol::Trade;

double profitShare(const Trade& trade) { return trade.profit / (trade.quantity * trade.entryPrice); }

QString price(double value) { return formatValue(value, Quantity::Price); }

QString utcWithoutZone(std::int64_t seconds) { return formatUtc(seconds).chopped(4); }

struct ColumnSpec {
    const char* title;
    QString (*text)(const Trade&);
    double (*number)(const Trade&); ///< null where the text is what counts
};

const ColumnSpec kColumns[TradesModel::ColumnCount] = {
    {"Part", [](const Trade& t) { return toQString(t.part); }, nullptr},
    {"Side", [](const Trade& t) { return toQString(t.side); }, nullptr},
    {"Entry (UTC)", [](const Trade& t) { return utcWithoutZone(t.entryTime); }, [](const Trade& t) { return double(t.entryTime); }},
    {"Exit (UTC)", [](const Trade& t) { return utcWithoutZone(t.exitTime); }, [](const Trade& t) { return double(t.exitTime); }},
    {"Held", [](const Trade& t) { return formatDuration(double(t.exitTime - t.entryTime)); },
     [](const Trade& t) { return double(t.exitTime - t.entryTime); }},
    {"Price in", [](const Trade& t) { return price(t.entryPrice); }, [](const Trade& t) { return t.entryPrice; }},
    {"Price out", [](const Trade& t) { return price(t.exitPrice); }, [](const Trade& t) { return t.exitPrice; }},
    {"Quantity", [](const Trade& t) { return formatValue(t.quantity, Quantity::Plain); }, [](const Trade& t) { return t.quantity; }},
    {"Net profit", [](const Trade& t) { return price(t.profit); }, [](const Trade& t) { return t.profit; }},
    {"Net %", [](const Trade& t) { return formatValue(profitShare(t), Quantity::Return); }, profitShare},
    {"Fees", [](const Trade& t) { return price(t.fees); }, [](const Trade& t) { return t.fees; }},
    {"At step", [](const Trade& t) { return formatCount(double(t.step)); }, [](const Trade& t) { return double(t.step); }},
};

} // namespace

TradesModel::TradesModel(const Theme& theme, QObject* parent) : QAbstractTableModel(parent), m_theme(theme) {}

void TradesModel::reset(const RunStore* store)
{
    beginResetModel();
    m_trades = store ? store->trades() : std::deque<RunStore::NumberedTrade>{};
    m_generation = store ? store->tradeGeneration() : 0;
    endResetModel();
}

bool TradesModel::follow(const RunStore* store, std::uint64_t identity)
{
    const bool same = store && identity == m_identity && store->tradeGeneration() == m_generation;
    m_identity = identity;
    if (!same) {
        const bool shows = !m_trades.empty() || (store && !store->trades().empty());
        reset(store);
        return shows;
    }
    const auto& all = store->trades();
    const std::uint64_t known = m_trades.empty() ? 0 : m_trades.back().number + 1;
    if (all.empty() || all.back().number < known)
        return false;
    if (all.front().number > known) { // more came than are kept
        reset(store);
        return true;
    }
    const auto dropped = static_cast<int>(m_trades.empty() ? 0 : std::min<std::uint64_t>(m_trades.size(), all.front().number - m_trades.front().number));
    if (dropped > 0) {
        beginRemoveRows({}, 0, dropped - 1);
        m_trades.erase(m_trades.begin(), m_trades.begin() + dropped);
        endRemoveRows();
    }
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(known > all.front().number ? known - all.front().number : 0);
    const auto added = static_cast<int>(all.end() - first);
    beginInsertRows({}, rowCount(), rowCount() + added - 1);
    m_trades.insert(m_trades.end(), first, all.end());
    endInsertRows();
    return true;
}

QString TradesModel::summary() const
{
    if (m_trades.empty())
        return tr("no trade so far");
    // the same market is traded again in every evaluation: only one of them can be summed up
    const protocol::Trade& latest = m_trades.back().trade;
    double profit = 0, fees = 0;
    std::size_t count = 0, won = 0;
    for (const auto& [number, trade] : m_trades) {
        if (trade.step != latest.step || trade.part != latest.part)
            continue;
        ++count;
        profit += trade.profit;
        fees += trade.fees;
        won += trade.profit > 0 ? 1 : 0;
    }
    return tr("latest: %1 trades on the %2 part at step %3  ·  %4 won  ·  net %5  ·  fees %6")
        .arg(formatCount(double(count)), toQString(latest.part), formatCount(double(latest.step)),
             formatValue(double(won) / double(count), Quantity::Share), price(profit), price(fees));
}

int TradesModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_trades.size()); }

int TradesModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int{ColumnCount}; }

QVariant TradesModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const Trade& trade = m_trades[static_cast<std::size_t>(index.row())].trade;
    const ColumnSpec& column = kColumns[index.column()];
    switch (role) {
    case Qt::DisplayRole: return column.text(trade);
    case SortRole: return column.number ? QVariant(column.number(trade)) : QVariant(column.text(trade));
    case Qt::TextAlignmentRole: return QVariant((index.column() >= Held ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case Qt::ForegroundRole:
        if (index.column() == Profit || index.column() == ProfitShare)
            return trade.profit > 0 ? m_theme.colors().positive : trade.profit < 0 ? m_theme.colors().negative : m_theme.colors().text;
        return {};
    default: return {};
    }
}

QVariant TradesModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::DisplayRole)
        return tr(kColumns[section].title);
    if (role == Qt::TextAlignmentRole)
        return QVariant((section >= Held ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    return {};
}

} // namespace btcai::gui
