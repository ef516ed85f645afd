// The real window, driven by real clicks, with a helper in the worker's place.
#include <algorithm>
#include <csignal>
#include <set>

#include <QAbstractItemModelTester>
#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTableView>
#include <QTextBrowser>
#include <QThread>

#include "GuiTest.h"
#include "RecordedRun.h"
#include "app/gui/charts/ChartGrid.h"
#include "app/gui/charts/TimeSeriesChart.h"
#include "app/gui/training/RunForm.h"
#include "app/gui/training/RunRegistry.h"
#include "app/gui/training/RunTable.h"
#include "app/gui/training/TrainingTab.h"

using namespace btcai;
using namespace btcai::gui;
using namespace btcai::gui::test;

class WindowTest : public QObject {
    Q_OBJECT
private slots:
    void cleanup() { QCOMPARE(takeWarnings(), QString()); }

    void aRunIsStartedPausedResumedAndStoppedByClicks()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        const QAbstractItemModelTester tester(find<RunTable>(window, "runTable")->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        click(window, "startButton");
        auto* const chart = find<TimeSeriesChart>(window, "episodeReturnChart");
        QTRY_VERIFY(chart->pointCount(0) > 3);
        QTRY_COMPARE(status(window), "running");
        QCOMPARE(find<QLabel>(window, "summaryLabel")->text(), "1 live  ·  1 in all");

        click(window, "pauseButton");
        QTRY_COMPARE(status(window), "paused");
        QTRY_VERIFY(!chart->refresh());
        Run& run = *window.registry().at(0);
        const auto step = run.store()->step();
        const auto revision = run.revision();
        QTRY_VERIFY(run.revision() > revision + 3); // heartbeats come, steps stand still
        QCOMPARE(run.store()->step(), step);
        QVERIFY(!find<QPushButton>(window, "pauseButton")->isVisible());

        click(window, "resumeButton");
        QTRY_VERIFY(run.store()->step() > step);
        click(window, "checkpointButton");
        QTRY_VERIFY(run.store()->lastCheckpoint());
        click(window, "stopButton");
        QTRY_COMPARE(window.registry().liveCount(), 0);
        QCOMPARE(status(window), "stopped");
        openTab(window, "Log");
        QTRY_VERIFY(find<QPlainTextEdit>(window, "logText")->toPlainText().contains("worker stopped"));
    }

    void coresAreShared()
    {
        QCOMPARE(RunRegistry::threadsBeside(0, 8), std::int64_t{0}); // all of them
        QCOMPARE(RunRegistry::threadsBeside(1, 8), std::int64_t{4});
        QCOMPARE(RunRegistry::threadsBeside(2, 8), std::int64_t{2});
        QCOMPARE(RunRegistry::threadsBeside(9, 8), std::int64_t{1});
    }

    void severalRunsGoAtOnce()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        for (const char* name : {"one", "two", "three"}) {
            type(window, "runName", name);
            click(window, "startButton");
        }
        RunRegistry& registry = window.registry();
        QCOMPARE(registry.size(), 3);
        for (int i = 0; i < 3; ++i)
            QTRY_VERIFY(registry.at(i)->store()->metrics());
        QCOMPARE(registry.liveCount(), 3);
        for (int i = 0; i < 3; ++i) { // the latest first: each an equal share of the cores beside those that were live
            const auto& notices = registry.at(i)->store()->notices();
            QVERIFY(std::ranges::any_of(notices, [i](const protocol::Notice& n) {
                return n.message == "threads = " + std::to_string(RunRegistry::threadsBeside(2 - i, QThread::idealThreadCount()));
            }));
        }
        QCOMPARE(find<QLabel>(window, "selectedRunName")->text(), "three");
        registry.at(1)->kill(); // one going down takes nobody along
        QTRY_COMPARE(registry.liveCount(), 2);
        QCOMPARE(registry.at(1)->statusText(), "crashed (killed by signal 9, SIGKILL)");
        const auto step = registry.at(0)->store()->step();
        QTRY_VERIFY(registry.at(0)->store()->step() > step);
    }

    void aCrashedRunIsShownAndResumedByAButton()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        type(window, "runName", "fragile");
        click(window, "startButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY(run.store()->metrics());
        writeRunFolder(fixture.workspace / "fragile", {.iterations = 20, .last = protocol::WorkerState::Running}); // what a real worker leaves
        ::kill(static_cast<pid_t>(run.store()->hello()->pid), SIGKILL);
        QTRY_COMPARE(status(window), "crashed (killed by signal 9, SIGKILL)");
        auto* const resume = find<QPushButton>(window, "resumeFromDiskButton");
        QTRY_VERIFY(resume->isVisible() && resume->isEnabled());
        QVERIFY(find<QLabel>(window, "selectedRunDetail")->text().contains("checkpoint"));
        click(window, "resumeFromDiskButton");
        QTRY_COMPARE(status(window), "running");
    }

    void brokenWorkersAreReported_data()
    {
        QTest::addColumn<QStringList>("script");
        QTest::addColumn<QString>("says");
        QTest::newRow("another version") << QStringList{"hello-version", "2", "hang"} << "protocol version 2";
        QTest::newRow("garbage") << QStringList{"hello", "garbage", "hang"} << "broke the protocol";
        QTest::newRow("exit code") << QStringList{"hello", "log", "no such device", "exit", "3"} << "exit code 3: no such device";
    }
    void brokenWorkersAreReported()
    {
        QFETCH(QStringList, script);
        QFETCH(QString, says);
        WindowFixture fixture(script);
        MainWindow& window = fixture.show();
        click(window, "startButton");
        QTRY_VERIFY2(status(window).contains(says), qPrintable(status(window)));
        QVERIFY(!find<QPushButton>(window, "resumeFromDiskButton")->isEnabled()); // there is no checkpoint
        openTab(window, "Log");
        QTRY_VERIFY(find<QPlainTextEdit>(window, "logText")->toPlainText().contains(says));
    }

    void aMissingWorkerProgramIsReported()
    {
        WindowFixture fixture({}, "/nowhere/btcai");
        MainWindow& window = fixture.show();
        click(window, "startButton");
        QTRY_VERIFY(status(window).contains("cannot start /nowhere/btcai"));
    }

    void pastRunsAreListedAndOpened()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "old");
        MainWindow& window = fixture.show();
        QTRY_COMPARE(find<QLabel>(window, "selectedRunName")->text(), "old");
        QTRY_COMPARE(find<TimeSeriesChart>(window, "entropyChart")->pointCount(0), std::size_t{60});
        QTRY_VERIFY(find<TimeSeriesChart>(window, "validationChart")->pointCount(2) == 6);
        openTab(window, "Equity");
        auto* const table = find<QTableView>(window, "evaluationTable");
        QTRY_COMPARE(table->model()->rowCount(), 4);
        QVERIFY(table->model()->index(0, 1).data().toString().contains("±"));
        auto* const part = find<QComboBox>(window, "partSelector");
        const QString validation = find<QLabel>(window, "equityCaption")->text();
        part->setFocus();
        QTest::keyClick(part, Qt::Key_Down);
        QTRY_VERIFY(find<QLabel>(window, "equityCaption")->text() != validation);
        QVERIFY(find<TimeSeriesChart>(window, "equityChart")->pointCount(2) > 0);
        openTab(window, "Forecast");
        auto* const horizon = find<QComboBox>(window, "horizonSelector");
        QTRY_COMPARE(horizon->count(), 3);
        QTRY_VERIFY(find<QLabel>(window, "forecastQuality")->text().contains("300 decisions"));
        auto* const calibration = find<QLabel>(window, "forecastCalibration");
        QVERIFY(calibration->isVisible());
        for (const char* said : {"90 % intervals held 76", "90.5", "validation part, calibrated on its first half", "0.19 % noise of the market", "0.06 % unknown to the agent"})
            QVERIFY2(calibration->text().contains(said), calibration->text().toUtf8());
        openTab(window, "Trades");
        auto* const trades = find<QTableView>(window, "tradesTable");
        QTRY_COMPARE(trades->model()->rowCount(), 240);
        openTab(window, "Log");
        QTRY_VERIFY(find<QPlainTextEdit>(window, "logText")->toPlainText().contains("12 gaps"));
    }

    // A run that is over wakes nobody: the charts that were out of sight are drawn when somebody scrolls to them, however late.
    void chartsThatComeIntoSightAreDrawn()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "over");
        MainWindow& window = fixture.show();
        auto* const table = find<RunTable>(window, "runTable");
        QTRY_COMPARE(table->model()->rowCount(), 1);
        table->select(window.registry().at(0));
        QTRY_VERIFY(find<TimeSeriesChart>(window, "episodeReturnChart")->pointCount(0) > 0);
        auto* const below = find<TimeSeriesChart>(window, "entropyCoefficientChart");
        QTest::qWait(2000); // the timer sleeps by then
        QCOMPARE(below->pointCount(0), std::size_t{0});
        find<ChartGrid>(window, "learningPanel")->ensureWidgetVisible(below);
        QTRY_VERIFY(below->pointCount(0) > 0);
    }

    // Replay, exploration and memory are charted for the run that tells of them; for the other they take no place.
    void whatARunLearnsByBesidesIsChartedWhereItIsTold()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "plain");
        writeRunFolder(fixture.workspace / "with", {.withMechanisms = true});
        MainWindow& window = fixture.show();
        auto* const table = find<RunTable>(window, "runTable");
        QTRY_COMPARE(table->model()->rowCount(), 2);
        const auto look = [&](const std::string& name) {
            for (int row = 0; row < 2; ++row)
                if (window.registry().at(row)->summary().name == QString::fromStdString(name))
                    table->select(window.registry().at(row));
        };
        const auto chart = [&](const char* name) { return find<TimeSeriesChart>(window, name); };
        look("with");
        for (const char* name : {"replayChart", "familiarityChart", "memoryChart", "recalledChart"})
            QTRY_VERIFY(!chart(name)->isHidden());
        auto* const grid = find<ChartGrid>(window, "learningPanel");
        const auto pointsOf = [&](const char* name) { // looked for again while the grid is still being laid out
            grid->ensureWidgetVisible(chart(name));
            return chart(name)->pointCount(0);
        };
        QTRY_COMPARE(pointsOf("memoryChart"), std::size_t{60});
        std::set<std::pair<int, int>> places;
        for (const TimeSeriesChart* each : grid->charts())
            QVERIFY2(places.emplace(each->y(), each->x()).second, "two charts at one place");
        look("plain");
        for (const char* name : {"replayChart", "familiarityChart", "memoryChart", "recalledChart"})
            QTRY_VERIFY(chart(name)->isHidden());
        QTRY_COMPARE(pointsOf("entropyCoefficientChart"), std::size_t{60});
    }

    void aRunFolderElsewhereIsOpened()
    {
        WindowFixture fixture;
        const std::filesystem::path elsewhere = fixture.folder.filePath("elsewhere/r7").toStdString();
        writeRunFolder(elsewhere);
        MainWindow& window = fixture.show();
        fixture.dialogs.nextPath = QString::fromStdString(elsewhere.string());
        find<QAction>(window, "openRunAction")->trigger();
        QTRY_COMPARE(find<TimeSeriesChart>(window, "entropyChart")->pointCount(0), std::size_t{60});
        fixture.dialogs.nextPath = fixture.folder.path();
        find<QAction>(window, "openRunAction")->trigger();
        QCOMPARE(fixture.dialogs.errors.size(), 1);
        QVERIFY(fixture.dialogs.errors[0].contains("not a run folder"));
    }

    void theLogIsFilteredAndSearched()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "old");
        MainWindow& window = fixture.show();
        openTab(window, "Log");
        auto* const text = find<QPlainTextEdit>(window, "logText");
        QTRY_VERIFY(text->toPlainText().contains("training starts"));
        auto* const level = find<QComboBox>(window, "logLevel");
        level->setFocus();
        QTest::keyClick(level, Qt::Key_End);
        QTRY_COMPARE(text->toPlainText(), "2026-01-05T10:00:01.200Z warning  [9:9] Trainer.cpp:13 f: 12 gaps in the market data");
        type(window, "logSearch", "gaps");
        QTest::keyClick(find<QLineEdit>(window, "logSearch"), Qt::Key_Return);
        QCOMPARE(text->textCursor().selectedText(), "gaps");
    }

    void liveSettingsAreSent()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        type(window, "runName", "live");
        click(window, "startButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY(run.store()->metrics());
        writeRunFolder(fixture.workspace / "live"); // run.toml, as a real worker writes it
        click(window, "pauseButton");
        QTRY_COMPARE(status(window), "paused");
        openTab(window, "Settings");
        auto* const settings = find<QWidget>(window, "liveSettings");
        auto* const apply = find<QPushButton>(*settings, "applySettingsButton");
        QTRY_VERIFY(apply->isVisible());
        QVERIFY(!apply->isEnabled());
        type(*settings, "ppo.clip_range", "9");
        QVERIFY(!apply->isEnabled()); // out of range
        type(*settings, "ppo.clip_range", "0.1");
        QVERIFY(apply->isEnabled());
        click(*settings, "applySettingsButton");
        QTRY_VERIFY(std::ranges::any_of(run.log().lines(), [](const LogLine& l) { return l.text == "ppo.clip_range is now 0.1"; }));
    }

    void closingAsksThenStopsThenCloses()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        click(window, "startButton");
        click(window, "startButton");
        QTRY_VERIFY(window.registry().at(0)->store()->metrics() && window.registry().at(1)->store()->metrics());
        fixture.dialogs.nextAnswer = false;
        window.close();
        QVERIFY(window.isVisible());
        QCOMPARE(fixture.dialogs.questions, QStringList("Checkpoint and stop 2 runs, then close?"));
        QCOMPARE(window.registry().liveCount(), 2);
        fixture.dialogs.nextAnswer = true;
        window.close();
        QTRY_VERIFY(!window.isVisible());
        QCOMPARE(window.registry().liveCount(), 0);
        for (int i = 0; i < 2; ++i)
            QCOMPARE(window.registry().at(i)->statusText(), "stopped");
    }

    void aWorkerThatIgnoresStopCanBeEnded()
    {
        WindowFixture fixture({"hello", "await", "start", "state", "preparing", "hang"});
        MainWindow& window = fixture.show();
        click(window, "startButton");
        QTRY_COMPARE(status(window), "preparing");
        window.close();
        QVERIFY(window.isVisible());
        QVERIFY(find<QLabel>(window, "summaryLabel")->text().contains("stopping 1 run"));
        window.close();
        QCOMPARE(fixture.dialogs.questions.size(), 2);
        QTRY_VERIFY(!window.isVisible());
    }

    void theWindowIsRemembered()
    {
        WindowFixture fixture;
        {
            MainWindow& window = fixture.show();
            type(window, "seed", "77");
            find<QAction>(window, "theme.dark")->trigger();
            QVERIFY(fixture.theme.isDark());
            openTab(window, "Trades");
            window.resize(1100, 777);
            window.close();
        }
        MainWindow& window = fixture.show({});
        QCOMPARE(find<QLineEdit>(window, "seed")->text(), "77");
        QVERIFY(fixture.theme.isDark());
        QVERIFY(find<QTableView>(window, "tradesTable")->isVisible());
        QCOMPARE(window.height(), 777);
        find<QAction>(window, "theme.light")->trigger();
        QVERIFY(!fixture.theme.isDark());
    }

    void helpTellsOfEverySetting()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        find<QAction>(window, "settingsReferenceAction")->trigger();
        QTRY_VERIFY(window.findChild<QTextBrowser*>("helpText"));
        QVERIFY(window.findChild<QTextBrowser*>("helpText")->toPlainText().contains("ppo.clip_range"));
    }

private:
    static QString status(MainWindow& window) { return find<QLabel>(window, "selectedRunStatus")->text(); }
};

BTCAI_GUI_TEST(WindowTest)
#include "tst_window.moc"
