#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <QTemporaryDir>
#include <QtTest>

#include "tests/layering/Layering.h"

namespace fs = std::filesystem;
using layering::check;
using layering::Report;
using layering::Room;

class TestLayering : public QObject {
    Q_OBJECT

private:
    /// The report on a house with this one file.
    static Report reportOn(const std::string& path, const std::string& content)
    {
        QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / path;
        fs::create_directories(file.parent_path());
        std::ofstream(file) << content;
        return check(folder.path().toStdString());
    }

private slots:
    void theHouseKeepsItsRules()
    {
        const Report report = check(BTCAI_SOURCE);
        std::string all;
        for (const auto& violation : report.violations)
            all += violation + "\n";
        QVERIFY2(report.violations.empty(), all.c_str());
        // That nothing was found must not come from looking at nothing.
        QVERIFY(report.files > 100);
        for (const char* room :
             {"agent", "agent/config", "agent/dataset", "agent/protocol", "app/cli", "app/fetch", "app/gui", "app/python",
              "base", "data", "data/remote", "env", "models"})
            QVERIFY2(std::binary_search(report.roomsSeen.begin(), report.roomsSeen.end(), room), room);
    }

    void plantedViolationsAreCaught_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("include");
        const auto row = [](const char* path, const char* include) {
            QTest::addRow("%s: %s", path, include) << path << include;
        };
        row("base/A.h", "#include \"data/bars/Bar.h\"");
        row("base/A.h", "#include <QString>");
        row("base/A.h", "#include <torch/torch.h>");
        row("data/bars/A.cpp", "#include \"env/Environment.h\"");
        row("data/bars/A.cpp", "#include \"data/remote/LiveStream.h\"");
        row("data/bars/A.cpp", "#include <QtCore/QString>");
        row("data/bars/A.cpp", "#include \"qstring.h\"");
        row("data/A.cpp", "#include <ATen/ATen.h>");
        row("data/remote/A.cpp", "#include \"env/Environment.h\"");
        row("env/account/A.h", "#include \"agent/config/RunConfig.h\"");
        row("env/A.cpp", "#include \"models/ModelFactory.h\"");
        row("env/A.cpp", "#include <c10/util/Optional.h>");
        row("env/A.cpp", "#include <QtGlobal>");
        row("agent/config/A.h", "#include \"agent/protocol/Messages.h\"");
        row("agent/config/A.h", "#include \"models/MarketEncoder.h\"");
        row("agent/protocol/A.h", "#include \"agent/ppo/Trainer.h\"");
        row("agent/protocol/A.h", "#include <torch/torch.h>");
        row("agent/dataset/A.h", "#include <torch/torch.h>");
        row("agent/dataset/A.h", "#include \"agent/ppo/Trainer.h\"");
        row("models/A.cpp", "#include \"agent/ppo/Trainer.h\"");
        row("models/A.cpp", "#include \"agent/protocol/Messages.h\"");
        row("models/A.cpp", "#include <QObject>");
        row("agent/ppo/A.cpp", "#include \"app/cli/Train.h\"");
        row("agent/ppo/A.cpp", "#include <QTimer>");
        row("agent/worker/A.cpp", "#include \"data/remote/LiveStream.h\"");
        row("app/cli/A.cpp", "#include \"app/gui/shell/MainWindow.h\"");
        row("app/cli/A.cpp", "#include <QCoreApplication>");
        row("app/cli/A.cpp", "#include \"A.moc\"");
        row("app/gui/A.cpp", "#include \"models/ModelFactory.h\"");
        row("app/gui/A.cpp", "#include \"agent/ppo/Trainer.h\"");
        row("app/gui/A.cpp", "#include \"agent/worker/WorkerLoop.h\"");
        row("app/gui/A.cpp", "#include \"app/cli/Train.h\"");
        row("app/gui/A.cpp", "#include <torch/script.h>");
        row("app/fetch/A.cpp", "#include \"env/Environment.h\"");
        row("app/fetch/A.cpp", "#include \"app/cli/CommandLine.h\"");
        row("app/python/A.cpp", "#include \"agent/ppo/Trainer.h\"");
        row("app/python/A.cpp", "#include <torch/torch.h>");
        row("update/core/A.cpp", "#include \"update/net/Download.h\"");
        row("update/net/A.cpp", "#include \"update/apply/Swap.h\"");
        // Ways around.
        row("base/A.h", "  #  include   <QString>  // spread out");
        row("base/A.h", "#include <data/bars/Bar.h>");
        row("base/A.h", "#include \"../data/bars/Bar.h\"");
        row("base/A.h", "#include \"base/../data/bars/Bar.h\"");
        row("base/A.h", "#include \"../../elsewhere/A.h\"");
        row("base/A.h", "#include HEADER_BY_MACRO");
        row("base/A.h", "#include \"tests/support/Fixture.h\"");
        row("base/A.hpp", "#include <QString>");
        row("agent/ppo/A.cu", "#include <QString>");
        row("app/gui/A.cpp", "#include \"app/Everything.h\"");
        row("elsewhere/A.cpp", ""); // a folder without rules
        row("app/A.cpp", "");
        row("A.cpp", "");
    }
    void plantedViolationsAreCaught()
    {
        QFETCH(QString, path);
        QFETCH(QString, include);
        const Report report =
            reportOn(path.toStdString(), "#pragma once\n" + include.toStdString() + "\n#include <string>\n");
        QCOMPARE(report.files, std::size_t{1});
        QCOMPARE(report.violations.size(), std::size_t{1});
        QVERIFY(report.violations[0].starts_with(path.toStdString() + ":"));
        if (!include.isEmpty())
            QVERIFY2(report.violations[0].starts_with(path.toStdString() + ":2: "), report.violations[0].c_str());
    }

    void whatIsAllowedPasses_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("include");
        const auto row = [](const char* path, const char* include) {
            QTest::addRow("%s: %s", path, include) << path << include;
        };
        row("base/A.h", "#include \"base/B.h\"");
        row("base/A.h", "#include <queue>");
        row("base/A.h", "#include <openssl/evp.h>");
        row("base/A.h", "#define QString \"include <QString>\"");
        row("data/features/A.h", "#include \"base/Error.h\"");
        row("data/remote/A.h", "#include <QNetworkReply>");
        row("env/A.h", "#include \"data/bars/Bar.h\"");
        row("agent/config/A.h", "#include \"env/Environment.h\"");
        row("agent/protocol/A.h", "#include \"agent/config/RunConfig.h\"");
        row("models/A.h", "#include <torch/torch.h>");
        row("models/A.h", "#include \"agent/config/RunConfig.h\"");
        row("agent/ppo/A.cpp", "#include \"agent/protocol/Messages.h\"");
        row("agent/ppo/A.cpp", "#include \"agent/evaluation/Evaluator.h\"");
        row("agent/ppo/A.cpp", "#include \"agent/dataset/MarketDataset.h\"");
        row("app/cli/A.cpp", "#include \"agent/worker/WorkerLoop.h\"");
        row("app/fetch/A.cpp", "#include \"data/remote/HistoryDownloader.h\"");
        row("app/fetch/A.cpp", "#include <QCoreApplication>");
        row("app/python/A.cpp", "#include \"agent/dataset/MarketDataset.h\"");
        row("app/python/A.cpp", "#include <pybind11/pybind11.h>");
        row("app/gui/A.cpp", "#include <qcustomplot.h>");
        row("app/gui/A.cpp", "#include \"agent/protocol/Messages.h\"");
        row("app/gui/A.cpp", "#include \"data/remote/LiveStream.h\"");
        row("app/gui/A.cpp", "#include \"A.moc\"");
        row("build/dev/A.cpp", "#include <anything>");
        row("tests/base/A.cpp", "#include \"app/gui/shell/MainWindow.h\"");
        row(".hidden/A.cpp", "#include <anything>");
    }
    void whatIsAllowedPasses()
    {
        QFETCH(QString, path);
        QFETCH(QString, include);
        const Report report = reportOn(path.toStdString(), include.toStdString() + "\n");
        QVERIFY2(report.violations.empty(), report.violations.empty() ? "" : report.violations[0].c_str());
    }

    void aFileBesideTheOtherIsFoundByItsNameAlone()
    {
        QTemporaryDir folder;
        const fs::path source = folder.path().toStdString();
        fs::create_directories(source / "base");
        fs::create_directories(source / "data/bars");
        std::ofstream(source / "base/Error.h") << "#include \"Local.h\"\n";
        std::ofstream(source / "base/Local.h") << "#include \"../data/bars/Bar.h\"\n";
        std::ofstream(source / "data/bars/Bar.h") << "";
        const Report report = check(source);
        QCOMPARE(report.files, std::size_t{3});
        QCOMPARE(report.violations,
                 (std::vector<std::string>{"base/Local.h:1: includes ../data/bars/Bar.h: base may not include data"}));
    }

    /// No chain of permissions leads round, and none leads from the window to libtorch.
    void theRulesHaveNoCycle()
    {
        for (const Room& start : layering::rooms()) {
            std::set<std::string> reached(start.mayInclude.begin(), start.mayInclude.end());
            for (std::size_t before = 0; before != reached.size();) {
                before = reached.size();
                for (const Room& room : layering::rooms())
                    if (reached.contains(room.folder))
                        reached.insert(room.mayInclude.begin(), room.mayInclude.end());
            }
            QVERIFY2(!reached.contains(start.folder), start.folder.c_str());
            for (const Room& room : layering::rooms()) {
                if (!reached.contains(room.folder))
                    continue;
                QVERIFY2(start.mayUseQt || !room.mayUseQt, start.folder.c_str());
                QVERIFY2(start.mayUseTorch || !room.mayUseTorch, start.folder.c_str());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestLayering)
#include "tst_layering.moc"
