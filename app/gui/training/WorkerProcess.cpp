#include "app/gui/training/WorkerProcess.h"

#include <utility>

#include <unistd.h>

#include "agent/protocol/Codec.h"
#include "base/Error.h"

namespace btcai::gui {

namespace {

constexpr qsizetype kMaxLogLine = 16 * 1024;
constexpr int kLeaveOnDestructionMs = 2'000;

QString text(std::string_view bytes) { return QString::fromUtf8(bytes.data(), static_cast<qsizetype>(bytes.size())); }

void startOnce(QTimer& timer, int ms)
{
    timer.setSingleShot(true);
    timer.start(ms);
}

} // namespace

WorkerProcess::WorkerProcess(WorkerOptions options, QObject* parent) : QObject(parent), m_options(std::move(options))
{
    connect(&m_process, &QProcess::readyReadStandardOutput, this, &WorkerProcess::readEvents);
    connect(&m_process, &QProcess::readyReadStandardError, this, &WorkerProcess::readLog);
    connect(&m_process, &QProcess::finished, this, &WorkerProcess::onFinished);
    connect(&m_process, &QProcess::errorOccurred, this, &WorkerProcess::onProcessError);
    connect(&m_helloTimer, &QTimer::timeout, this, [this] {
        breakOff(WorkerEnding::NoHello, tr("did not introduce itself within %1 s").arg(m_options.helloTimeoutMs / 1000.0));
    });
    connect(&m_silenceTimer, &QTimer::timeout, this, [this] { setResponding(false); });
    connect(&m_stopTimer, &QTimer::timeout, this, [this] {
        breakOff(WorkerEnding::Killed, tr("killed: it did not stop within %1 s").arg(m_options.stopTimeoutMs / 1000.0));
    });
    connect(&m_leaveTimer, &QTimer::timeout, this, [this] { m_process.kill(); });
    // A group of its own: Ctrl+C in the window's terminal ends the window only; the pipe it leaves closed then tells the
    // worker to write a checkpoint and leave. A death signal (PR_SET_PDEATHSIG) would end it without one.
    m_process.setChildProcessModifier([] { ::setpgid(0, 0); });
}

WorkerProcess::~WorkerProcess()
{
    m_process.disconnect(this);
    if (m_process.state() == QProcess::NotRunning)
        return;
    m_process.closeWriteChannel();
    if (!m_process.waitForFinished(kLeaveOnDestructionMs))
        m_process.kill();
    m_process.waitForFinished(kLeaveOnDestructionMs);
}

void WorkerProcess::start(const protocol::Start& command)
{
    m_startCommand = command;
    startOnce(m_helloTimer, m_options.helloTimeoutMs);
    m_process.start(m_options.program, m_options.arguments);
}

bool WorkerProcess::send(const protocol::Command& command)
{
    if (m_ended || m_verdict || !helloSeen() || !protocol::isLegal(command, state()))
        return false;
    write(command);
    return true;
}

void WorkerProcess::requestStop()
{
    if (m_ended || m_verdict)
        return;
    if (!m_stopRequested)
        startOnce(m_stopTimer, m_options.stopTimeoutMs);
    m_stopRequested = true;
    if (helloSeen()) // before its hello it is told right after
        send(protocol::Stop{});
}

void WorkerProcess::kill() { m_process.kill(); }

void WorkerProcess::write(const protocol::Command& command)
{
    try {
        const std::string line = protocol::encode(command) + '\n';
        m_process.write(line.data(), static_cast<qint64>(line.size()));
    } catch (const std::exception& error) {
        breakOff(WorkerEnding::BrokeProtocol, text(error.what()));
    }
}

void WorkerProcess::readEvents()
{
    m_process.setReadChannel(QProcess::StandardOutput);
    const QByteArray bytes = m_process.readAllStandardOutput();
    if (m_verdict || m_ended)
        return;
    try {
        m_lines.feed({bytes.constData(), static_cast<std::size_t>(bytes.size())},
                     [this](std::string_view line) { takeLine(line); });
    } catch (const std::exception& error) {
        breakOff(WorkerEnding::BrokeProtocol, tr("broke the protocol: %1").arg(text(error.what())));
    }
}

void WorkerProcess::takeLine(std::string_view line)
{
    if (m_verdict)
        return;
    const std::string where = fmt::format("worker, line {}", ++m_lineNumber);
    const protocol::Event event = protocol::decodeEvent(line, where);
    m_rules.onEvent(event, where);
    takeEvent(event);
}

void WorkerProcess::takeEvent(const protocol::Event& event)
{
    m_silenceTimer.setSingleShot(true);
    m_silenceTimer.start(m_options.silentAfterMs);
    setResponding(true);
    if (std::holds_alternative<protocol::Hello>(event)) {
        m_helloTimer.stop();
        write(m_stopRequested ? protocol::Command(protocol::Stop{}) : protocol::Command(m_startCommand));
    } else if (const auto* change = std::get_if<protocol::StateChanged>(&event)) {
        m_stateDetail = text(change->detail);
    } else if (const auto* notice = std::get_if<protocol::Notice>(&event); notice && notice->level == "error") {
        m_lastError = text(notice->message);
    }
    emit eventArrived(event);
    if (m_rules.ended()) {
        m_stopTimer.stop();
        m_silenceTimer.stop();
        m_process.closeWriteChannel();
        startOnce(m_leaveTimer, m_options.leaveTimeoutMs);
    }
}

void WorkerProcess::readLog()
{
    m_logRest += m_process.readAllStandardError();
    qsizetype begin = 0;
    for (qsizetype end = m_logRest.indexOf('\n'); end >= 0; end = m_logRest.indexOf('\n', begin)) {
        m_lastLogLine = QString::fromUtf8(m_logRest.mid(begin, end - begin)).trimmed();
        begin = end + 1;
        if (!m_lastLogLine.isEmpty())
            emit logLine(m_lastLogLine);
    }
    m_logRest.remove(0, begin);
    if (m_logRest.size() > kMaxLogLine) {
        emit logLine(QString::fromUtf8(m_logRest.left(kMaxLogLine)));
        m_logRest.clear();
    }
}

void WorkerProcess::breakOff(WorkerEnding how, const QString& reason)
{
    if (m_ended || m_verdict)
        return;
    m_verdict = WorkerEnd{how, reason};
    if (m_process.state() == QProcess::NotRunning)
        finish(*m_verdict);
    else
        m_process.kill();
}

void WorkerProcess::onProcessError(QProcess::ProcessError error)
{
    if (error == QProcess::FailedToStart)
        finish({WorkerEnding::NeverStarted, tr("cannot start %1: %2").arg(m_options.program, m_process.errorString())});
}

void WorkerProcess::onFinished(int code, QProcess::ExitStatus status)
{
    readEvents();
    readLog();
    if (!m_logRest.trimmed().isEmpty())
        emit logLine(QString::fromUtf8(m_logRest).trimmed());
    finish(m_verdict ? *m_verdict : endOfExit(code, status));
}

WorkerEnd WorkerProcess::endOfExit(int code, QProcess::ExitStatus status) const
{
    const auto withReason = [](const QString& what, const QString& reason) {
        return reason.isEmpty() ? what : QStringLiteral("%1: %2").arg(what, reason);
    };
    if (m_rules.ended()) {
        switch (m_rules.state()) {
        case protocol::WorkerState::Finished: return {WorkerEnding::Finished, tr("finished")};
        case protocol::WorkerState::Stopped: return {WorkerEnding::Stopped, tr("stopped")};
        default: return {WorkerEnding::Failed, withReason(tr("failed"), m_lastError.isEmpty() ? m_stateDetail : m_lastError)};
        }
    }
    if (status == QProcess::CrashExit) // on Unix the code is then the signal's number
        return {WorkerEnding::Crashed, tr("crashed (killed by %1)").arg(signalText(code))};
    return {WorkerEnding::Exited,
            withReason(tr("left with exit code %1").arg(code), m_lastError.isEmpty() ? m_lastLogLine : m_lastError)};
}

void WorkerProcess::setResponding(bool responding)
{
    if (m_responding == responding)
        return;
    m_responding = responding;
    emit respondingChanged(responding);
}

void WorkerProcess::finish(WorkerEnd end)
{
    if (m_ended)
        return;
    m_ended = true;
    for (QTimer* timer : {&m_helloTimer, &m_silenceTimer, &m_stopTimer, &m_leaveTimer})
        timer->stop();
    setResponding(true);
    emit ended(end);
}

} // namespace btcai::gui
