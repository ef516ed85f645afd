#include "app/gui/training/RunHeader.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include "app/gui/shell/Format.h"
#include "app/gui/shell/Icons.h"
#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/RunRegistry.h"

namespace btcai::gui {

namespace {

constexpr int kProgressSteps = 1000;

QString ending(const Run& run)
{
    switch (run.status()) {
    case RunStatus::Crashed:
    case RunStatus::Failed:
    case RunStatus::Interrupted:
        return run.canResumeFromDisk() ? RunHeader::tr("goes on from its last checkpoint when resumed")
               : run.summary().hasCheckpoint ? QString()
                                             : RunHeader::tr("no checkpoint was written");
    default: return {};
    }
}

} // namespace

RunHeader::RunHeader(RunRegistry& registry, std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent)
    : QWidget(parent), m_registry(registry), m_selection(std::move(selection)), m_theme(context.theme)
{
    setObjectName(QStringLiteral("runHeader"));
    m_name = new QLabel(this);
    m_name->setObjectName(QStringLiteral("selectedRunName"));
    m_name->setProperty("heading", true);
    m_name->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_status = new QLabel(this);
    m_status->setObjectName(QStringLiteral("selectedRunStatus"));
    QFont bold = font();
    bold.setBold(true);
    m_status->setFont(bold);
    m_detail = new QLabel(this);
    m_detail->setObjectName(QStringLiteral("selectedRunDetail"));
    m_detail->setProperty("muted", true);
    m_progress = new QProgressBar(this);
    m_progress->setObjectName(QStringLiteral("selectedRunProgress"));
    m_progress->setTextVisible(false);
    m_progress->setMaximum(kProgressSteps);
    m_progress->setFixedHeight(6);
    for (QLabel* label : {m_name, m_status, m_detail})
        label->setMinimumWidth(20); // long texts must not widen the window

    auto* const top = new QHBoxLayout;
    top->setSpacing(8);
    top->addWidget(m_name);
    top->addWidget(m_status, 1);
    buildButtons();
    for (QPushButton* button : {m_pause, m_resume, m_checkpoint, m_stop, m_fromDisk})
        top->addWidget(button);
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(5);
    layout->addLayout(top);
    layout->addWidget(m_progress);
    layout->addWidget(m_detail);
    setIcons();
    connect(&m_theme, &Theme::changed, this, &RunHeader::setIcons);
    connect(&registry, &RunRegistry::statusChanged, this, [this](Run* run) {
        if (run == m_run)
            update();
    });
    context.timer.add(this, [this] { return refresh(); });
    update();
}

QPushButton* RunHeader::addButton(const char* objectName, const char* icon, const QString& text, const QString& help)
{
    auto* const button = new QPushButton(text, this);
    button->setObjectName(QLatin1String(objectName));
    button->setProperty("icon-name", QByteArray(icon));
    button->setToolTip(help);
    return button;
}

void RunHeader::buildButtons()
{
    m_pause = addButton("pauseButton", "pause", tr("Pause"), tr("Pauses after the current iteration; nothing is lost"));
    m_resume = addButton("resumeButton", "play", tr("Resume"), tr("Goes on where it paused"));
    m_checkpoint = addButton("checkpointButton", "save", tr("Checkpoint"), tr("Writes a checkpoint at the end of this iteration"));
    m_stop = addButton("stopButton", "stop", tr("Stop"), tr("Writes a checkpoint and ends the worker; the run can be resumed later"));
    m_fromDisk = addButton("resumeFromDiskButton", "play", tr("Resume from disk"), tr("Starts a worker that goes on from the last checkpoint"));
    const auto act = [this](QPushButton* button, auto what) {
        connect(button, &QPushButton::clicked, this, [this, what] {
            if (m_run)
                what(*m_run);
            update();
        });
    };
    act(m_pause, [](Run& run) { run.pause(); });
    act(m_resume, [](Run& run) { run.resume(); });
    act(m_checkpoint, [](Run& run) { run.saveCheckpoint(); });
    act(m_stop, [](Run& run) { run.stop(); });
    act(m_fromDisk, [this](Run& run) { m_registry.resumeFromDisk(&run); });
}

void RunHeader::setIcons()
{
    for (QPushButton* button : {m_pause, m_resume, m_checkpoint, m_stop, m_fromDisk})
        button->setIcon(themedIcon(button->property("icon-name").toByteArray().constData(), m_theme));
    update();
}

void RunHeader::setRun(Run* run)
{
    m_run = run;
    update();
}

bool RunHeader::refresh()
{
    if (m_seen == m_selection->revision())
        return false;
    update();
    return true;
}

void RunHeader::update()
{
    m_seen = m_selection->revision();
    const bool live = m_run && m_run->isLive();
    m_pause->setVisible(live && !m_run->canResume());
    m_pause->setEnabled(live && m_run->canPause());
    m_resume->setVisible(live && m_run->canResume());
    m_checkpoint->setVisible(live);
    m_checkpoint->setEnabled(live && m_run->canCheckpoint());
    m_stop->setVisible(live);
    m_stop->setEnabled(live && m_run->canStop());
    m_fromDisk->setVisible(m_run && !live && m_run->status() != RunStatus::Finished);
    m_fromDisk->setEnabled(m_run && m_run->canResumeFromDisk());
    m_progress->setVisible(m_run != nullptr);
    m_name->setText(m_run ? m_run->summary().name : tr("No run selected"));
    m_name->setToolTip(m_run ? toQString(m_run->summary().folder) : QString());
    m_status->setText(m_run ? m_run->statusText() : QString());
    m_status->setToolTip(m_status->text());
    m_detail->setText(m_run ? detailText() : tr("Press Start to train an agent, or select a run of the list."));
    if (!m_run)
        return;
    QPalette colors = m_status->palette();
    colors.setColor(QPalette::WindowText, m_theme.statusColor(m_run->status()));
    m_status->setPalette(colors);
    m_progress->setValue(static_cast<int>(kProgressSteps * std::max(0.0, m_run->progress())));
}

QString RunHeader::detailText() const
{
    QStringList parts;
    const RunSummary& summary = m_run->summary();
    const RunStore* const store = m_run->store();
    if (m_run->isLoading())
        parts << tr("reading the record");
    if (store && !store->stateDetail().empty() && m_run->isLive())
        parts << toQString(store->stateDetail());
    if (const QString text = ending(*m_run); !text.isEmpty())
        parts << text;
    if (summary.totalSteps > 0)
        parts << tr("step %1 of %2").arg(formatCount(double(summary.step)), formatCount(double(summary.totalSteps)));
    if (store && store->metrics())
        parts << tr("iteration %1").arg(formatCount(double(store->metrics()->iteration)));
    if (m_run->remainingSeconds() >= 0)
        parts << tr("%1 left").arg(formatDuration(m_run->remainingSeconds()));
    if (const auto speed = m_run->stepsPerSecond())
        parts << tr("%1 steps/s").arg(formatValue(*speed, Quantity::Rate).chopped(2));
    if (store && store->info())
        parts << tr("%1 parameters").arg(formatCount(double(store->info()->parameters)));
    if (store && store->hello())
        parts << toQString(store->hello()->device);
    if (store && store->heartbeat() && m_run->isLive()) {
        parts << formatBytes(double(store->heartbeat()->residentBytes));
        if (store->heartbeat()->dropped > 0)
            parts << tr("%1 lines missed (they are on disk)").arg(formatCount(double(store->heartbeat()->dropped)));
    }
    return parts.join(QStringLiteral("  ·  "));
}

} // namespace btcai::gui
