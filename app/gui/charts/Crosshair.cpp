#include "app/gui/charts/Crosshair.h"

#include <qcustomplot.h>

namespace btcai::gui {

namespace {
const QString kLayer = QStringLiteral("crosshair");
}

Crosshair::Crosshair(QCustomPlot& plot) : m_plot(plot)
{
    m_plot.addLayer(kLayer);
    m_plot.layer(kLayer)->setMode(QCPLayer::lmBuffered);
    m_vertical = new QCPItemStraightLine(&m_plot);   // the plot owns its items
    m_horizontal = new QCPItemStraightLine(&m_plot);
    for (QCPItemStraightLine* line : {m_vertical, m_horizontal}) {
        line->setLayer(kLayer);
        line->setVisible(false);
        line->setSelectable(false);
    }
}

void Crosshair::setColor(const QColor& color)
{
    m_vertical->setPen(QPen(color, 1, Qt::DashLine));
    m_horizontal->setPen(QPen(color, 1, Qt::DotLine));
}

void Crosshair::show(std::optional<double> x, std::optional<double> y)
{
    m_vertical->setVisible(x.has_value());
    m_horizontal->setVisible(y.has_value());
    const double below = m_plot.yAxis->range().lower;
    const double above = m_plot.yAxis->range().upper;
    if (x) {
        m_vertical->point1->setCoords(*x, below);
        m_vertical->point2->setCoords(*x, above);
    }
    if (y) {
        m_horizontal->point1->setCoords(m_plot.xAxis->range().lower, *y);
        m_horizontal->point2->setCoords(m_plot.xAxis->range().upper, *y);
    }
    m_plot.layer(kLayer)->replot();
}

} // namespace btcai::gui
