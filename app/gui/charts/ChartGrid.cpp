#include "app/gui/charts/ChartGrid.h"

#include <algorithm>

#include <QGridLayout>

namespace btcai::gui {

namespace {
constexpr int kMinChartWidth = 290;
constexpr int kMinChartHeight = 148;
constexpr int kMaxColumns = 5;
constexpr int kSpacing = 8;
}

ChartGrid::ChartGrid(QWidget* parent) : QScrollArea(parent)
{
    auto* const content = new QWidget;
    m_layout = new QGridLayout(content);
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(kSpacing);
    setWidget(content);
    setWidgetResizable(true);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
}

void ChartGrid::add(TimeSeriesChart* chart)
{
    chart->setMinimumHeight(kMinChartHeight);
    m_charts.push_back(chart);
    connect(chart, &TimeSeriesChart::crosshairMoved, this, [this, chart](std::optional<double> x) {
        for (TimeSeriesChart* other : m_charts)
            if (other != chart)
                other->showCrosshair(x);
    });
    connect(chart, &TimeSeriesChart::xRangeChosen, this, [this, chart](double lower, double upper, bool fitted) {
        for (TimeSeriesChart* other : m_charts) {
            if (other == chart)
                continue;
            if (fitted)
                other->fit();
            else
                other->setXRange(lower, upper);
        }
    });
    m_columns = 0;
    arrange();
}

bool ChartGrid::setShown(TimeSeriesChart* chart, bool shown)
{
    if (shown ? m_absent.erase(chart) == 0 : !m_absent.insert(chart).second)
        return false;
    chart->setVisible(shown);
    place();
    return true;
}

void ChartGrid::resizeEvent(QResizeEvent* event)
{
    QScrollArea::resizeEvent(event);
    arrange();
}

/// What comes into sight is told nothing of it, and the timer may sleep.
void ChartGrid::scrollContentsBy(int dx, int dy)
{
    QScrollArea::scrollContentsBy(dx, dy);
    for (TimeSeriesChart* chart : m_charts)
        chart->wake();
}

void ChartGrid::arrange()
{
    const int columns = std::clamp((viewport()->width() + kSpacing) / (kMinChartWidth + kSpacing), 1, kMaxColumns);
    if (columns == m_columns)
        return;
    for (int column = 0; column < std::max(columns, m_columns); ++column)
        m_layout->setColumnStretch(column, column < columns ? 1 : 0);
    m_columns = columns;
    place();
}

void ChartGrid::place()
{
    int shown = 0;
    for (TimeSeriesChart* const chart : m_charts) {
        if (m_absent.contains(chart))
            continue;
        m_layout->addWidget(chart, shown / m_columns, shown % m_columns);
        ++shown;
    }
}

} // namespace btcai::gui
