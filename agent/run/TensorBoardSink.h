#pragma once

#include <filesystem>
#include <fstream>
#include <mutex>

#include "agent/run/EventSink.h"
#include "agent/run/TensorBoardFile.h"

namespace btcai {

/// Passes events on, and writes their figures to an event file of TensorBoard as they come: `events.out.tfevents.*` in a folder, one file per session of the run.
/// Where a session goes on from a checkpoint, its file says so, and TensorBoard drops what was told beyond it. Tags are those of tensorBoardFile(); times are those
/// of the clock. A file that cannot be written is told once in the log and ends there: a run does not fail over it.
class TensorBoardSink final : public EventSink {
public:
    /// Throws Error(Io) where the folder or the file cannot be made.
    TensorBoardSink(const std::filesystem::path& folder, EventSink& next);
    void send(const protocol::Event& event) override;

private:
    void append(const TensorBoardFile& records);

    EventSink& m_next;
    std::mutex m_mutex;
    std::filesystem::path m_path;
    std::ofstream m_file;
};

} // namespace btcai
