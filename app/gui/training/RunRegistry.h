#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <QDateTime>
#include <QFileSystemWatcher>
#include <QObject>
#include <QTimer>

#include "agent/config/RunConfig.h"
#include "app/gui/training/Run.h"

namespace btcai::gui {

struct WorkspaceOptions {
    std::filesystem::path folder; ///< new runs go here; made when the first one starts
    WorkerOptions worker;
    std::function<QDateTime()> nowUtc = [] { return QDateTime::currentDateTimeUtc(); };
};

/// The runs of a workspace, live and past, in one list: the latest first. Past ones are found by a scan in the
/// background; a run that is opened is read then, and the least recently opened ones are let go again.
class RunRegistry : public QObject {
    Q_OBJECT
public:
    static constexpr std::size_t kMaxOpenPastRuns = 12;

    explicit RunRegistry(WorkspaceOptions options, QObject* parent = nullptr);

    const WorkspaceOptions& options() const { return m_options; }
    int size() const { return static_cast<int>(m_runs.size()); }
    Run* at(int index) const { return m_runs[static_cast<std::size_t>(index)].get(); }
    int indexOf(const Run* run) const;
    int liveCount() const;

    /// A folder name that is free: the bucket, the time and the seed.
    QString freshName(const RunConfig& config) const;
    /// Why a run can't have this name; empty when it can.
    QString nameProblem(const QString& name) const;

    /// What a run takes whose configuration leaves the threads open: 0, all cores, where no other is live, else an equal share of them, so that workers do not crowd each
    /// other out.
    static std::int64_t threadsBeside(int liveRuns, int cores);

    /// Starts a worker on a new folder of that name, with threadsBeside() those that are live. Throws Error when the workspace can't be made or the name is taken.
    Run* startNew(const RunConfig& config, const QString& name);
    void resumeFromDisk(Run* run);
    /// Loads what the run has on disk and remembers that it is looked at.
    void open(Run* run);
    /// A run folder somewhere else. Throws Error(BadInput) when the folder is none.
    Run* addFolder(const std::filesystem::path& folder);
    /// Looks for new and changed run folders, in the background.
    void rescan();

    void stopAll();
    void killAll();

signals:
    void runAboutToBeInserted(int index);
    void runInserted(int index);
    /// As Run::touched and Run::statusChanged.
    void touched();
    void statusChanged(btcai::gui::Run* run);
    void scanned();
    /// The last live run ended.
    void allEnded();

private:
    Run* insert(RunSummary summary, int index);
    void takeScan(const std::vector<RunSummary>& found);
    void onStatusChanged(Run* run);

    WorkspaceOptions m_options;
    std::vector<std::unique_ptr<Run>> m_runs;
    std::vector<Run*> m_opened; ///< least recently opened first
    QFileSystemWatcher m_watcher;
    QTimer m_rescanTimer;
    int m_lastLiveCount = 0;
    bool m_scanning = false;
};

} // namespace btcai::gui
