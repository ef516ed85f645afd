#include "app/gui/charts/ChartExport.h"

#include <QBuffer>
#include <QImage>
#include <QSvgGenerator>

#include <qcustomplot.h>

namespace btcai::gui {

namespace {

void paint(QCPPainter& painter, const QWidget& legend, QCustomPlot& plot, const QColor& background)
{
    const QSize size(plot.width(), legend.height() + plot.height());
    painter.fillRect(QRect(QPoint(0, 0), size), background);
    // QWidget::render is not const, though it changes nothing that is seen
    const_cast<QWidget&>(legend).render(&painter, QPoint(0, 0), QRegion(), QWidget::DrawChildren);
    painter.translate(0, legend.height());
    plot.toPainter(&painter, plot.width(), plot.height());
}

} // namespace

QByteArray chartToPng(const QWidget& legend, QCustomPlot& plot, const QColor& background, double scale)
{
    const QSize size(plot.width(), legend.height() + plot.height());
    QImage image((QSizeF(size) * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(scale);
    {
        QCPPainter painter(&image);
        paint(painter, legend, plot, background);
    }
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return bytes;
}

QByteArray chartToSvg(const QWidget& legend, QCustomPlot& plot, const QColor& background, const QString& title)
{
    const QSize size(plot.width(), legend.height() + plot.height());
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setSize(size);
    generator.setViewBox(QRect(QPoint(0, 0), size));
    generator.setTitle(title);
    QCPPainter painter;
    if (painter.begin(&generator)) {
        painter.setMode(QCPPainter::pmVectorized);
        painter.setMode(QCPPainter::pmNoCaching);
        paint(painter, legend, plot, background);
        painter.end();
    }
    return bytes;
}

} // namespace btcai::gui
