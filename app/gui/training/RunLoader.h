#pragma once

#include <filesystem>
#include <memory>

#include <QString>
#include <QStringList>

#include "app/gui/training/RunStore.h"

namespace btcai::gui {

/// A run read back from its folder.
struct LoadedRun {
    std::shared_ptr<RunStore> store; ///< what could be read; never null
    QStringList logTail;             ///< the last lines of worker.log
    QString problem;                 ///< empty, or why the record could not be read to its end, naming file and line
};

/// Replays events.jsonl and the end of worker.log. Blocks on the disk: call it in a background thread. Never throws.
LoadedRun loadRun(const std::filesystem::path& folder);

/// The last lines of a text file, at most so many bytes of it; nothing when there is no such file.
QStringList tailLines(const std::filesystem::path& file, std::size_t maxBytes);

} // namespace btcai::gui
