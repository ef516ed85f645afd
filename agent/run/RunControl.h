#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "agent/config/ConfigFile.h"
#include "base/StopToken.h"

namespace btcai {

/// What a person asked of a running run. Any thread asks; the trainer looks between steps. Pausing stands still wherever the
/// trainer is and changes nothing; stopping, checkpoints and changed fields take effect at the end of an iteration.
class RunControl {
public:
    void pause();
    void resume();
    void stop();
    void requestCheckpoint();
    void setField(std::string key, std::string text);

    bool stopRequested() const;
    /// Whether a checkpoint was asked for since the last call.
    bool takeCheckpointRequest();
    std::vector<FieldOverride> takeFields();
    /// Returns at once unless paused. Else calls `onPaused`, waits until resumed or stopped, calls `onResumed`, and
    /// returns the seconds it stood.
    double waitWhilePaused(const std::function<void()>& onPaused, const std::function<void()>& onResumed);

private:
    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_paused = false;
    StopToken m_stop;
    bool m_checkpoint = false;
    std::vector<FieldOverride> m_fields;
};

} // namespace btcai
