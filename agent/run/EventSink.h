#pragma once

#include "agent/protocol/Messages.h"

namespace btcai {

/// Where a run tells what it does. Implementations may be called from several threads and never block on a reader.
class EventSink {
public:
    virtual ~EventSink() = default;
    virtual void send(const protocol::Event& event) = 0;
};

} // namespace btcai
