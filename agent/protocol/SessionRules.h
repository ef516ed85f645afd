#pragma once

#include <string_view>

#include "agent/protocol/Messages.h"

namespace btcai::protocol {

/// What may be said when. A listener feeds every event through a SessionRules and treats a refused one as a broken
/// worker; a worker does the same with commands. Both tables stand in SessionRules.cpp, once.
class SessionRules {
public:
    /// Accepts a legal event and moves on. Throws Error(Protocol) naming message and state otherwise; the session then stands
    /// where it was. A recorded stream may hold several sessions one after the other: hello is legal again once the
    /// former session ended, or anywhere when `recorded` was set (its worker may have been killed).
    void onEvent(const Event& event, std::string_view where);

    void setRecorded(bool recorded) { m_recorded = recorded; }
    bool helloSeen() const { return m_helloSeen; }
    WorkerState state() const { return m_state; }
    bool ended() const;

private:
    bool m_recorded = false;
    bool m_helloSeen = false;
    WorkerState m_state = WorkerState::Ready;
};

/// Whether a worker in this state takes the command. Stop is legal in every state that is not final.
bool isLegal(const Command& command, WorkerState state);
bool isFinal(WorkerState state);

} // namespace btcai::protocol
