#pragma once

#include <optional>

#include <QObject>
#include <QProcess>
#include <QStringList>
#include <QTimer>

#include "agent/protocol/LineReader.h"
#include "agent/protocol/Messages.h"
#include "agent/protocol/SessionRules.h"
#include "app/gui/training/WorkerEnd.h"

namespace btcai::gui {

struct WorkerOptions {
    QString program;                        ///< path of `btcai`
    QStringList arguments{QStringLiteral("--log-level"), QStringLiteral("info"), QStringLiteral("worker")};
    int helloTimeoutMs = 60000;            ///< from the start of the process to its first line
    int silentAfterMs = 15000;             ///< without a line: "not responding", never "crashed"
    int stopTimeoutMs = 180000;            ///< from requestStop() to the kill; a checkpoint may take its time
    int leaveTimeoutMs = 30000;            ///< from the final state to the end of the process
};

/// One worker process and the conversation with it. All in the thread it lives in; nothing blocks, nothing throws.
///
/// Order: start() once; eventArrived() for each legal event; ended() exactly once, last. Whatever the process does
/// (another protocol version, garbage, a crash, silence) arrives as ended() or respondingChanged(). An object that is
/// destroyed earlier closes the worker's input, which tells it to stop, and kills it if it then does not leave.
///
/// What a worker sends is read at most a pipe's content per turn of the event loop, so that many busy workers can
/// neither stall the window nor fill its memory; a worker that is faster than its reader drops lines and says so.
class WorkerProcess : public QObject {
    Q_OBJECT
public:
    explicit WorkerProcess(WorkerOptions options, QObject* parent = nullptr);
    ~WorkerProcess() override;

    /// Runs the program; the start command follows its hello.
    void start(const protocol::Start& command);
    /// False, and nothing sent, when the command is not legal in the worker's present state.
    bool send(const protocol::Command& command);
    /// Asks the worker to checkpoint and leave; after the time-out it is killed. Harmless when repeated.
    void requestStop();
    /// Ends the process at once, without a checkpoint.
    void kill();

    protocol::WorkerState state() const { return m_rules.state(); }
    bool helloSeen() const { return m_rules.helloSeen(); }
    bool responding() const { return m_responding; }
    qint64 processId() const { return m_process.processId(); }

signals:
    void eventArrived(const btcai::protocol::Event& event);
    void logLine(const QString& line);
    void respondingChanged(bool responding);
    void ended(const btcai::gui::WorkerEnd& end);

private:
    void readEvents();
    void readLog();
    void takeLine(std::string_view line);
    void takeEvent(const protocol::Event& event);
    void breakOff(WorkerEnding how, const QString& text);
    void onFinished(int code, QProcess::ExitStatus status);
    void onProcessError(QProcess::ProcessError error);
    void setResponding(bool responding);
    void finish(WorkerEnd end);
    WorkerEnd endOfExit(int code, QProcess::ExitStatus status) const;
    void write(const protocol::Command& command);

    WorkerOptions m_options;
    QProcess m_process;
    QTimer m_helloTimer, m_silenceTimer, m_stopTimer, m_leaveTimer;
    protocol::LineReader m_lines;
    protocol::SessionRules m_rules;
    protocol::Start m_startCommand;
    QByteArray m_logRest;
    QString m_lastLogLine;
    QString m_stateDetail;
    QString m_lastError; ///< text of the last notice of level error
    qint64 m_lineNumber = 0;
    bool m_responding = true;
    bool m_stopRequested = false;
    bool m_ended = false;
    std::optional<WorkerEnd> m_verdict; ///< why we broke off, while the process is still going down
};

} // namespace btcai::gui
