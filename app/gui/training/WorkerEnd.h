#pragma once

#include <QString>

namespace btcai::gui {

/// How a worker process came to its end.
enum class WorkerEnding {
    Finished,     ///< it said so: all steps done
    Stopped,      ///< it said so: checkpoint written, left on request
    Failed,       ///< it said so, with a reason
    NeverStarted, ///< the program could not be run
    NoHello,      ///< it did not introduce itself in time
    BrokeProtocol,///< another protocol version, garbage, an illegal message, an endless line
    Exited,       ///< it left without saying why
    Crashed,      ///< ended by a signal that was not ours
    Killed,       ///< it did not stop in time and was killed by us
};

struct WorkerEnd {
    WorkerEnding how = WorkerEnding::Exited;
    QString text; ///< one line for people, such as "crashed (killed by signal 9, SIGKILL)"
};

/// "signal 11, SIGSEGV".
QString signalText(int number);

} // namespace btcai::gui
