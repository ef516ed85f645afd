#include "app/gui/shell/AppOptions.h"

#include <QCommandLineParser>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>

#include "base/BuildInfo.h"

namespace btcai::gui {

namespace {
constexpr int kBadInputExit = 2;
}

AppOptions parseOptions(const QStringList& arguments, const QString& programFolder, const QString& workerOverride)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("Reinforcement-learning research on Bitcoin markets."));
    const QCommandLineOption data(QStringLiteral("data"), QStringLiteral("Market data to learn from."), QStringLiteral("file"));
    const QCommandLineOption workspace(QStringLiteral("workspace"), QStringLiteral("Where the runs are kept."), QStringLiteral("folder"));
    const QCommandLineOption help({QStringLiteral("h"), QStringLiteral("help")}, QStringLiteral("Print this help."));
    const QCommandLineOption version({QStringLiteral("v"), QStringLiteral("version")}, QStringLiteral("Print the version."));
    parser.addOptions({data, workspace, help, version});

    AppOptions options;
    const bool understood = parser.parse(arguments) && parser.positionalArguments().isEmpty();
    if (!understood) {
        const QString problem = parser.positionalArguments().isEmpty()
                                    ? parser.errorText()
                                    : QStringLiteral("Unexpected argument '%1'.").arg(parser.positionalArguments().constFirst());
        options.message = QStringLiteral("%1\nTry --help.\n").arg(problem);
        options.exitCode = kBadInputExit;
        return options;
    }
    if (parser.isSet(help))
        options.message = parser.helpText();
    else if (parser.isSet(version))
        options.message = QStringLiteral("btcai-workbench %1 (%2)\n")
                              .arg(QLatin1String(buildInfo().version), QLatin1String(buildInfo().revision));
    if (parser.isSet(data))
        options.dataFile = QFileInfo(parser.value(data)).absoluteFilePath();
    options.workspace = parser.isSet(workspace)
                            ? QFileInfo(parser.value(workspace)).absoluteFilePath()
                            : QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + QStringLiteral("/runs");
    options.workerProgram = workerOverride.isEmpty() ? QDir(programFolder).filePath(QStringLiteral("btcai")) : workerOverride;
    return options;
}

} // namespace btcai::gui
