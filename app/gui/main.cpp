#include <cstdio>
#include <exception>

#include <QApplication>
#include <QSettings>

#include "app/gui/shell/AppOptions.h"
#include "app/gui/shell/Dialogs.h"
#include "app/gui/shell/Icons.h"
#include "app/gui/shell/MainWindow.h"
#include "base/BuildInfo.h"

int main(int argc, char** argv)
{
    using namespace btcai::gui;
    try {
        QApplication application(argc, argv);
        QCoreApplication::setOrganizationName(QStringLiteral("btcai"));
        QCoreApplication::setApplicationName(QStringLiteral("btcai-workbench"));
        QCoreApplication::setApplicationVersion(QLatin1String(btcai::buildInfo().version));
        const AppOptions options =
            parseOptions(QCoreApplication::arguments(), QCoreApplication::applicationDirPath(), qEnvironmentVariable("BTCAI_WORKER"));
        if (!options.message.isEmpty()) {
            std::fputs(options.message.toUtf8().constData(), options.exitCode == 0 ? stdout : stderr);
            return options.exitCode;
        }
        loadResources();
        QSettings settings;
        Theme theme;
        QtDialogs dialogs;
        WorkspaceOptions workspace;
        workspace.folder = toPath(options.workspace);
        workspace.worker.program = options.workerProgram;
        MainWindow window({application, theme, settings, dialogs, workspace, options.dataFile});
        window.show();
        return QApplication::exec();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "btcai-workbench: %s\n", error.what());
        return 1;
    }
}
