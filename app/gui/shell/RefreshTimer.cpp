#include "app/gui/shell/RefreshTimer.h"

#include <utility>

#include <QElapsedTimer>

namespace btcai::gui {

RefreshTimer::RefreshTimer(QObject* parent) : QObject(parent)
{
    m_timer.setInterval(kIntervalMs);
    connect(&m_timer, &QTimer::timeout, this, &RefreshTimer::tick);
}

void RefreshTimer::add(QObject* owner, Task task)
{
    m_entries.push_back({owner, std::move(task)});
    wake();
}

void RefreshTimer::wake()
{
    m_idleInARow = 0;
    if (!m_timer.isActive())
        m_timer.start();
}

void RefreshTimer::tick()
{
    std::erase_if(m_entries, [](const Entry& entry) { return entry.owner.isNull(); });
    QElapsedTimer clock;
    clock.start();
    for (std::size_t done = 0; done < m_entries.size() && clock.elapsed() < kBudgetMs; ++done) {
        m_next %= m_entries.size();
        const bool worked = m_entries[m_next++].task();
        m_idleInARow = worked ? 0 : m_idleInARow + 1;
    }
    if (m_idleInARow >= m_entries.size())
        m_timer.stop();
}

} // namespace btcai::gui
