#pragma once

#include <optional>

#include <QColor>

class QCPItemStraightLine;
class QCustomPlot;

namespace btcai::gui {

/// Two hair lines over a plot, on a layer of their own: moving them redraws nothing else.
class Crosshair {
public:
    explicit Crosshair(QCustomPlot& plot);

    void setColor(const QColor& color);
    /// Nothing hides a line.
    void show(std::optional<double> x, std::optional<double> y);

private:
    QCustomPlot& m_plot;
    QCPItemStraightLine* m_vertical;
    QCPItemStraightLine* m_horizontal;
};

} // namespace btcai::gui
