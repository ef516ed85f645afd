#pragma once

#include <cstdint>
#include <memory>

#include <QFuture>
#include <QObject>

#include "app/gui/training/LogBuffer.h"
#include "app/gui/training/RunLoader.h"
#include "app/gui/training/RunScanner.h"
#include "app/gui/training/RunStore.h"
#include "app/gui/training/WorkerProcess.h"

namespace btcai::gui {

enum class RunStatus {
    Starting,
    Preparing,
    Running,
    Paused,
    Stopping,
    Finished,
    Stopped,
    Failed,
    Crashed,
    Interrupted,     ///< recorded without an end: the machine, the window or the worker went down
    ActiveElsewhere, ///< another program runs it at this moment
};

/// One run of the list, live or past. Live: it owns the worker. Past: a summary at first; its record is read in the
/// background when open() is called. Nothing here blocks.
class Run : public QObject {
    Q_OBJECT
public:
    explicit Run(RunSummary summary, QObject* parent = nullptr);
    ~Run() override;

    const RunSummary& summary() const { return m_summary; }
    RunStatus status() const;
    /// One or two words, or why it ended: "running", "crashed (killed by signal 9, SIGKILL)".
    QString statusText() const;
    /// Between 0 and 1; negative when unknown.
    double progress() const;
    double remainingSeconds() const;
    std::optional<double> stepsPerSecond() const;

    /// Null while nothing is loaded.
    const RunStore* store() const { return m_store.get(); }
    /// Grows with whatever a view may show of this run.
    std::uint64_t revision() const { return m_revision; }
    /// Changes when the store is another object than before.
    std::uint64_t storeGeneration() const { return m_storeGeneration; }
    const LogBuffer& log() const { return m_log; }
    bool isLive() const { return m_worker != nullptr; }
    bool isLoading() const { return m_loading; }

    /// Starts a worker on a fresh folder.
    void startNew(const WorkerOptions& options, const std::string& configToml);
    /// Starts a worker that goes on from the folder's latest checkpoint, once the record is read.
    void resumeFromDisk(const WorkerOptions& options);
    /// Reads the record in the background unless it is there already.
    void open();
    /// Gives the memory of a past run back.
    void unload();
    /// Takes over what a scan of the workspace found; does nothing for a live run.
    void updateFromDisk(const RunSummary& summary);

    bool canPause() const;
    bool canResume() const;     ///< from a pause
    bool canCheckpoint() const;
    bool canStop() const;
    bool canResumeFromDisk() const;
    bool canSetFields() const;
    void pause();
    void resume();
    void saveCheckpoint();
    void stop();
    void kill();
    void setField(const QString& key, const QString& value);

signals:
    /// Something changed; may come a thousand times a second. Only wake a timer here.
    void touched();
    /// The status changed, a worker began or ended, a record was loaded.
    void statusChanged();

private:
    void startWorker(const WorkerOptions& options, protocol::Start command);
    void send(const protocol::Command& command);
    void onEvent(const protocol::Event& event);
    void onEnded(const WorkerEnd& end);
    void takeLoaded(LoadedRun loaded);
    void note(LogLevel level, const QString& text);
    void touch();

    RunSummary m_summary;
    std::shared_ptr<RunStore> m_store;
    std::unique_ptr<WorkerProcess> m_worker;
    std::optional<WorkerEnd> m_end; ///< of the last worker of ours
    std::optional<WorkerOptions> m_resumeAfterLoading;
    LogBuffer m_log;
    std::uint64_t m_revision = 0;
    std::uint64_t m_storeGeneration = 0;
    bool m_loading = false;
    bool m_stopRequested = false;
    bool m_activeElsewhere = false;
};

} // namespace btcai::gui
