#pragma once

#include <functional>

#include <QObject>
#include <QTimer>

namespace btcai {

/// How waiting is done: passed in, so that tests need not wait.
class Delays {
public:
    virtual ~Delays() = default;
    /// Calls back from the event loop after so many seconds, unless `context` is gone by then.
    virtual void after(double seconds, QObject* context, std::function<void()> call) = 0;
};

class TimerDelays final : public Delays {
public:
    void after(double seconds, QObject* context, std::function<void()> call) override
    {
        QTimer::singleShot(static_cast<int>(seconds * 1000.0) + 1, context, std::move(call));
    }
};

} // namespace btcai
