#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include <QSettings>
#include <QStringList>
#include <QTemporaryDir>
#include <QTest>

#include "app/gui/shell/Dialogs.h"
#include "app/gui/shell/MainWindow.h"
#include "app/gui/shell/Theme.h"

namespace btcai::gui::test {

/// Fails the test that runs when a warning or an error is logged which no test announced. Install once per program.
void failOnWarnings();
/// Warnings so far that nobody announced; a test's cleanup() compares it with "".
QString takeWarnings();

/// Answers in a person's place and remembers what was asked.
class ScriptedDialogs : public Dialogs {
public:
    QString openFile(QWidget*, const QString&, const QString&, const QString&) override { return nextPath; }
    QString openFolder(QWidget*, const QString&, const QString&) override { return nextPath; }
    QString saveFile(QWidget*, const QString&, const QString& suggestion, const QString&) override
    {
        lastSuggestion = suggestion;
        return nextPath;
    }
    bool confirm(QWidget*, const QString&, const QString& question, const QString&) override
    {
        questions << question;
        return nextAnswer;
    }
    void showError(QWidget*, const QString&, const QString& text) override { errors << text; }

    QString nextPath, lastSuggestion;
    bool nextAnswer = true;
    QStringList questions, errors;
};

/// Everything that a window needs, in a folder of its own that goes away with it.
struct WindowFixture {
    explicit WindowFixture(QStringList workerArguments = {QStringLiteral("hello"), QStringLiteral("serve")},
                           QString workerProgram = QStringLiteral(BTCAI_FAKE_WORKER));
    /// Shows a window; an earlier one of this fixture is destroyed first.
    MainWindow& show(QSize size = {1280, 800});

    QTemporaryDir folder;
    std::filesystem::path workspace;
    QString dataFile; ///< an existing CSV of a few bars
    std::unique_ptr<QSettings> settings;
    ScriptedDialogs dialogs;
    Theme theme;
    WorkerOptions worker;
    std::unique_ptr<MainWindow> window;
};

template <typename Widget> Widget* find(QObject& parent, const char* name)
{
    auto* const found = parent.findChild<Widget*>(QLatin1String(name));
    if (!found)
        qFatal("no %s", name);
    return found;
}

/// A real click in the middle of a button.
void click(QWidget& parent, const char* buttonName);
/// Types over what a line edit holds.
void type(QWidget& parent, const char* editName, const QString& text);
/// Opens the details tab of that title by a click on it.
void openTab(QWidget& window, const QString& title);

/// Resources and the handler of warnings.
void prepareGuiTest();
int runGuiTest(int argc, char** argv, QObject& test);

} // namespace btcai::gui::test

/// As QTEST_MAIN, with the application set up as the program's own.
#define BTCAI_GUI_TEST(Test)                                                                                               \
    int main(int argc, char** argv)                                                                                        \
    {                                                                                                                      \
        QApplication application(argc, argv);                                                                              \
        Test test;                                                                                                         \
        return btcai::gui::test::runGuiTest(argc, argv, test);                                                             \
    }
