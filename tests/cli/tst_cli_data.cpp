#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::test;

class TestCliData : public QObject {
    Q_OBJECT

private slots:
    // 500 rows less every hundredth: 495 bars, 5 gaps of one. The stored series tells the same as the file it came from.
    void whatIsImportedIsThereToCheck()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("btcusd.csv"), stored = folder.filePath("btcusd.h5");
        writeText(csv, wanderingCsv(500));
        const CliResult imported = runBtcai({"import", csv, "-o", stored, "--json"});
        QVERIFY2(imported.code == 0, imported.shown());
        const Json report = imported.json();
        QVERIFY(report["rows_read"] == 495 && report["gaps"] == 5 && report["missing_bars"] == 5 && report["interval_s"] == 300);
        QCOMPARE(report["first_time"].get<std::int64_t>(), std::int64_t{1'500'000'000});
        QCOMPARE(report["last_time"].get<std::int64_t>(), std::int64_t{1'500'000'000 + 499 * 300});

        const CliResult fromCsv = runBtcai({"check", csv, "--json"}), fromStore = runBtcai({"check", stored, "--json"});
        QVERIFY2(fromCsv.code == 0 && fromStore.code == 0, fromStore.shown());
        Json quality = fromCsv.json();
        Json stores = fromStore.json();
        QVERIFY(quality["import"]["format"] == "plain-csv" && stores["import"]["format"] == "bar-store");
        quality.erase("import"); // where each came from
        stores.erase("import");
        QVERIFY(quality == stores);
        QVERIFY(quality["expected"] == 500 && quality["present"] == 495 && quality["missing"] == 5 && quality["gaps"] == 5);

        const CliResult text = runBtcai({"check", stored});
        QVERIFY2(text.code == 0 && text.out.contains("495"), text.shown());
        const CliResult spoken = runBtcai({"import", csv, "-o", stored});
        QVERIFY2(spoken.code == 0 && spoken.out.contains("495 bars of 300 s") && spoken.out.contains("5 gaps with 5 missing bars"), spoken.shown());
    }

    void aDamagedStoreIsRefused()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("a.csv"), stored = folder.filePath("a.h5");
        writeText(csv, wanderingCsv(500));
        QCOMPARE(runBtcai({"import", csv, "-o", stored}).code, 0);
        const std::string whole = readText(stored);
        writeText(stored, whole.substr(0, whole.size() / 2));
        const CliResult result = runBtcai({"check", stored});
        QVERIFY2((result.code == 4 || result.code == 2) && result.says("a.h5"), result.shown());
    }

    // Where the output cannot be written nothing stands there afterwards, and an older file stays.
    void anImportThatFailsLeavesTheOldFile()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("a.csv"), stored = folder.filePath("a.h5");
        writeText(csv, wanderingCsv(500));
        QCOMPARE(runBtcai({"import", csv, "-o", stored}).code, 0);
        const std::string before = readText(stored);
        writeText(csv, wanderingCsv(500) + "garbage\n");
        const CliResult result = runBtcai({"import", csv, "-o", stored});
        QVERIFY2(result.code == 2 && result.says("a.csv: line 497"), result.shown());
        QVERIFY(readText(stored) == before);
        QCOMPARE(filesBelow(folder.path()).size(), std::size_t{2});
        const CliResult nowhere = runBtcai({"import", csv, "-o", folder.filePath("none/a.h5")});
        QVERIFY2(nowhere.code == 2 || nowhere.code == 3, nowhere.shown());
    }
};

QTEST_GUILESS_MAIN(TestCliData)
#include "tst_cli_data.moc"
