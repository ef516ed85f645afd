// Past runs: found without being read, opened when looked at; bad folders are named, never fatal.
#include <fstream>

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include "GuiTest.h"
#include "RecordedRun.h"
#include "agent/protocol/Codec.h"
#include "app/gui/training/EvaluationModel.h"
#include "app/gui/training/RunModel.h"
#include "app/gui/training/RunRegistry.h"
#include "app/gui/training/TradesModel.h"

using namespace btcai;
using namespace btcai::gui;
using namespace btcai::gui::test;
using WorkerState = btcai::protocol::WorkerState;

class RunListTest : public QObject {
    Q_OBJECT
private slots:
    void aSummaryIsRightWithoutReadingTheWholeRecord()
    {
        QTemporaryDir folder;
        const std::filesystem::path run = folder.filePath("r").toStdString();
        writeRunFolder(run, {.iterations = 33, .last = WorkerState::Stopped, .bucket = "short"});
        const RunSummary summary = summarizeRun(run);
        QCOMPARE(summary.name, "r");
        QCOMPARE(summary.bucket, "short");
        QCOMPARE(summary.step, 33 * 32768);
        QCOMPARE(summary.totalSteps, 60 * 32768);
        QCOMPARE(summary.lastState, WorkerState::Stopped);
        QVERIFY(summary.hasCheckpoint);
        QVERIFY(summary.stepsPerSecond);
        QVERIFY(summary.changed.secsTo(QDateTime::currentDateTimeUtc()) < 100);
    }

    void aSummaryOfALongRecordReadsItsEndsOnly()
    {
        QTemporaryDir folder;
        const std::filesystem::path run = folder.filePath("r").toStdString();
        writeRunFolder(run);
        {
            std::ofstream record(run / "events.jsonl", std::ios::app);
            record << protocol::encode(protocol::Hello{}) << '\n' << protocol::encode(protocol::Resumed{100, "c"}) << '\n';
            protocol::Metrics m;
            m.totalSteps = 5000000;
            for (int i = 0; i < 20000; ++i) {
                m.step = 100 + i;
                record << protocol::encode(m) << '\n';
            }
        }
        const RunSummary summary = summarizeRun(run);
        QCOMPARE(summary.step, 20099);
        QCOMPARE(summary.totalSteps, 5000000);
        QCOMPARE(summary.bucket, "scalping");
    }

    void badFoldersAreListedWithWhatIsKnown()
    {
        QTemporaryDir folder;
        const std::filesystem::path root = folder.path().toStdString();
        std::filesystem::create_directories(root / "no run");
        std::filesystem::create_directories(root / "garbage");
        std::ofstream(root / "garbage" / "events.jsonl") << "\x01\x02 no json\n{\"type\":5}\n";
        std::filesystem::create_directories(root / "config only");
        std::ofstream(root / "config only" / "run.toml") << "bucket = \"long\"\n";
        const std::vector<RunSummary> found = scanWorkspace(root);
        QCOMPARE(found.size(), std::size_t{2});
        for (const RunSummary& summary : found) {
            QVERIFY(!summary.lastState);
            QCOMPARE(summary.bucket, summary.name == "config only" ? "long" : "");
        }
        QVERIFY(scanWorkspace(root / "missing").empty());
    }

    void theStateOfAPastRunIsHonest_data()
    {
        QTest::addColumn<int>("last");
        QTest::addColumn<QString>("text");
        QTest::newRow("finished") << int(WorkerState::Finished) << "finished";
        QTest::newRow("stopped") << int(WorkerState::Stopped) << "stopped";
        QTest::newRow("failed") << int(WorkerState::Failed) << "failed";
        QTest::newRow("no end is no crash") << int(WorkerState::Running) << "interrupted";
    }
    void theStateOfAPastRunIsHonest()
    {
        QFETCH(int, last);
        QTemporaryDir folder;
        writeRunFolder(folder.filePath("r").toStdString(), {.iterations = 5, .last = WorkerState(last)});
        Run run(summarizeRun(folder.filePath("r").toStdString()));
        QTEST(run.statusText(), "text");
        QCOMPARE(run.canResumeFromDisk(), WorkerState(last) != WorkerState::Finished);
    }

    void withoutACheckpointThereIsNothingToResume()
    {
        QTemporaryDir folder;
        writeRunFolder(folder.filePath("r").toStdString(), {.iterations = 5, .last = WorkerState::Running, .withCheckpoint = false});
        std::filesystem::remove_all(folder.filePath("r").toStdString() + "/checkpoints");
        QVERIFY(!Run(summarizeRun(folder.filePath("r").toStdString())).canResumeFromDisk());
    }

    void modelFollowsTheWorkspace()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "a");
        RunRegistry registry(options(fixture));
        Theme theme;
        RunModel model(registry, theme);
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        QSignalSpy scanned(&registry, &RunRegistry::scanned);
        registry.rescan();
        QTRY_COMPARE(scanned.count(), 1);
        QCOMPARE(model.rowCount(), 1);
        writeRunFolder(fixture.workspace / "b", {.iterations = 12, .last = WorkerState::Failed, .bucket = "long"});
        QTRY_COMPARE(model.rowCount(), 2); // the watcher sees the new folder
        QTRY_COMPARE(registry.at(0)->summary().name, "b");
        QCOMPARE(model.index(0, RunModel::BucketColumn).data().toString(), "long");
        QCOMPARE(model.index(0, RunModel::Progress).data().toString(), "20.0 %");
        QCOMPARE(model.index(1, RunModel::Status).data().toString(), "finished");
        QVERIFY(model.index(1, RunModel::Validation).data().toString().endsWith(" %"));
        registry.rescan();
        QTRY_VERIFY(scanned.count() >= 2);
        QCOMPARE(model.rowCount(), 2);
    }

    void openingReadsTheRecordAndABadLineIsNamed()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "a");
        std::ofstream(fixture.workspace / "a" / "events.jsonl", std::ios::app) << "{\"type\":\"gossip\"}\n";
        RunRegistry registry(options(fixture));
        Run* const run = registry.addFolder(fixture.workspace / "a");
        QVERIFY(!run->store());
        registry.open(run);
        QTRY_VERIFY(run->store());
        QCOMPARE(run->store()->series("entropy")->size(), std::size_t{60}); // what came before it is shown
        QVERIFY(run->log().lines().back().text.contains("events.jsonl:"));
        QVERIFY(run->log().lines().back().text.contains("gossip"));
        QCOMPARE(run->log().lines().back().level, LogLevel::Error);
        QCOMPARE(registry.addFolder(fixture.workspace / "a"), run); // once only
    }

    void aTornLastLineIsNoError()
    {
        WindowFixture fixture;
        writeRunFolder(fixture.workspace / "a", {.iterations = 20, .last = WorkerState::Running});
        std::ofstream(fixture.workspace / "a" / "events.jsonl", std::ios::app) << "{\"type\":\"metrics\",\"iter";
        RunRegistry registry(options(fixture));
        Run* const run = registry.addFolder(fixture.workspace / "a");
        registry.open(run);
        QTRY_VERIFY(run->store());
        QCOMPARE(run->store()->series("entropy")->size(), std::size_t{20});
        for (const LogLine& line : run->log().lines())
            QVERIFY(line.level != LogLevel::Error);
    }

    void aFolderThatIsNoRunIsRefused()
    {
        WindowFixture fixture;
        RunRegistry registry(options(fixture));
        QVERIFY_EXCEPTION_THROWN(registry.addFolder(fixture.folder.path().toStdString()), std::exception);
        QCOMPARE(registry.size(), 0);
    }

    void onlySoManyPastRunsStayInMemory()
    {
        WindowFixture fixture;
        RunRegistry registry(options(fixture));
        for (int i = 0; i < 15; ++i) {
            const auto path = fixture.workspace / std::to_string(i);
            writeRunFolder(path, {.iterations = 2, .trades = 0});
            Run* const run = registry.addFolder(path);
            registry.open(run);
            QTRY_VERIFY(run->store());
        }
        int loaded = 0;
        for (int i = 0; i < registry.size(); ++i)
            loaded += registry.at(i)->store() ? 1 : 0;
        QCOMPARE(loaded, int(RunRegistry::kMaxOpenPastRuns));
    }

    void namesOfRuns()
    {
        WindowFixture fixture;
        WorkspaceOptions with = options(fixture);
        with.nowUtc = [] { return QDateTime(QDate(2026, 1, 5), QTime(10, 0), Qt::UTC); };
        RunRegistry registry(with);
        QCOMPARE(registry.freshName(defaultConfig(Bucket::Long)), "long-20260105-100000-s1");
        std::filesystem::create_directories(fixture.workspace / "long-20260105-100000-s1");
        QCOMPARE(registry.freshName(defaultConfig(Bucket::Long)), "long-20260105-100000-s1-2");
        for (const char* bad : {"../x", "a/b", ".hidden", "tab\there"})
            QVERIFY2(!registry.nameProblem(bad).isEmpty(), bad);
        QVERIFY(registry.nameProblem("Fees 10 bps, no").contains("letters"));
        QVERIFY(registry.nameProblem("fees-10_bps 2.5").isEmpty());
    }

    void tradesAndEvaluationModelsAreSound()
    {
        Theme theme;
        TradesModel trades(theme);
        EvaluationModel evaluation;
        const QAbstractItemModelTester first(&trades, QAbstractItemModelTester::FailureReportingMode::QtTest);
        const QAbstractItemModelTester second(&evaluation, QAbstractItemModelTester::FailureReportingMode::QtTest);
        RunStore store;
        for (const protocol::Event& event : recordedEvents({.iterations = 20})) {
            store.apply(event);
            trades.follow(&store, 1);
        }
        QCOMPARE(trades.rowCount(), 80);
        QVERIFY(!trades.follow(&store, 1));
        QVERIFY2(trades.summary().startsWith("latest: 40 trades on the validation part at step 655 k"), qPrintable(trades.summary()));
        store.apply(protocol::Resumed{10 * 32768, "c"});
        QVERIFY(trades.follow(&store, 1));
        QCOMPARE(trades.rowCount(), 40);
        protocol::Trade trade;
        for (std::size_t i = 0; i < RunStore::kMaxTrades + 100; ++i) {
            store.apply(trade);
            if (i % 37 == 0)
                trades.follow(&store, 1);
        }
        trades.follow(&store, 1);
        QCOMPARE(trades.rowCount(), int(RunStore::kMaxTrades));
        trades.follow(nullptr, 2);
        QCOMPARE(trades.rowCount(), 0);

        protocol::EvaluationRow sampled;
        sampled.name = "agent (sampled)";
        sampled.totalReturn = 0.0312;
        sampled.standardError = 0.011;
        sampled.trades = 3;
        sampled.winRate = 0.5;
        protocol::EvaluationRow cash;
        cash.name = "cash";
        QVERIFY(evaluation.setRows({sampled, cash}));
        QVERIFY(!evaluation.setRows({sampled, cash}));
        QCOMPARE(evaluation.index(0, 1).data().toString(), "+3.12 ± 1.10 %");
        QCOMPARE(evaluation.index(1, 1).data().toString(), "0.00 %");
        QCOMPARE(evaluation.index(1, 7).data().toString(), "—"); // no win rate without a trade
    }

private:
    static WorkspaceOptions options(const WindowFixture& fixture)
    {
        WorkspaceOptions options;
        options.folder = fixture.workspace;
        options.worker = fixture.worker;
        return options;
    }
};

BTCAI_GUI_TEST(RunListTest)
#include "tst_run_list.moc"
