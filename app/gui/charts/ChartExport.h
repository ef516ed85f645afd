#pragma once

#include <span>
#include <vector>

#include <QByteArray>
#include <QColor>
#include <QString>

class QCustomPlot;
class QWidget;

namespace btcai::gui {

/// The title line and the plot under it as one picture; `scale` 2 gives twice the pixels.
QByteArray chartToPng(const QWidget& legend, QCustomPlot& plot, const QColor& background, double scale);
/// The same as vectors.
QByteArray chartToSvg(const QWidget& legend, QCustomPlot& plot, const QColor& background, const QString& title);

/// One line of a chart; x ascending.
struct CsvColumn {
    QString name;
    std::vector<double> x, y;
};

/// The points with x in [lower, upper], one row per x; a column without a finite value there stays empty. The first column
/// is "step" or, with `utc`, "time_utc". Numbers keep their full precision.
QByteArray columnsToCsv(std::span<const CsvColumn> columns, double lower, double upper, bool utc);

} // namespace btcai::gui
