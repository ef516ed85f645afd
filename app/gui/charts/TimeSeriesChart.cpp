#include "app/gui/charts/TimeSeriesChart.h"

#include <algorithm>
#include <cmath>

#include <qcustomplot.h>

#include "app/gui/charts/ChartExport.h"
#include "app/gui/charts/LegendBar.h"
#include "app/gui/shell/RefreshTimer.h"

namespace btcai::gui {

namespace {

constexpr std::size_t kDotsUpTo = 40; ///< so few points are marked, or a single one would not be seen

QVector<double> copy(std::span<const double> values) { return QVector<double>(values.begin(), values.end()); }

/// The value of the last point that is not right of x.
double heldAt(const std::vector<double>& xs, const std::vector<double>& ys, double x)
{
    const auto after = std::ranges::upper_bound(xs, x);
    return after == xs.begin() ? 0.0 : ys[static_cast<std::size_t>(after - xs.begin()) - 1];
}

void widen(QCPRange& range, bool logarithmic)
{
    if (logarithmic) {
        range.lower /= 1.3;
        range.upper *= 1.3;
        return;
    }
    const double room = range.size() > 0 ? 0.07 * range.size() : std::max(0.1 * std::abs(range.upper), 1e-6);
    range.lower -= room;
    range.upper += room;
}

} // namespace

TimeSeriesChart::TimeSeriesChart(ChartOptions options, const ChartContext& context, QWidget* parent)
    : QWidget(parent), m_options(std::move(options)), m_context(context)
{
    setObjectName(m_options.name);
    setAttribute(Qt::WA_StyledBackground);
    setProperty("card", true);
    setAccessibleName(m_options.title);
    buildPlot();
    buildActions();
    connectMouse();
    applyTheme();
    connect(&m_context.theme, &Theme::changed, this, &TimeSeriesChart::applyTheme);
    m_context.timer.add(this, [this] { return refresh(); });
}

TimeSeriesChart::~TimeSeriesChart() = default;

int TimeSeriesChart::addSeries(const QString& name, SeriesRole role, Qt::PenStyle style)
{
    m_series.push_back({name, role, style, m_plot->addGraph()});
    m_rawX.emplace_back();
    m_rawY.emplace_back();
    applyTheme();
    return seriesCount() - 1;
}

int TimeSeriesChart::addBand(int ofSeries, const QString& name)
{
    Band band{ofSeries, name, m_plot->addGraph(), m_plot->addGraph()};
    band.upper->setChannelFillGraph(band.lower);
    for (QCPGraph* graph : {band.lower, band.upper})
        graph->setLayer(QStringLiteral("grid"));
    m_bands.push_back(band);
    styleBand(band);
    return static_cast<int>(m_bands.size()) - 1;
}

void TimeSeriesChart::setFeed(ChartFeed feed)
{
    m_feed = std::move(feed);
    m_feedRevision = ~std::uint64_t{0};
    markStale();
}

void TimeSeriesChart::setPoints(int series, std::span<const double> x, std::span<const double> y)
{
    const auto index = static_cast<std::size_t>(series);
    if (m_options.stacked) {
        m_rawX[index].assign(x.begin(), x.end());
        m_rawY[index].assign(y.begin(), y.end());
    } else {
        m_series[index].graph->setData(copy(x), copy(y), true);
    }
    markStale();
}

void TimeSeriesChart::appendPoints(int series, std::span<const double> x, std::span<const double> y)
{
    if (x.empty())
        return;
    const auto index = static_cast<std::size_t>(series);
    if (m_options.stacked) {
        m_rawX[index].insert(m_rawX[index].end(), x.begin(), x.end());
        m_rawY[index].insert(m_rawY[index].end(), y.begin(), y.end());
    } else {
        m_series[index].graph->addData(copy(x), copy(y), true);
    }
    markStale();
}

void TimeSeriesChart::setBand(int band, std::span<const double> x, std::span<const double> lower, std::span<const double> upper)
{
    const Band& target = m_bands[static_cast<std::size_t>(band)];
    target.lower->setData(copy(x), copy(lower), true);
    target.upper->setData(copy(x), copy(upper), true);
    markStale();
}

void TimeSeriesChart::setSeriesName(int series, const QString& name)
{
    m_series[static_cast<std::size_t>(series)].name = name;
    markStale();
}

void TimeSeriesChart::clearSeries()
{
    for (int i = 0; i < seriesCount(); ++i)
        setPoints(i, {}, {});
    for (std::size_t i = 0; i < m_bands.size(); ++i)
        setBand(static_cast<int>(i), {}, {}, {});
}

void TimeSeriesChart::setEmptyText(const QString& text)
{
    m_emptyLabel->setText(text);
}

bool TimeSeriesChart::isEmpty() const
{
    for (int i = 0; i < seriesCount(); ++i)
        if (pointCount(i) > 0)
            return false;
    return true;
}

std::size_t TimeSeriesChart::pointCount(int series) const
{
    const auto index = static_cast<std::size_t>(series);
    return m_options.stacked ? m_rawX[index].size() : static_cast<std::size_t>(m_series[index].graph->dataCount());
}

std::optional<double> TimeSeriesChart::valueAt(int series, double x) const
{
    const auto index = static_cast<std::size_t>(series);
    if (pointCount(series) == 0)
        return std::nullopt;
    if (m_options.stacked)
        return heldAt(m_rawX[index], m_rawY[index], x);
    const auto points = m_series[index].graph->data();
    auto right = points->findBegin(x, false);
    if (right == points->constEnd())
        --right;
    if (right != points->constBegin() && std::abs((right - 1)->key - x) < std::abs(right->key - x))
        --right;
    return std::isfinite(right->value) ? std::optional(right->value) : std::nullopt;
}

void TimeSeriesChart::fit()
{
    m_fitX = m_fitY = true;
    markStale();
}

void TimeSeriesChart::setXRange(double lower, double upper)
{
    m_fitX = false;
    m_byProgram = true;
    m_plot->xAxis->setRange(lower, upper);
    m_byProgram = false;
    markStale();
}

void TimeSeriesChart::setLogY(bool on)
{
    m_logY = on && !m_options.stacked;
    m_logAction->setChecked(m_logY);
    applyScale();
    m_fitY = true;
    markStale();
}

void TimeSeriesChart::markStale()
{
    m_stale = true;
    m_context.timer.wake();
}

void TimeSeriesChart::wake() { m_context.timer.wake(); }

bool TimeSeriesChart::refresh()
{
    if (!isVisible() || visibleRegion().isEmpty())
        return false;
    if (m_feed.revision && m_feed.revision() != m_feedRevision) {
        m_feedRevision = m_feed.revision();
        m_feed.fill(*this);
    }
    if (!m_stale)
        return false;
    m_stale = false;
    if (m_options.stacked)
        restack();
    for (const Line& line : m_series)
        line.graph->setScatterStyle(static_cast<std::size_t>(line.graph->dataCount()) <= kDotsUpTo && !m_options.stacked
                                        ? QCPScatterStyle(QCPScatterStyle::ssDisc, 4)
                                        : QCPScatterStyle());
    m_emptyLabel->setVisible(isEmpty());
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) { // no scale where there is nothing to measure
        axis->setVisible(!isEmpty());
        axis->grid()->setVisible(!isEmpty());
    }
    applyFit();
    updateLegend(m_hoverX);
    if (m_plot->bufferDevicePixelRatio() != devicePixelRatioF())
        m_plot->setBufferDevicePixelRatio(devicePixelRatioF());
    m_plot->replot(QCustomPlot::rpQueuedRefresh);
    return true;
}

void TimeSeriesChart::restack()
{
    const std::vector<double>& x = m_rawX.front();
    std::vector<double> sum(x.size(), 0.0);
    for (std::size_t s = 0; s < m_series.size(); ++s) {
        if (m_series[s].shown)
            for (std::size_t i = 0; i < x.size(); ++i)
                sum[i] += heldAt(m_rawX[s], m_rawY[s], x[i]);
        m_series[s].graph->setData(copy(x), copy(sum), true);
    }
}

void TimeSeriesChart::applyFit()
{
    m_byProgram = true;
    if (m_fitX)
        fitX();
    if (m_fitY)
        fitY();
    m_byProgram = false;
}

void TimeSeriesChart::fitX()
{
    bool any = false;
    QCPRange whole;
    for (int i = 0; i < m_plot->graphCount(); ++i) {
        bool found = false;
        const QCPRange range = m_plot->graph(i)->getKeyRange(found);
        if (found)
            whole = any ? whole.expanded(range) : range;
        any = any || found;
    }
    if (!any)
        return;
    if (whole.size() <= 0)
        widen(whole, false);
    m_plot->xAxis->setRange(whole);
}

void TimeSeriesChart::fitY()
{
    if (m_options.stacked) {
        m_plot->yAxis->setRange(0.0, 1.0 + 1e-9); // so that 100 % is marked
        return;
    }
    bool any = false;
    QCPRange whole;
    for (int i = 0; i < m_plot->graphCount(); ++i) {
        if (!m_plot->graph(i)->visible())
            continue;
        bool found = false;
        const QCPRange range =
            m_plot->graph(i)->getValueRange(found, m_logY ? QCP::sdPositive : QCP::sdBoth, m_plot->xAxis->range());
        if (found)
            whole = any ? whole.expanded(range) : range;
        any = any || found;
    }
    if (!any)
        return;
    if (m_options.withZero && !m_logY)
        whole.expand(0.0);
    widen(whole, m_logY);
    m_plot->yAxis->setRange(whole);
}

QByteArray TimeSeriesChart::toPng(double scale) const
{
    return chartToPng(*m_legend, *m_plot, m_context.theme.colors().surface, scale);
}

QByteArray TimeSeriesChart::toSvg() const
{
    return chartToSvg(*m_legend, *m_plot, m_context.theme.colors().surface, m_options.title);
}

QByteArray TimeSeriesChart::toCsv() const
{
    std::vector<CsvColumn> columns;
    const auto add = [&](const QString& name, const QCPGraph& graph) {
        CsvColumn& column = columns.emplace_back(CsvColumn{name, {}, {}});
        for (const QCPGraphData& point : *graph.data()) {
            column.x.push_back(point.key);
            column.y.push_back(point.value);
        }
    };
    for (std::size_t i = 0; i < m_series.size(); ++i) {
        if (m_options.stacked)
            columns.push_back({m_series[i].name, m_rawX[i], m_rawY[i]}); // the shares, not their sums
        else
            add(m_series[i].name, *m_series[i].graph);
    }
    for (const Band& band : m_bands) {
        add(band.name + QStringLiteral(" lower"), *band.lower);
        add(band.name + QStringLiteral(" upper"), *band.upper);
    }
    const QCPRange range = m_plot->xAxis->range();
    return columnsToCsv(columns, range.lower, range.upper, m_options.x == ChartOptions::XAxis::Utc);
}

} // namespace btcai::gui
