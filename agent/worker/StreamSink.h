#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/protocol/EventLog.h"
#include "agent/run/EventSink.h"

namespace btcai {

/// The one stream with its two sinks: each event is appended to the record (heartbeats aside) and offered to a listener on
/// a file descriptor. The record is complete; the listener is served by a thread of its own through a bounded queue, so
/// that training never waits for it: when the queue is full, its oldest metrics, trades and forecasts are dropped
/// and counted (the next heartbeat tells). After the listener has gone, only the record is written.
class StreamSink final : public EventSink {
public:
    /// `descriptor` -1: no listener. It is not closed.
    explicit StreamSink(int descriptor, std::size_t queueLimit = 4096);
    ~StreamSink() override; ///< waits until the listener has taken what is queued, two seconds at most

    /// From now on events are recorded too; those sent before (hello, state) are recorded first.
    void startRecording(const std::filesystem::path& eventsFile);
    /// Throws Error(Io) when the record can't be written; the listener gets the event all the same.
    void send(const protocol::Event& event) override;
    void syncRecord();

    protocol::WorkerState state() const;
    std::int64_t lastStep() const;
    std::int64_t dropped() const;

private:
    void writeLoop();
    void leaveListener();
    void makeRoom();

    struct Line {
        std::string text;
        bool droppable = false;
    };

    int m_descriptor;
    std::size_t m_queueLimit;
    mutable std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<Line> m_queue;
    std::deque<std::string> m_unrecorded;
    std::unique_ptr<protocol::EventRecorder> m_recorder;
    protocol::WorkerState m_state = protocol::WorkerState::Ready;
    std::int64_t m_lastStep = 0;
    std::int64_t m_dropped = 0;
    bool m_closing = false;
    bool m_listenerGone = false;
    std::thread m_writer;
};

} // namespace btcai
