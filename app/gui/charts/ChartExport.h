#pragma once

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

} // namespace btcai::gui
