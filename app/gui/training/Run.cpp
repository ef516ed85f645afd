#include "app/gui/training/Run.h"

#include <algorithm>
#include <utility>

#include <QtConcurrent/QtConcurrentRun>

#include "app/gui/shell/Format.h"
#include "app/gui/shell/WhenDone.h"
#include "app/gui/training/RunNames.h"

namespace btcai::gui {

using protocol::WorkerState;

namespace {

RunStatus statusOf(WorkerState state)
{
    switch (state) {
    case WorkerState::Ready: return RunStatus::Starting;
    case WorkerState::Preparing: return RunStatus::Preparing;
    case WorkerState::Running: return RunStatus::Running;
    case WorkerState::Paused: return RunStatus::Paused;
    case WorkerState::Stopping: return RunStatus::Stopping;
    case WorkerState::Finished: return RunStatus::Finished;
    case WorkerState::Stopped: return RunStatus::Stopped;
    case WorkerState::Failed: return RunStatus::Failed;
    }
    return RunStatus::Failed;
}

RunStatus statusOf(WorkerEnding how)
{
    switch (how) {
    case WorkerEnding::Finished: return RunStatus::Finished;
    case WorkerEnding::Stopped: return RunStatus::Stopped;
    case WorkerEnding::Crashed:
    case WorkerEnding::Killed: return RunStatus::Crashed;
    default: return RunStatus::Failed;
    }
}

} // namespace

Run::Run(RunSummary summary, QObject* parent)
    : QObject(parent), m_summary(std::move(summary)), m_activeElsewhere(isActiveElsewhere(m_summary))
{
}

Run::~Run() = default;

RunStatus Run::status() const
{
    if (m_worker) {
        const RunStatus status = statusOf(m_worker->state());
        return m_stopRequested && !protocol::isFinal(m_worker->state()) ? RunStatus::Stopping : status;
    }
    if (m_end)
        return statusOf(m_end->how);
    if (m_activeElsewhere)
        return RunStatus::ActiveElsewhere;
    if (m_summary.lastState && protocol::isFinal(*m_summary.lastState))
        return statusOf(*m_summary.lastState);
    return RunStatus::Interrupted;
}

QString Run::statusText() const
{
    if (m_worker && !m_worker->responding())
        return tr("not responding");
    if (m_resumeAfterLoading)
        return tr("loading");
    if (m_end && !m_worker)
        return m_end->text;
    switch (status()) {
    case RunStatus::Starting: return tr("starting");
    case RunStatus::Preparing: return tr("preparing");
    case RunStatus::Running: return tr("running");
    case RunStatus::Paused: return tr("paused");
    case RunStatus::Stopping: return tr("stopping");
    case RunStatus::Finished: return tr("finished");
    case RunStatus::Stopped: return tr("stopped");
    case RunStatus::Failed: return tr("failed");
    case RunStatus::Crashed: return tr("crashed");
    case RunStatus::Interrupted: return tr("interrupted");
    case RunStatus::ActiveElsewhere: return tr("active elsewhere");
    }
    return {};
}

double Run::progress() const
{
    if (m_summary.totalSteps <= 0)
        return -1.0;
    return std::clamp(static_cast<double>(m_summary.step) / static_cast<double>(m_summary.totalSteps), 0.0, 1.0);
}

double Run::remainingSeconds() const { return status() == RunStatus::Running ? m_summary.remainingSeconds : -1.0; }

std::optional<double> Run::stepsPerSecond() const { return m_summary.stepsPerSecond; }

void Run::startNew(const WorkerOptions& options, const std::string& configToml)
{
    m_store = std::make_shared<RunStore>();
    ++m_storeGeneration;
    startWorker(options, {m_summary.folder.string(), configToml, false});
}

void Run::resumeFromDisk(const WorkerOptions& options)
{
    if (!canResumeFromDisk())
        return;
    if (!m_store) {
        m_resumeAfterLoading = options;
        open();
        emit statusChanged();
        return;
    }
    startWorker(options, {m_summary.folder.string(), {}, true});
}

void Run::startWorker(const WorkerOptions& options, protocol::Start command)
{
    m_end.reset();
    m_stopRequested = false;
    m_worker = std::make_unique<WorkerProcess>(options);
    connect(m_worker.get(), &WorkerProcess::eventArrived, this, &Run::onEvent);
    connect(m_worker.get(), &WorkerProcess::logLine, this, [this](const QString& line) { note(levelOfLine(line), line); });
    connect(m_worker.get(), &WorkerProcess::respondingChanged, this, [this](bool responding) {
        if (!responding)
            note(LogLevel::Warning, tr("the worker has not been heard of for a while; it may be busy or stuck"));
        touch();
        emit statusChanged();
    });
    // queued: the object must not be destroyed inside its own signal
    connect(m_worker.get(), &WorkerProcess::ended, this, &Run::onEnded, Qt::QueuedConnection);
    m_worker->start(command);
    touch();
    emit statusChanged();
}

void Run::open()
{
    if (m_store || m_loading || m_worker)
        return;
    m_loading = true;
    whenDone(QtConcurrent::run(loadRun, m_summary.folder), this, [this](const LoadedRun& loaded) { takeLoaded(loaded); });
}

void Run::takeLoaded(LoadedRun loaded)
{
    m_loading = false;
    m_store = std::move(loaded.store);
    ++m_storeGeneration;
    m_log.clear();
    for (const QString& line : loaded.logTail)
        m_log.append(levelOfLine(line), line);
    if (!loaded.problem.isEmpty())
        m_log.append(LogLevel::Error, loaded.problem);
    if (const protocol::Evaluation* validation = m_store->evaluation(kValidationPart))
        updateSummary(m_summary, *validation);
    touch();
    if (const auto options = std::exchange(m_resumeAfterLoading, std::nullopt))
        startWorker(*options, {m_summary.folder.string(), {}, true});
    emit statusChanged();
}

void Run::unload()
{
    if (m_worker || m_loading || !m_store)
        return;
    m_store.reset();
    ++m_storeGeneration;
    touch();
}

void Run::updateFromDisk(const RunSummary& summary)
{
    const bool grown = summary.changed > m_summary.changed;
    if (m_worker || m_resumeAfterLoading || (m_end && !grown))
        return;
    m_end.reset(); // another program went on with it
    const auto validation = m_summary.validationReturn;
    const auto buyAndHold = m_summary.buyAndHoldReturn;
    m_summary = summary;
    if (!m_summary.validationReturn && !grown) { // the record's tail did not show it, the opened run did
        m_summary.validationReturn = validation;
        m_summary.buyAndHoldReturn = buyAndHold;
    }
    const bool wasActive = std::exchange(m_activeElsewhere, isActiveElsewhere(m_summary));
    if (grown && m_store)
        unload();
    if (grown || wasActive != m_activeElsewhere) {
        touch();
        emit statusChanged();
    }
}

bool Run::canPause() const
{
    return m_worker && !m_stopRequested && m_worker->helloSeen() && status() != RunStatus::Paused
           && protocol::isLegal(protocol::Pause{}, m_worker->state());
}

bool Run::canResume() const { return m_worker && status() == RunStatus::Paused; }

bool Run::canCheckpoint() const
{
    return m_worker && !m_stopRequested && protocol::isLegal(protocol::SaveCheckpoint{}, m_worker->state());
}

bool Run::canStop() const { return m_worker && !m_stopRequested && !protocol::isFinal(m_worker->state()); }

bool Run::canSetFields() const
{
    return m_worker && !m_stopRequested && protocol::isLegal(protocol::SetField{}, m_worker->state());
}

bool Run::canResumeFromDisk() const
{
    const RunStatus now = status();
    return !m_worker && !m_resumeAfterLoading && now != RunStatus::Finished && now != RunStatus::ActiveElsewhere
           && m_summary.hasCheckpoint;
}

void Run::pause() { send(protocol::Pause{}); }
void Run::resume() { send(protocol::Resume{}); }
void Run::saveCheckpoint() { send(protocol::SaveCheckpoint{}); }

void Run::setField(const QString& key, const QString& value)
{
    send(protocol::SetField{key.toStdString(), value.toStdString()});
}

void Run::send(const protocol::Command& command)
{
    if (m_worker && !m_worker->send(command))
        note(LogLevel::Warning, tr("the worker can't do that now (it is %1)").arg(statusText()));
}

void Run::stop()
{
    if (!canStop())
        return;
    m_stopRequested = true;
    m_worker->requestStop();
    touch();
    emit statusChanged();
}

void Run::kill()
{
    if (m_worker)
        m_worker->kill();
}

void Run::onEvent(const protocol::Event& event)
{
    m_store->apply(event);
    updateSummary(m_summary, event);
    if (const auto* notice = std::get_if<protocol::Notice>(&event))
        note(levelFromName(toQString(notice->level)), toQString(notice->message));
    touch();
    if (std::holds_alternative<protocol::StateChanged>(event))
        emit statusChanged();
}

void Run::onEnded(const WorkerEnd& end)
{
    m_end = end;
    m_worker.reset();
    m_stopRequested = false;
    m_summary.hasCheckpoint = hasCheckpoint(m_summary.folder);
    m_summary.changed = QDateTime::currentDateTimeUtc();
    const bool orderly = end.how == WorkerEnding::Finished || end.how == WorkerEnding::Stopped;
    note(orderly ? LogLevel::Info : LogLevel::Error, tr("worker %1").arg(end.text));
    emit statusChanged();
}

void Run::note(LogLevel level, const QString& text)
{
    m_log.append(level, text);
    touch();
}

void Run::touch()
{
    ++m_revision;
    emit touched();
}

} // namespace btcai::gui
