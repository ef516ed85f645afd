#pragma once

#include <utility>

#include <QFuture>
#include <QFutureWatcher>
#include <QObject>

namespace btcai::gui {

/// Calls `then(result)` in the owner's thread once the future is done; not at all when the owner is gone by then.
/// (QFuture::then with a context promises the same, but Qt 6.4 needs the context to be alive when the work ends.)
template <typename Result, typename Function>
void whenDone(const QFuture<Result>& future, QObject* owner, Function then)
{
    auto* const watcher = new QFutureWatcher<Result>(owner);
    QObject::connect(watcher, &QFutureWatcherBase::finished, owner, [watcher, then = std::move(then)] {
        watcher->deleteLater();
        then(watcher->result());
    });
    watcher->setFuture(future);
}

} // namespace btcai::gui
