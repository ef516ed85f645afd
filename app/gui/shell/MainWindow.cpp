#include "app/gui/shell/MainWindow.h"

#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QDesktopServices>
#include <QLabel>
#include <QMenuBar>
#include <QSettings>
#include <QTabBar>
#include <QTabWidget>
#include <QUrl>

#include "app/gui/help/HelpDialog.h"
#include "app/gui/help/SettingsReference.h"
#include "app/gui/shell/Dialogs.h"
#include "app/gui/shell/Icons.h"
#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/RunForm.h"
#include "app/gui/training/TrainingTab.h"

namespace btcai::gui {

namespace {
const QString kGeometry = QStringLiteral("window/geometry");
const QString kTheme = QStringLiteral("window/theme");
constexpr QSize kFirstSize{1280, 800};
}

MainWindow::MainWindow(WindowContext context)
    : m_context(std::move(context)), m_timer(new RefreshTimer(this)), m_registry(std::make_unique<RunRegistry>(m_context.workspace))
{
    setObjectName(QStringLiteral("mainWindow"));
    setWindowTitle(tr("BTC-AI Workbench"));
    setWindowIcon(applicationIcon());
    setTheme(themeFromName(m_context.settings.value(kTheme).toString()));
    m_tabs = new QTabWidget(this);
    m_tabs->setObjectName(QStringLiteral("mainTabs"));
    m_tabs->setDocumentMode(true);
    m_tabs->tabBar()->setDrawBase(false);
    m_training = new TrainingTab(*m_registry, {m_context.theme, *m_timer, m_context.dialogs}, m_tabs);
    m_tabs->addTab(m_training, tr("Training"));
    m_summary = new QLabel(m_tabs);
    m_summary->setObjectName(QStringLiteral("summaryLabel"));
    m_summary->setProperty("muted", true);
    m_summary->setContentsMargins(0, 0, 12, 0);
    m_tabs->setCornerWidget(m_summary);
    setCentralWidget(m_tabs);
    buildMenus();
    restoreState();
    if (!m_context.dataFile.isEmpty())
        m_training->form().setDataFile(m_context.dataFile);

    connect(m_registry.get(), &RunRegistry::statusChanged, this, &MainWindow::updateSummary);
    connect(m_registry.get(), &RunRegistry::scanned, this, &MainWindow::updateSummary);
    connect(m_registry.get(), &RunRegistry::allEnded, this, [this] {
        if (m_closing)
            close();
    });
    updateSummary();
    m_registry->rescan();
}

MainWindow::~MainWindow()
{
    m_registry->disconnect(this);
    delete m_tabs; // its views look at the registry's runs
}

void MainWindow::buildMenus()
{
    QMenu* const file = menuBar()->addMenu(tr("&File"));
    file->addAction(tr("&Open run folder…"), QKeySequence::Open, this, &MainWindow::openRunFolder)->setObjectName(QStringLiteral("openRunAction"));
    file->addAction(tr("&Look for runs again"), QKeySequence::Refresh, this, [this] { m_registry->rescan(); })
        ->setObjectName(QStringLiteral("rescanAction"));
    file->addAction(tr("Show &workspace folder"), this, [this] {
        QDesktopServices::openUrl(QUrl::fromLocalFile(toQString(m_registry->options().folder)));
    });
    file->addSeparator();
    file->addAction(tr("&Quit"), QKeySequence::Quit, this, &QWidget::close)->setObjectName(QStringLiteral("quitAction"));
    buildThemeMenu(*menuBar()->addMenu(tr("&View")));
    QMenu* const help = menuBar()->addMenu(tr("&Help"));
    help->addAction(tr("&Settings reference"), QKeySequence::HelpContents, this, [this] {
            (new HelpDialog(tr("Settings reference"), settingsReferenceHtml(), {860, 640}, this))->show();
        })->setObjectName(QStringLiteral("settingsReferenceAction"));
    help->addAction(tr("&About"), this, [this] {
            (new HelpDialog(tr("About"), aboutHtml(), {460, 320}, this))->show();
        })->setObjectName(QStringLiteral("aboutAction"));
}

void MainWindow::buildThemeMenu(QMenu& view)
{
    QMenu* const themes = view.addMenu(tr("&Theme"));
    auto* const group = new QActionGroup(this);
    const std::pair<ThemeChoice, QString> choices[] = {
        {ThemeChoice::System, tr("&System")}, {ThemeChoice::Light, tr("&Light")}, {ThemeChoice::Dark, tr("&Dark")}};
    for (const auto& [choice, label] : choices) {
        QAction* const action = themes->addAction(label);
        action->setObjectName(QStringLiteral("theme.") + themeName(choice));
        action->setCheckable(true);
        action->setChecked(choice == m_context.theme.choice());
        group->addAction(action);
        connect(action, &QAction::triggered, this, [this, chosen = choice] { setTheme(chosen); });
    }
}

void MainWindow::setTheme(ThemeChoice choice)
{
    m_context.theme.apply(m_context.application, choice);
    m_context.settings.setValue(kTheme, themeName(choice));
}

void MainWindow::openRunFolder()
{
    const QString folder =
        m_context.dialogs.openFolder(this, tr("Open run folder"), toQString(m_registry->options().folder));
    if (!folder.isEmpty())
        m_training->openFolder(toPath(folder));
}

void MainWindow::updateSummary()
{
    const int live = m_registry->liveCount();
    m_summary->setText(m_closing ? tr("stopping %1, then closing").arg(live == 1 ? tr("1 run") : tr("%1 runs").arg(live))
                                 : tr("%1 live  ·  %2 in all").arg(live).arg(m_registry->size()));
}

bool MainWindow::mayClose()
{
    const int live = m_registry->liveCount();
    if (live == 0)
        return true;
    const QString runs = live == 1 ? tr("1 run") : tr("%1 runs").arg(live);
    if (m_closing) {
        if (m_context.dialogs.confirm(this, tr("Close"), tr("%1 still writing a checkpoint. End without it?").arg(runs), tr("End now")))
            m_registry->killAll();
        return false;
    }
    if (!m_context.dialogs.confirm(this, tr("Close"), tr("Checkpoint and stop %1, then close?").arg(runs), tr("Stop and close")))
        return false;
    m_closing = true;
    m_registry->stopAll();
    m_training->setEnabled(false);
    updateSummary();
    return m_registry->liveCount() == 0;
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (!mayClose()) {
        event->ignore();
        return;
    }
    saveState();
    event->accept();
}

void MainWindow::saveState()
{
    m_context.settings.setValue(kGeometry, saveGeometry());
    m_training->saveState(m_context.settings);
    m_context.settings.sync();
}

void MainWindow::restoreState()
{
    if (!restoreGeometry(m_context.settings.value(kGeometry).toByteArray()))
        resize(kFirstSize);
    m_training->restoreState(m_context.settings);
}

} // namespace btcai::gui
