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

    // A store takes several series; what stands in it is added to, never replaced in silence.
    void aStoreIsAddedTo()
    {
        QTemporaryDir folder;
        const QString first = folder.filePath("btcusd.csv"), stored = folder.filePath("all.h5");
        writeText(first, wanderingCsv(500));
        QCOMPARE(runBtcai({"import", first, "-o", stored, "--json"}).json()["stored"]["added"], Json(495));
        QCOMPARE(runBtcai({"import", first, "-o", stored, "--json"}).json()["stored"]["equal"], Json(495));
        // The first bar opens at 02:40, the last at 20:15 of the next day: hours 2 to 44.
        const CliResult hourly = runBtcai({"import", first, "-o", stored, "--resample", "3600", "--json"});
        QVERIFY2(hourly.code == 0 && hourly.json()["stored"]["added"] == 43, hourly.shown());
        const CliResult which = runBtcai({"check", stored});
        QVERIFY2(which.code == 2 && which.says("BTCUSD 300 s, BTCUSD 3600 s"), which.shown());
        QCOMPARE(runBtcai({"check", stored, "--interval", "3600", "--json"}).json()["present"], Json(43));

        writeText(first, wanderingCsv(500, 2));
        const std::string before = readText(stored);
        const CliResult other = runBtcai({"import", first, "-o", stored});
        QVERIFY2(other.code == 2 && other.says("differ from what is stored"), other.shown());
        QVERIFY(readText(stored) == before);
        QCOMPARE(runBtcai({"import", first, "-o", stored, "--replace", "--json"}).json()["stored"]["added"], Json(495));
        QCOMPARE(runBtcai({"check", stored, "--json"}).json()["present"], Json(495));
    }

    // Neither an input nor a file that is no store is ever overwritten.
    void whatIsReadIsNotOverwritten()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("a.csv"), other = folder.filePath("notes.h5");
        writeText(csv, wanderingCsv(400));
        writeText(other, "hello");
        const auto before = filesBelow(folder.path());
        for (const QStringList& arguments : {QStringList{"import", csv, "-o", csv, "--replace"}, {"features", "--data", csv, "--csv", csv},
                                             {"import", csv, "-o", other, "--replace"}, {"import", csv, "-o", other}}) {
            const CliResult result = runBtcai(arguments);
            QVERIFY2(result.code == 2, result.shown());
            QVERIFY(filesBelow(folder.path()) == before);
        }
    }

    // Bars beside the grid are a fault, and seven minutes are no interval; neither becomes a shorter one, mostly missing.
    void anIntervalIsNotInvented()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("a.csv"), stored = folder.filePath("a.h5");
        for (const auto& [first, step, says] : {std::tuple(1514764817, 300, "off-grid"), {1514764800, 420, "420 s is not possible"}}) {
            std::string text = "timestamp,open,high,low,close,volume\n";
            for (int i = 0; i < 400; ++i)
                text += fmt::format("{},1,2,1,2,1\n", first + step * i);
            writeText(csv, text);
            const CliResult result = runBtcai({"import", csv, "-o", stored});
            QVERIFY2(result.code == 2 && result.says(says), result.shown());
        }
    }

    void aFullOutputIsAnError()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("a.csv");
        writeText(csv, wanderingCsv(400));
        for (const char* command : {"check '%1' > /dev/full", "features --list --json > /dev/full", "features --data '%1' --csv - > /dev/full",
                                    "features --data '%1' --csv - 1>/dev/full 2>/dev/full"})
            QCOMPARE(runProgram("sh", {"-c", QString("'" BTCAI_EXECUTABLE "' ") + QString(command).arg(csv)}).code, 3);
    }

    // RSI worked out of the table itself: for prices that only rise it is 100.
    void featuresAreListedAndWritten()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("up.csv"), out = folder.filePath("out.csv");
        std::string text = "timestamp,open,high,low,close,volume\n";
        for (int i = 0; i < 40; ++i)
            text += fmt::format("{},{},{},{},{},1\n", 1'500'000'000LL - 1'500'000'000LL % 300 + 300 * i, 100 + i, 101 + i, 100 + i, 101 + i);
        writeText(csv, text);
        const CliResult written = runBtcai({"features", "--data", csv, "--select", "RSI_14,MOM_10", "--csv", out});
        QVERIFY2(written.code == 0, written.shown());
        const QStringList lines = QString::fromStdString(readText(out)).split('\n', Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), 41);
        QCOMPARE(lines[0], QString("timestamp,RSI_14,MOM_10"));
        QCOMPARE(lines[1], QString::number(1'500'000'000LL - 1'500'000'000LL % 300) + ",,");
        QVERIFY2(lines.last().endsWith(",100,10"), qPrintable(lines.last()));

        const Json list = runBtcai({"features", "--list", "--json"}).json();
        QVERIFY(list["features"].size() >= 100 && list["catalogue_version"].get<int>() >= 2);
        for (const Json& feature : list["features"])
            for (const char* key : {"name", "group", "formula", "source", "parameters", "warm_up", "range", "reference"})
                QVERIFY2(feature.contains(key), key);
        const CliResult unknown = runBtcai({"features", "--data", csv, "--select", "statistical", "--csv", "-"});
        QVERIFY2(unknown.code == 2 && unknown.says("\"statistics\""), unknown.shown());
    }

    void causalityCanBeChecked()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath("a.csv");
        writeText(csv, wanderingCsv(800));
        const CliResult result = runBtcai({"check", "--causality", "--data", csv, "--select", "default,level", "--json"});
        QVERIFY2(result.code == 0 && result.json()["passed"] == true, result.shown());
    }

    // Downloads are the business of the program beside it, with its own options and exit codes.
    void fetchIsPassedOn()
    {
        const CliResult help = runBtcai({"fetch", "--help"});
        QVERIFY2(help.code == 0 && help.out.contains("--exchange"), help.shown());
        const CliResult usage = runBtcai({"fetch", "--exchange", "nowhere"});
        QVERIFY2(usage.code != 0, usage.shown());
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

    // Scripts see by the exit code that data are readable and unfit.
    void checkTellsUnfitDataByItsExitCode()
    {
        const QString folder = QStringLiteral(BTCAI_FIXTURES "/data/dirty");
        QCOMPARE(runBtcai({"check", folder + "/cryptodatadownload-bitstamp-1h-volume-columns-swapped.csv.gz"}).code, 8);
        QCOMPARE(runBtcai({"check", folder + "/bitfinex-1m-ochl-2016-08-eight-day-gap.csv.gz"}).code, 0); // a halt of the exchange, a warning
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
