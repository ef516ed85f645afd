#include "agent/worker/StreamSink.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <poll.h>
#include <unistd.h>

#include "agent/protocol/Codec.h"

namespace btcai {

namespace {

using namespace std::chrono_literals;

constexpr auto kFarewell = 2s;

bool isDroppable(const protocol::Event& event)
{
    return std::holds_alternative<protocol::Metrics>(event) || std::holds_alternative<protocol::Trade>(event)
           || std::holds_alternative<protocol::Forecast>(event) || std::holds_alternative<protocol::Heartbeat>(event);
}

} // namespace

StreamSink::StreamSink(int descriptor, std::size_t queueLimit) : m_descriptor(descriptor), m_queueLimit(queueLimit)
{
    if (m_descriptor >= 0)
        m_writer = std::thread([this] { writeLoop(); });
}

StreamSink::~StreamSink()
{
    if (!m_writer.joinable())
        return;
    {
        std::unique_lock lock(m_mutex);
        m_closing = true;
        m_wake.notify_all();
    }
    m_writer.join();
}

void StreamSink::startRecording(const std::filesystem::path& eventsFile)
{
    const std::lock_guard lock(m_mutex);
    m_recorder = std::make_unique<protocol::EventRecorder>(eventsFile);
    for (const std::string& line : std::exchange(m_unrecorded, {}))
        m_recorder->append(line);
}

void StreamSink::send(const protocol::Event& event)
{
    const std::string line = protocol::encode(event);
    const std::lock_guard lock(m_mutex);
    if (const auto* change = std::get_if<protocol::StateChanged>(&event))
        m_state = change->state;
    if (const auto* metrics = std::get_if<protocol::Metrics>(&event))
        m_lastStep = metrics->step;
    // The listener first: on a full disk it must still learn why the run ends.
    if (m_descriptor >= 0 && !m_listenerGone) {
        makeRoom();
        m_queue.push_back({line + "\n", isDroppable(event)});
        m_wake.notify_all();
    }
    if (std::holds_alternative<protocol::Heartbeat>(event))
        return;
    if (m_recorder)
        m_recorder->append(line);
    else
        m_unrecorded.push_back(line);
}

void StreamSink::makeRoom()
{
    if (m_queue.size() < m_queueLimit)
        return;
    const auto oldest = std::ranges::find_if(m_queue, &Line::droppable);
    if (oldest == m_queue.end())
        return; // only what must arrive is left, and there is little of it
    m_queue.erase(oldest);
    ++m_dropped;
}

void StreamSink::syncRecord()
{
    const std::lock_guard lock(m_mutex);
    if (m_recorder)
        m_recorder->sync();
}

protocol::WorkerState StreamSink::state() const
{
    const std::lock_guard lock(m_mutex);
    return m_state;
}

std::int64_t StreamSink::lastStep() const
{
    const std::lock_guard lock(m_mutex);
    return m_lastStep;
}

std::int64_t StreamSink::dropped() const
{
    const std::lock_guard lock(m_mutex);
    return m_dropped;
}

/// Writes whole lines as the reader takes them. poll() keeps the thread from hanging in a write to a reader that is stuck
/// when the program wants to end.
void StreamSink::writeLoop()
{
    std::string pending;
    auto deadline = std::chrono::steady_clock::time_point::max();
    for (;;) {
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [&] { return !m_queue.empty() || m_closing || !pending.empty(); });
            if (m_closing && deadline == std::chrono::steady_clock::time_point::max())
                deadline = std::chrono::steady_clock::now() + kFarewell;
            while (!m_queue.empty() && pending.size() < 64 * 1024) {
                pending += m_queue.front().text;
                m_queue.pop_front();
            }
            if (pending.empty() && m_closing)
                return;
        }
        pollfd ready{m_descriptor, POLLOUT, 0};
        const int got = ::poll(&ready, 1, 200);
        if (std::chrono::steady_clock::now() > deadline)
            return;
        if (got > 0 && (ready.revents & POLLNVAL)) { // not open: there never was a listener
            leaveListener();
            return;
        }
        if (got <= 0 || !(ready.revents & (POLLOUT | POLLERR | POLLHUP)))
            continue;
        // At most what a pipe takes without blocking.
        const ssize_t written = ::write(m_descriptor, pending.data(), std::min<std::size_t>(pending.size(), 4096));
        if (written > 0) {
            pending.erase(0, static_cast<std::size_t>(written));
        } else if (errno != EINTR && errno != EAGAIN) {
            leaveListener(); // EPIPE
            return;
        }
    }
}

/// The record goes on alone.
void StreamSink::leaveListener()
{
    const std::lock_guard lock(m_mutex);
    m_listenerGone = true;
    m_queue.clear();
}

} // namespace btcai
