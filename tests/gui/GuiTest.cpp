#include "GuiTest.h"

#include <QApplication>
#include <QFile>
#include <QLineEdit>
#include <QMutex>
#include <QPushButton>
#include <QTabBar>
#include <QTabWidget>

#include "app/gui/shell/Icons.h"

namespace btcai::gui::test {

namespace {

QMutex g_mutex;
QString g_warnings;
QtMessageHandler g_next = nullptr;

void onMessage(QtMsgType type, const QMessageLogContext& context, const QString& text)
{
    // the machine's, not ours
    const bool environment = text.contains(QLatin1String("XDG_RUNTIME_DIR")) || text.contains(QLatin1String("propagateSizeHints"));
    if ((type == QtWarningMsg || type == QtCriticalMsg) && !environment) {
        const QMutexLocker lock(&g_mutex);
        g_warnings += text + u'\n';
    }
    if (g_next)
        g_next(type, context, text);
}

} // namespace

void failOnWarnings() { g_next = qInstallMessageHandler(onMessage); }

QString takeWarnings()
{
    const QMutexLocker lock(&g_mutex);
    return std::exchange(g_warnings, {});
}

WindowFixture::WindowFixture(QStringList workerArguments, QString workerProgram)
{
    workspace = folder.filePath(QStringLiteral("runs")).toStdString();
    dataFile = folder.filePath(QStringLiteral("bars.csv"));
    QFile file(dataFile);
    if (file.open(QIODevice::WriteOnly))
        file.write("timestamp,open,high,low,close,volume\n1500000000,100,101,99,100,5\n");
    settings = std::make_unique<QSettings>(folder.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat);
    settings->setValue(QStringLiteral("window/theme"), QStringLiteral("light"));
    worker.program = std::move(workerProgram);
    worker.arguments = std::move(workerArguments);
}

MainWindow& WindowFixture::show(QSize size)
{
    window.reset();
    WorkspaceOptions options;
    options.folder = workspace;
    options.worker = worker;
    window = std::make_unique<MainWindow>(WindowContext{*qApp, theme, *settings, dialogs, options, dataFile});
    if (!size.isEmpty())
        window->resize(size);
    window->show();
    if (!QTest::qWaitForWindowExposed(window.get()))
        qFatal("the window does not show");
    return *window;
}

void click(QWidget& parent, const char* buttonName)
{
    auto* const button = find<QAbstractButton>(parent, buttonName);
    if (!button->isVisible() || !button->isEnabled())
        qWarning("%s can't be clicked: visible %d, enabled %d", buttonName, button->isVisible(), button->isEnabled());
    QTest::mouseClick(button, Qt::LeftButton);
}

void type(QWidget& parent, const char* editName, const QString& text)
{
    auto* const edit = find<QLineEdit>(parent, editName);
    edit->setFocus();
    edit->selectAll();
    if (text.isEmpty())
        QTest::keyClick(edit, Qt::Key_Delete);
    else
        QTest::keyClicks(edit, text);
}

void openTab(QWidget& window, const QString& title)
{
    auto* const tabs = find<QTabWidget>(window, "detailTabs");
    for (int i = 0; i < tabs->count(); ++i)
        if (tabs->tabText(i) == title)
            QTest::mouseClick(tabs->tabBar(), Qt::LeftButton, {}, tabs->tabBar()->tabRect(i).center());
    if (tabs->tabText(tabs->currentIndex()) != title)
        qWarning("no tab %s", qPrintable(title));
}

void prepareGuiTest()
{
    loadResources();
    failOnWarnings();
}

int runGuiTest(int argc, char** argv, QObject& test)
{
    prepareGuiTest();
    const int failures = QTest::qExec(&test, argc, argv);
    const QString warnings = takeWarnings();
    if (warnings.isEmpty())
        return failures;
    std::fprintf(stderr, "FAIL!  : logged warnings that no test expects:\n%s\n", qPrintable(warnings));
    return failures + 1;
}

} // namespace btcai::gui::test
