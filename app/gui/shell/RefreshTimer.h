#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <QObject>
#include <QPointer>
#include <QTimer>

namespace btcai::gui {

/// The one timer that redraws. Data never triggers a redraw: whoever takes data calls wake(), and at most every 40 ms the
/// tasks look whether what they show is stale. A tick stops after a time budget and the next one goes on where it
/// stopped, so many charts can't stall the event loop. Without work the timer sleeps.
class RefreshTimer : public QObject {
    Q_OBJECT
public:
    static constexpr int kIntervalMs = 40;
    static constexpr int kBudgetMs = 15;

    /// Brings something up to date and returns true, or returns false when it was. Must not throw.
    using Task = std::function<bool()>;

    explicit RefreshTimer(QObject* parent = nullptr);

    /// The task goes with its owner.
    void add(QObject* owner, Task task);
    void wake();

private:
    void tick();

    struct Entry {
        QPointer<QObject> owner;
        Task task;
    };
    QTimer m_timer;
    std::vector<Entry> m_entries;
    std::size_t m_next = 0;
    std::size_t m_idleInARow = 0;
};

} // namespace btcai::gui
