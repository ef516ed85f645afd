#include "app/gui/training/RunRegistry.h"

#include <algorithm>

#include <QThread>
#include <QtConcurrent/QtConcurrentRun>

#include "agent/config/ConfigFile.h"
#include "app/gui/shell/Format.h"
#include "app/gui/shell/WhenDone.h"
#include "base/Error.h"

namespace btcai::gui {

namespace {
constexpr int kRescanDelayMs = 500;
constexpr int kFollowMs = 10'000; ///< how often a run of another program is looked at
constexpr qsizetype kMaxNameLength = 120;
}

RunRegistry::RunRegistry(WorkspaceOptions options, QObject* parent) : QObject(parent), m_options(std::move(options))
{
    m_rescanTimer.setSingleShot(true);
    m_rescanTimer.setInterval(kRescanDelayMs);
    connect(&m_rescanTimer, &QTimer::timeout, this, &RunRegistry::rescan);
    connect(&m_watcher, &QFileSystemWatcher::directoryChanged, &m_rescanTimer, qOverload<>(&QTimer::start));
}

int RunRegistry::indexOf(const Run* run) const
{
    const auto found = std::ranges::find(m_runs, run, &std::unique_ptr<Run>::get);
    return found == m_runs.end() ? -1 : static_cast<int>(found - m_runs.begin());
}

int RunRegistry::liveCount() const
{
    return static_cast<int>(std::ranges::count_if(m_runs, [](const auto& run) { return run->isLive(); }));
}

QString RunRegistry::freshName(const RunConfig& config) const
{
    const QString base = QStringLiteral("%1-%2-s%3")
                             .arg(toQString(bucketSpec(config.bucket).name),
                                  m_options.nowUtc().toString(QStringLiteral("yyyyMMdd-HHmmss")))
                             .arg(config.seed);
    QString name = base;
    for (int i = 2; !nameProblem(name).isEmpty() && i < 1000; ++i)
        name = QStringLiteral("%1-%2").arg(base).arg(i);
    return name;
}

QString RunRegistry::nameProblem(const QString& name) const
{
    if (name.size() > kMaxNameLength)
        return tr("at most %1 characters").arg(kMaxNameLength);
    const bool plain = std::ranges::all_of(name, [](QChar c) {
        return c.isLetterOrNumber() || c == u'-' || c == u'_' || c == u'.' || c == u' ';
    });
    if (!plain || name.startsWith(u'.') || name != name.trimmed())
        return tr("letters, digits, spaces, dots, - and _ only");
    std::error_code code;
    if (!name.isEmpty() && std::filesystem::exists(m_options.folder / toPath(name), code))
        return tr("there is a run of that name already");
    return {};
}

Run* RunRegistry::startNew(const RunConfig& config, const QString& name)
{
    if (const QString problem = nameProblem(name); name.isEmpty() || !problem.isEmpty())
        throw Error(ErrorKind::BadInput, "the run can't be named \"{}\": {}", name.toStdString(), problem.toStdString());
    std::error_code code;
    std::filesystem::create_directories(m_options.folder, code);
    if (code)
        throw Error(ErrorKind::Io, "{}: cannot make the folder for runs: {}", m_options.folder.string(), code.message());

    RunConfig resolved = config;
    if (config.threads == 0)
        resolved.threads = threadsBeside(liveCount(), QThread::idealThreadCount());
    RunSummary summary;
    summary.folder = m_options.folder / toPath(name);
    summary.name = name;
    summary.bucket = toQString(bucketSpec(config.bucket).name);
    summary.totalSteps = config.train.steps;
    summary.changed = m_options.nowUtc();
    Run* const run = insert(std::move(summary), 0);
    run->startNew(m_options.worker, toToml(resolved));
    return run;
}

std::int64_t RunRegistry::threadsBeside(int liveRuns, int cores) { return liveRuns == 0 ? 0 : std::max(1, cores / (liveRuns + 1)); }

void RunRegistry::resumeFromDisk(Run* run) { run->resumeFromDisk(m_options.worker); }

void RunRegistry::open(Run* run)
{
    run->open();
    std::erase(m_opened, run);
    m_opened.push_back(run);
    while (m_opened.size() > kMaxOpenPastRuns) {
        m_opened.front()->unload();
        m_opened.erase(m_opened.begin());
    }
}

Run* RunRegistry::addFolder(const std::filesystem::path& folder)
{
    std::error_code code;
    const std::filesystem::path path = std::filesystem::canonical(folder, code);
    if (code || !isRunFolder(path))
        throw Error(ErrorKind::BadInput, "{}: not a run folder: it has neither run.toml nor events.jsonl", folder.string());
    for (const auto& run : m_runs)
        if (std::filesystem::equivalent(run->summary().folder, path, code))
            return run.get();
    return insert(summarizeRun(path), 0);
}

void RunRegistry::rescan()
{
    if (m_scanning)
        return;
    m_scanning = true;
    whenDone(QtConcurrent::run(scanWorkspace, m_options.folder), this, [this](const std::vector<RunSummary>& found) {
        m_scanning = false;
        takeScan(found);
        const QString folder = toQString(m_options.folder);
        std::error_code code;
        if (m_watcher.directories().isEmpty() && std::filesystem::is_directory(m_options.folder, code))
            m_watcher.addPath(folder);
        const bool elsewhere =
            std::ranges::any_of(m_runs, [](const auto& run) { return run->status() == RunStatus::ActiveElsewhere; });
        if (elsewhere)
            QTimer::singleShot(kFollowMs, this, &RunRegistry::rescan);
        emit scanned();
    });
}

void RunRegistry::takeScan(const std::vector<RunSummary>& found)
{
    for (const RunSummary& summary : found) {
        const auto known = std::ranges::find_if(m_runs, [&](const auto& run) { return run->summary().folder == summary.folder; });
        if (known != m_runs.end()) {
            (*known)->updateFromDisk(summary);
            continue;
        }
        const auto later = std::ranges::find_if(m_runs, [&](const auto& run) {
            return !run->isLive() && run->summary().changed <= summary.changed;
        });
        insert(summary, static_cast<int>(later - m_runs.begin()));
    }
}

Run* RunRegistry::insert(RunSummary summary, int index)
{
    emit runAboutToBeInserted(index);
    const auto placed = m_runs.insert(m_runs.begin() + index, std::make_unique<Run>(std::move(summary)));
    Run* const run = placed->get();
    connect(run, &Run::touched, this, &RunRegistry::touched);
    connect(run, &Run::statusChanged, this, [this, run] { onStatusChanged(run); });
    emit runInserted(index);
    return run;
}

void RunRegistry::onStatusChanged(Run* run)
{
    emit statusChanged(run);
    const int live = liveCount();
    const bool ended = live == 0 && m_lastLiveCount > 0;
    m_lastLiveCount = live;
    if (ended)
        emit allEnded();
}

void RunRegistry::stopAll()
{
    for (const auto& run : m_runs)
        run->stop();
}

void RunRegistry::killAll()
{
    for (const auto& run : m_runs)
        run->kill();
}

} // namespace btcai::gui
