#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "agent/protocol/Messages.h"

namespace btcai::protocol {

/// Appends lines to events.jsonl. A torn last line (a crash in mid-write) is cut off when the log is opened.
/// Lines are written with one system call each, so other processes see whole lines; `sync` makes them durable.
class EventRecorder {
public:
    /// Throws Error(Io) when the file can't be opened or mended.
    explicit EventRecorder(const std::filesystem::path& path);
    ~EventRecorder();
    EventRecorder(const EventRecorder&) = delete;
    EventRecorder& operator=(const EventRecorder&) = delete;

    /// `line` without a newline. Throws Error(Io) when the disk refuses; the torn rest is cut off again.
    void append(std::string_view line);
    void sync();
    /// Bytes of a torn last line that were cut off on opening.
    std::size_t tornBytes() const { return m_tornBytes; }

private:
    std::filesystem::path m_path;
    int m_descriptor = -1;
    std::size_t m_tornBytes = 0;
};

struct ReplaySummary {
    std::int64_t lines = 0;
    bool tornLastLine = false; ///< the last line had no newline and was left out
    WorkerState lastState = WorkerState::Ready;
};

/// Feeds a recorded stream, in order, to `onEvent`. Throws Error(Io) when the file is missing and Error(Protocol)
/// naming file and line for a malformed or illegal message; a torn last line is no error.
ReplaySummary replayEvents(const std::filesystem::path& path, const std::function<void(const Event&)>& onEvent);

} // namespace btcai::protocol
