#include "agent/protocol/Messages.h"

namespace btcai::protocol {

std::string_view workerStateName(WorkerState state)
{
    switch (state) {
    case WorkerState::Ready: return "ready";
    case WorkerState::Preparing: return "preparing";
    case WorkerState::Running: return "running";
    case WorkerState::Paused: return "paused";
    case WorkerState::Stopping: return "stopping";
    case WorkerState::Finished: return "finished";
    case WorkerState::Stopped: return "stopped";
    case WorkerState::Failed: return "failed";
    }
    return "failed";
}

} // namespace btcai::protocol
