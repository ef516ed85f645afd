#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::test;

// Bad input on the command line: a clear message, a stable exit code, nothing half-written.
class TestCliErrors : public QObject {
    Q_OBJECT

private slots:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void usage()
    {
        const CliResult version = runBtcai({"--version"});
        QVERIFY(version.code == 0 && version.out.startsWith("btcai "));
        for (const QStringList& wrong : {QStringList(), QStringList{"train", "--run", "x", "--speed", "3"}}) {
            const CliResult result = runBtcai(wrong);
            QVERIFY2(result.code == 1 && result.err.startsWith("btcai: ") && result.out.isEmpty(), result.shown());
            QVERIFY(result.says("btcai --help"));
        }
        // Help tells every field with its unit.
        const CliResult help = runBtcai({"train", "--help"});
        QVERIFY(help.code == 0 && help.out.contains("--ppo.clip_range") && help.out.contains("--steps") && help.out.contains("[bps]"));
    }

    void aBadRowIsNamed_data() { commandsOnData(); }
    void aBadRowIsNamed()
    {
        const QString data = path("prices.csv");
        writeText(data, "timestamp,open,high,low,close,volume\n300,10,12,8,11,5\n600,11,13,9,12,5\n900,11,13x,9,12,5\n1200,11,13,9,12,5\n");
        const CliResult result = runOn(data);
        QVERIFY2(result.code == 2, result.shown());
        QVERIFY2(result.says("prices.csv: line 4: high is \"13x\", not a number"), result.shown());
        QCOMPARE(filesBelow(m_folder->path()).size(), std::size_t{1}); // the CSV file alone
        QVERIFY(!QFileInfo::exists(path("run")));
    }

    void whatIsNoDataSetIsRefused_data() { commandsOnData(); }
    void whatIsNoDataSetIsRefused()
    {
        const QString data = path("picture.png");
        writeText(data, std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16));
        const CliResult result = runOn(data);
        QVERIFY2(result.code == 2 && result.says("picture.png") && result.says("is not a data set"), result.shown());
        QCOMPARE(filesBelow(m_folder->path()).size(), std::size_t{1});
        QVERIFY(!QFileInfo::exists(path("run")));
    }

    void aMissingFileIsNamed_data() { commandsOnData(); }
    void aMissingFileIsNamed()
    {
        const CliResult result = runOn(path("none.csv"));
        QVERIFY2(result.code == 3 && result.says("none.csv"), result.shown());
        QVERIFY(filesBelow(m_folder->path()).empty() && !QFileInfo::exists(path("run")));
    }

    // Too short for the look-back window: found only when the features are there. A corrected second try must find the way free.
    void tooLittleDataLeavesNoRunBehind()
    {
        const QString data = path("prices.csv");
        writeText(data, wanderingCsv(60));
        const CliResult result = runBtcai(QStringList{"train", "--data", data, "--run", path("run")} + tinyRun());
        QVERIFY2(result.code == 2, result.shown());
        QVERIFY(!QFileInfo::exists(path("run")));
    }

    // What stood in the folder before stays.
    void aFailedStartLeavesForeignFilesAlone()
    {
        const QString data = path("prices.csv");
        writeText(data, wanderingCsv(60));
        QDir(m_folder->path()).mkpath("run/checkpoints");
        writeText(path("run/notes.txt"), "mine");
        writeText(path("run/checkpoints/old.txt"), "mine too");
        const CliResult result = runBtcai(QStringList{"train", "--data", data, "--run", path("run")} + tinyRun());
        QVERIFY2(result.code == 2, result.shown());
        const auto files = filesBelow(path("run"));
        QCOMPARE(files.size(), std::size_t{2});
        QVERIFY(files.at("notes.txt") == "mine" && files.at("checkpoints/old.txt") == "mine too");
    }

    void aConfigurationIsChecked_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("says");
        QTest::newRow("unknown field") << QByteArray("seed = 1\n[ppo]\nclip_rang = 0.1\n") << QByteArray("my.toml:3: unknown field 'ppo.clip_rang'; did you mean 'ppo.clip_range'?");
        QTest::newRow("out of range") << QByteArray("[ppo]\nclip_range = 3.0\n") << QByteArray("my.toml:2: ppo.clip_range = 3: must be between 0.0001 and 1");
        QTest::newRow("between fields") << QByteArray("[model]\nheads = 5\n") << QByteArray("my.toml: model.width: must be a multiple of model.heads");
    }
    void aConfigurationIsChecked()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, says);
        writeText(path("my.toml"), text.toStdString());
        const CliResult result = runBtcai({"train", "--config", path("my.toml"), "--data", "unused.csv", "--run", path("run")});
        QVERIFY2(result.code == 2 && result.says(says), result.shown());
        QVERIFY(!QFileInfo::exists(path("run")));
    }

    void fieldsOnTheCommandLineAreChecked()
    {
        CliResult result = runBtcai({"train", "--ppo.clip_range", "3", "--data", "unused.csv", "--run", path("run")});
        QVERIFY2(result.code == 2 && result.says("command line: ppo.clip_range = 3: must be between"), result.shown());
        result = runBtcai({"train", "--bucket", "swing", "--data", "unused.csv", "--run", path("run")});
        QVERIFY2(result.code == 2 && result.says("one of scalping, short, medium, long"), result.shown());
        result = runBtcai({"train", "--run", path("run")});
        QVERIFY2(result.code == 2 && result.says("--data"), result.shown());
        QVERIFY(!QFileInfo::exists(path("run")));
    }

    void aFolderThatIsNoRunIsRefused()
    {
        QDir(m_folder->path()).mkdir("empty");
        for (const QString& folder : {path("empty"), path("none")}) {
            CliResult result = runBtcai({"train", "--resume", "--run", folder});
            QVERIFY2(result.code == 2 && result.says(folder.toUtf8()) && result.says("not the folder of a run"), result.shown());
            result = runBtcai({"evaluate", "--run", folder});
            QVERIFY2(result.code == 2 && result.says(folder.toUtf8()), result.shown());
        }
        QVERIFY(QDir(path("empty")).isEmpty() && !QFileInfo::exists(path("none")));
        const CliResult result = runBtcai({"train", "--data", "x.csv", "--run", "/dev/null"});
        QVERIFY2(result.code == 2 || result.code == 3, result.shown());
    }

    void errorsAreJsonWithJson()
    {
        const auto error = [](const QStringList& arguments) {
            const CliResult result = runBtcai(arguments + QStringList{"--json"});
            return result.err.isEmpty() ? result.json().at("error") : Json(result.shown().toStdString());
        };
        Json got = error({"check", path("none.csv")});
        QVERIFY2(got["kind"] == "io" && got["message"].get<std::string>().find("none.csv") != std::string::npos, got.dump().c_str());
        QCOMPARE(error({"train", "--run", path("run")})["kind"].get<std::string>(), std::string("bad-input"));
        QCOMPARE(error({"train"})["kind"].get<std::string>(), std::string("usage"));
    }

    // A name with bytes that are no UTF-8 is no reason to crash where JSON is asked for.
    void namesThatAreNoUtf8()
    {
        for (const char* arguments : {"check \"$name\" --json", "train --data \"$name\" --run x --json"}) {
            const CliResult result = runProgram("/bin/sh", {"-c", QString("name=$(printf 'caf\\351.csv'); \"$0\" %1").arg(QLatin1String(arguments)), BTCAI_EXECUTABLE});
            QVERIFY2(result.code == 2 || result.code == 3, result.shown());
            QVERIFY(result.json().contains("error"));
        }
    }

private:
    QString path(const QString& name) const { return m_folder->filePath(name); }

    static void commandsOnData()
    {
        QTest::addColumn<QString>("command");
        for (const char* command : {"import", "train"})
            QTest::newRow(command) << command;
    }
    CliResult runOn(const QString& data) const
    {
        QFETCH(QString, command);
        if (command == "train")
            return runBtcai(QStringList{"train", "--data", data, "--run", path("run")} + tinyRun());
        return runBtcai(command == "import" ? QStringList{"import", data, "-o", path("series.h5")} : QStringList{"check", data});
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TestCliErrors)
#include "tst_cli_errors.moc"
