#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <QDateTime>
#include <QString>

#include "agent/protocol/Messages.h"

namespace btcai::gui {

/// What the list shows of a run without opening it.
struct RunSummary {
    std::filesystem::path folder;
    QString name;
    QString bucket;
    std::optional<protocol::WorkerState> lastState; ///< nothing when no event is recorded
    std::int64_t workerPid = 0;  ///< of the last session
    std::int64_t step = 0;
    std::int64_t totalSteps = 0; ///< 0 when unknown
    std::optional<double> stepsPerSecond;
    std::optional<double> validationReturn; ///< share, of the sampled agent
    std::optional<double> buyAndHoldReturn; ///< share, on the same part
    double remainingSeconds = -1.0;         ///< negative when unknown
    QDateTime changed;                      ///< UTC, of the record
    bool hasCheckpoint = false;
};

/// Whether a folder looks like a run folder: it has run.toml or events.jsonl.
bool isRunFolder(const std::filesystem::path& folder);

/// Whether the run's worker still goes on in a process that is not ours ("btcai train" in a terminal).
bool isActiveElsewhere(const RunSummary& summary);

/// Brings the summary up to date with one event of its run.
void updateSummary(RunSummary& summary, const protocol::Event& event);

/// Reads a small part of the record's head and tail, however long it is. Never throws: what can't be read stays unknown.
RunSummary summarizeRun(const std::filesystem::path& folder);

/// All run folders right under the workspace, the latest first. Blocks on the disk: call it in a background thread.
std::vector<RunSummary> scanWorkspace(const std::filesystem::path& workspace);

/// Whether there is a checkpoint to go on from.
bool hasCheckpoint(const std::filesystem::path& folder);

} // namespace btcai::gui
