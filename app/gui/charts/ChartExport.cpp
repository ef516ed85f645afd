#include "app/gui/charts/ChartExport.h"

#include <algorithm>
#include <cmath>

#include <QBuffer>
#include <QDateTime>
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

std::vector<double> allX(std::span<const CsvColumn> columns, double lower, double upper)
{
    std::vector<double> xs;
    for (const CsvColumn& column : columns)
        std::ranges::copy_if(column.x, std::back_inserter(xs), [&](double x) { return x >= lower && x <= upper; });
    std::ranges::sort(xs);
    xs.erase(std::ranges::unique(xs).begin(), xs.end());
    return xs;
}

QByteArray cell(const CsvColumn& column, double x)
{
    const auto found = std::ranges::lower_bound(column.x, x);
    if (found == column.x.end() || *found != x)
        return {};
    const double value = column.y[static_cast<std::size_t>(found - column.x.begin())];
    return std::isfinite(value) ? QByteArray::number(value, 'g', QLocale::FloatingPointShortest) : QByteArray();
}

} // namespace

QByteArray columnsToCsv(std::span<const CsvColumn> columns, double lower, double upper, bool utc)
{
    QByteArray csv = utc ? "time_utc" : "step";
    for (const CsvColumn& column : columns)
        csv += ",\"" + column.name.toUtf8().replace('"', "\"\"") + '"';
    csv += '\n';
    for (const double x : allX(columns, lower, upper)) {
        csv += utc ? QDateTime::fromMSecsSinceEpoch(std::llround(1000.0 * x), Qt::UTC).toString(Qt::ISODate).toLatin1()
                   : QByteArray::number(x, 'f', 0);
        for (const CsvColumn& column : columns)
            csv += ',' + cell(column, x);
        csv += '\n';
    }
    return csv;
}

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
