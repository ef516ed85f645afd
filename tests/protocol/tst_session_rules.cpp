#include <QtTest>

#include <map>

#include "agent/protocol/Codec.h"
#include "agent/protocol/SessionRules.h"
#include "tests/protocol/RandomMessages.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::protocol;
using namespace btcai::test;

namespace {

using enum WorkerState;

constexpr WorkerState kAll[] = {Ready, Preparing, Running, Paused, Stopping, Finished, Stopped, Failed};

/// A way to each state, and what may follow it. Written from the description of the worker, not from SessionRules.cpp.
struct Expected {
    std::vector<WorkerState> wayThere;
    std::vector<WorkerState> next; ///< telling the present state again is always allowed
    std::vector<std::string> events; ///< beside notice and heartbeat
    std::vector<std::string> commands;
};

const std::map<WorkerState, Expected> kExpected{
    {Ready, {{}, {Preparing, Stopped, Failed}, {}, {"start", "stop"}}},
    {Preparing, {{Preparing}, {Running, Paused, Stopping, Failed}, {"run", "resumed"}, {"pause", "resume", "stop"}}},
    {Running, {{Preparing, Running}, {Paused, Stopping, Finished, Failed},
               {"metrics", "trade", "forecast", "calibration", "evaluation", "checkpoint"}, {"pause", "resume", "checkpoint", "set", "stop"}}},
    {Paused, {{Preparing, Running, Paused}, {Running, Stopping, Failed},
              {"metrics", "trade", "forecast", "calibration", "evaluation", "checkpoint"}, {"pause", "resume", "checkpoint", "set", "stop"}}},
    {Stopping, {{Preparing, Running, Stopping}, {Stopped, Finished, Failed},
                {"metrics", "trade", "forecast", "calibration", "evaluation", "checkpoint"}, {"stop"}}},
    {Finished, {{Preparing, Running, Finished}, {}, {}, {}}},
    {Stopped, {{Stopped}, {}, {}, {}}},
    {Failed, {{Preparing, Failed}, {}, {}, {}}},
};

template <typename Range, typename T> bool contains(const Range& range, const T& value)
{
    return std::ranges::find(range, value) != std::ranges::end(range);
}

SessionRules sessionIn(WorkerState state)
{
    SessionRules rules;
    rules.onEvent(Hello{}, "test");
    for (const WorkerState step : kExpected.at(state).wayThere)
        rules.onEvent(StateChanged{step, 0, ""}, "test");
    return rules;
}

} // namespace

class TestSessionRules : public QObject {
    Q_OBJECT

private slots:
    void nothingComesBeforeHello()
    {
        RandomMessages random(1, true);
        for (std::size_t type = 1; type < kEventTypes; ++type) {
            SessionRules rules;
            const auto failure = failureOf([&] { rules.onEvent(random.event(type), "worker 3"); });
            QVERIFY(failure && failure->kind == ErrorKind::Protocol && failure->says("worker 3: ") && failure->says("before hello"));
            QVERIFY(!rules.helloSeen() && !rules.ended());
        }
    }

    // Every state times every state.
    void movesAreThoseOfTheTable()
    {
        for (const WorkerState from : kAll)
            for (const WorkerState to : kAll) {
                SessionRules rules = sessionIn(from);
                QVERIFY(rules.state() == from);
                const auto failure = failureOf([&] { rules.onEvent(StateChanged{to, 0, ""}, "worker 3"); });
                const bool legal = from == to || contains(kExpected.at(from).next, to);
                const QByteArray what = QByteArray(workerStateName(from).data()) + " to " + workerStateName(to).data();
                QVERIFY2(legal == !failure.has_value(), what);
                QVERIFY2(rules.state() == (legal ? to : from), what);
                if (failure)
                    QVERIFY2(failure->kind == ErrorKind::Protocol && failure->says(workerStateName(to)) && failure->says(workerStateName(from)), what);
            }
    }

    // Every state times every event.
    void eventsAreThoseOfTheTable()
    {
        RandomMessages random(2, true);
        for (const WorkerState state : kAll)
            for (std::size_t type = 2; type < kEventTypes; ++type) {
                SessionRules rules = sessionIn(state);
                const Event event = random.event(type);
                const std::string name(typeName(event));
                const bool legal = name == "notice" || name == "heartbeat" || contains(kExpected.at(state).events, name);
                const auto failure = failureOf([&] { rules.onEvent(event, "worker 3"); });
                QVERIFY2(legal == !failure.has_value(), (name + " in " + std::string(workerStateName(state))).c_str());
                QVERIFY(rules.state() == state);
                if (failure)
                    QVERIFY(failure->says(name) && failure->says(workerStateName(state)));
            }
    }

    void commandsAreThoseOfTheTable()
    {
        RandomMessages random(3, true);
        for (const WorkerState state : kAll)
            for (std::size_t type = 0; type < kCommandTypes; ++type) {
                const Command command = random.command(type);
                const std::string name(typeName(command));
                QVERIFY2(isLegal(command, state) == contains(kExpected.at(state).commands, name),
                         (name + " in " + std::string(workerStateName(state))).c_str());
            }
    }

    // A second hello is a broken worker, except where a record goes on after a worker that ended or was killed.
    void aSecondHello()
    {
        for (const WorkerState state : kAll) {
            const bool final = state == Finished || state == Stopped || state == Failed;
            QVERIFY(isFinal(state) == final);
            QVERIFY(sessionIn(state).ended() == final);
            SessionRules live = sessionIn(state);
            QVERIFY(failureOf([&] { live.onEvent(Hello{}, "worker 3"); }).has_value() == !final);
            SessionRules recorded = sessionIn(state);
            recorded.setRecorded(true);
            recorded.onEvent(Hello{}, "record");
            QVERIFY(recorded.state() == Ready && !recorded.ended());
            QVERIFY(failureOf([&] { recorded.onEvent(Metrics{}, "record"); })); // and begins anew
        }
    }
};

QTEST_APPLESS_MAIN(TestSessionRules)
#include "tst_session_rules.moc"
