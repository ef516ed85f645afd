#pragma once

#include <QString>
#include <QStringList>

namespace btcai::gui {

/// What the command line and the environment of btcai-workbench say.
struct AppOptions {
    QString dataFile;      ///< --data: put into the form; empty when not given
    QString workspace;     ///< --workspace, else "runs" in the person's data folder
    QString workerProgram; ///< BTCAI_WORKER, else `btcai` beside this program
    QString message;       ///< when not empty: print it and leave with exitCode
    int exitCode = 0;
};

/// `arguments` begin with the program's own name. Does not touch the application.
AppOptions parseOptions(const QStringList& arguments, const QString& programFolder, const QString& workerOverride);

} // namespace btcai::gui
