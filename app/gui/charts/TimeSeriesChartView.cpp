// The part of TimeSeriesChart that a person sees and touches: building, colours, mouse, menu.
#include "app/gui/charts/TimeSeriesChart.h"

#include <cmath>

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QLabel>
#include <QVBoxLayout>
#include <qcustomplot.h>

#include "app/gui/charts/AxisTickers.h"
#include "app/gui/charts/LegendBar.h"
#include "app/gui/shell/Dialogs.h"
#include "app/gui/shell/RefreshTimer.h"
#include "base/DurableFile.h"

namespace btcai::gui {

namespace {
constexpr double kSmall = 0.8;
constexpr double kExportScale = 2.0;
}

void TimeSeriesChart::buildPlot()
{
    const QString unit = unitOf(m_options.quantity);
    const QString title = m_options.compact && !unit.isEmpty() ? QStringLiteral("%1, %2").arg(m_options.title, unit) : m_options.title;
    m_legend = new LegendBar(title, this);
    m_legend->setToolTip(m_options.help);
    connect(m_legend, &LegendBar::clicked, this, &TimeSeriesChart::toggleSeries);

    m_plot = new QCustomPlot(this);
    m_plot->setObjectName(QStringLiteral("plot"));
    m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    m_plot->axisRect()->setRangeZoom(Qt::Horizontal);
    m_plot->axisRect()->setAutoMargins(QCP::msAll);
    m_plot->axisRect()->setMinimumMargins(QMargins(6, 8, 16, 2)); // room for half a label at the ends of the axes
    m_plot->setNoAntialiasingOnDrag(true);
    m_plot->setPlottingHint(QCP::phFastPolylines); // joins of wide pens cost more than the rest of the picture
    m_plot->setMinimumSize(80, 60);
    if (m_options.x == ChartOptions::XAxis::Utc)
        m_plot->xAxis->setTicker(QSharedPointer<UtcTicker>::create());
    else
        m_plot->xAxis->setTicker(QSharedPointer<QuantityTicker>::create(Quantity::Count));
    if (!m_options.compact) {
        m_plot->xAxis->setLabel(m_options.xLabel);
        m_plot->yAxis->setLabel(unit.isEmpty() ? m_options.title : unit);
    }
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) {
        QFont small = font();
        small.setPointSizeF(small.pointSizeF() * kSmall);
        axis->setTickLabelFont(small);
        axis->setLabelFont(small);
        axis->setLabelPadding(2);
        axis->setTickLabelPadding(3);
        axis->setSubTicks(false);
        axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    applyScale();
    m_crosshair = std::make_unique<Crosshair>(*m_plot);

    m_emptyLabel = new QLabel(m_options.emptyText, m_plot);
    m_emptyLabel->setAlignment(Qt::AlignCenter);
    m_emptyLabel->setWordWrap(true);
    m_emptyLabel->setProperty("muted", true);
    m_emptyLabel->setAttribute(Qt::WA_TransparentForMouseEvents);

    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(1, 1, 1, 1);
    layout->setSpacing(0);
    layout->addWidget(m_legend);
    layout->addWidget(m_plot, 1);
}

void TimeSeriesChart::buildActions()
{
    const auto add = [this](const QString& label, const char* name, auto slot) {
        auto* const action = new QAction(label, this);
        action->setObjectName(QLatin1String(name));
        connect(action, &QAction::triggered, this, slot);
        m_plot->addAction(action);
        return action;
    };
    const auto separate = [this] {
        auto* const line = new QAction(this);
        line->setSeparator(true);
        m_plot->addAction(line);
    };
    add(tr("Fit to data"), "fitAction", [this] {
        fit();
        emit xRangeChosen(0, 0, true);
    });
    m_logAction = add(tr("Logarithmic values"), "logAction", [this](bool on) { setLogY(on); });
    m_logAction->setCheckable(true);
    m_logAction->setVisible(!m_options.stacked);
    separate();
    add(tr("Copy picture"), "copyAction", [this] {
        QApplication::clipboard()->setImage(QImage::fromData(toPng(kExportScale), "PNG"));
    });
    add(tr("Save as PNG…"), "pngAction", [this] { save(toPng(kExportScale), QStringLiteral("png"), tr("PNG picture (*.png)")); });
    add(tr("Save as SVG…"), "svgAction", [this] { save(toSvg(), QStringLiteral("svg"), tr("SVG drawing (*.svg)")); });
    add(tr("Save visible range as CSV…"), "csvAction", [this] { save(toCsv(), QStringLiteral("csv"), tr("CSV table (*.csv)")); });
    m_plot->setContextMenuPolicy(Qt::ActionsContextMenu);
}

void TimeSeriesChart::save(const QByteArray& bytes, const QString& suffix, const QString& filter)
{
    const QString path =
        m_context.dialogs.saveFile(this, tr("Save chart"), QStringLiteral("%1.%2").arg(m_options.name, suffix), filter);
    if (path.isEmpty())
        return;
    try {
        writeFileDurably(toPath(path), std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())));
    } catch (const std::exception& error) {
        m_context.dialogs.showError(this, tr("The chart was not saved"), QString::fromUtf8(error.what()));
    }
}

void TimeSeriesChart::connectMouse()
{
    m_plot->setMouseTracking(true);
    m_plot->installEventFilter(this);
    connect(m_plot, &QCustomPlot::mouseMove, this, &TimeSeriesChart::onMouseMove);
    connect(m_plot, &QCustomPlot::mouseWheel, this, &TimeSeriesChart::onWheel);
    connect(m_plot, &QCustomPlot::mouseDoubleClick, this, [this] {
        fit();
        emit xRangeChosen(0, 0, true);
    });
    connect(m_plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, &TimeSeriesChart::onXRange);
}

void TimeSeriesChart::onXRange()
{
    if (m_byProgram)
        return;
    m_fitX = false;
    markStale();
    emit xRangeChosen(m_plot->xAxis->range().lower, m_plot->xAxis->range().upper, false);
}

void TimeSeriesChart::onWheel(QWheelEvent* event)
{
    const bool alongY = event->modifiers() & Qt::ControlModifier;
    m_plot->axisRect()->setRangeZoom(alongY ? Qt::Vertical : Qt::Horizontal);
    if (alongY)
        m_fitY = false;
}

void TimeSeriesChart::onMouseMove(QMouseEvent* event)
{
    if (event->buttons() & Qt::LeftButton) {
        m_fitY = false;
        return;
    }
    const QPoint position = event->pos();
    if (isEmpty() || !m_plot->axisRect()->rect().contains(position)) {
        showCrosshair(std::nullopt);
        emit crosshairMoved(std::nullopt);
        return;
    }
    const double x = m_plot->xAxis->pixelToCoord(position.x());
    showCrosshair(x, m_plot->yAxis->pixelToCoord(position.y()));
    emit crosshairMoved(x);
}

void TimeSeriesChart::showCrosshair(std::optional<double> x, std::optional<double> y)
{
    m_hoverX = x;
    if (!isVisible())
        return;
    m_crosshair->show(x, y);
    updateLegend(x);
}

void TimeSeriesChart::updateLegend(std::optional<double> x)
{
    std::vector<LegendBar::Entry> entries;
    const double far = m_series.empty() ? 0.0 : std::numeric_limits<double>::max();
    for (int i = 0; i < seriesCount(); ++i) {
        const Line& line = m_series[static_cast<std::size_t>(i)];
        if (pointCount(i) == 0)
            continue;
        const auto value = valueAt(i, x.value_or(far));
        QString text = value ? formatValue(*value, m_options.quantity) : QStringLiteral("—");
        if (m_options.compact && text.endsWith(QLatin1String(" %")))
            text.chop(2); // the title names the unit
        entries.push_back({line.name, text, m_context.theme.series(line.role), line.style != Qt::SolidLine, line.shown});
    }
    m_legend->setEntries(std::move(entries));
    m_legend->setPosition(isEmpty() ? QString() : positionText(x));
}

QString TimeSeriesChart::positionText(std::optional<double> x) const
{
    if (!x)
        return m_options.compact ? m_options.xLabel : QString();
    if (m_options.x == ChartOptions::XAxis::Utc)
        return formatUtc(std::llround(*x));
    return tr("step %1").arg(formatCount(std::round(*x)));
}

void TimeSeriesChart::toggleSeries(int entry)
{
    for (int i = 0, shown = -1; i < seriesCount(); ++i) { // only series with points have an entry
        if (pointCount(i) > 0)
            ++shown;
        if (shown != entry)
            continue;
        Line& line = m_series[static_cast<std::size_t>(i)];
        line.shown = !line.shown;
        line.graph->setVisible(line.shown);
        for (const Band& band : m_bands)
            if (band.series == i) {
                band.lower->setVisible(line.shown);
                band.upper->setVisible(line.shown);
            }
        break;
    }
    markStale();
}

void TimeSeriesChart::applyScale()
{
    m_plot->yAxis->setScaleType(m_logY ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (m_logY)
        m_plot->yAxis->setTicker(QSharedPointer<LogQuantityTicker>::create(m_options.quantity));
    else
        m_plot->yAxis->setTicker(QSharedPointer<QuantityTicker>::create(m_options.quantity));
}

void TimeSeriesChart::applyTheme()
{
    const Theme::Colors& colors = m_context.theme.colors();
    m_plot->setBackground(QBrush(colors.surface));
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(QPen(colors.border));
        axis->setTickPen(QPen(colors.border));
        axis->setSubTickPen(QPen(colors.border));
        axis->setTickLabelColor(colors.muted);
        axis->setLabelColor(colors.muted);
        axis->grid()->setPen(QPen(colors.grid, 1, Qt::SolidLine));
    }
    m_crosshair->setColor(colors.muted);
    for (std::size_t i = 0; i < m_series.size(); ++i)
        styleLine(m_series[i], i > 0 ? m_series[i - 1].graph : nullptr);
    for (const Band& band : m_bands)
        styleBand(band);
    markStale();
}

void TimeSeriesChart::styleLine(const Line& line, QCPGraph* below)
{
    QColor color = m_context.theme.series(line.role);
    line.graph->setPen(QPen(color, m_options.stacked ? 1.0 : 1.6, line.style));
    if (!m_options.stacked)
        return;
    color.setAlphaF(0.65F);
    line.graph->setBrush(color);
    if (below)
        line.graph->setChannelFillGraph(below);
}

void TimeSeriesChart::styleBand(const Band& band)
{
    QColor color = m_context.theme.series(m_series[static_cast<std::size_t>(band.series)].role);
    color.setAlphaF(0.18F);
    band.lower->setPen(Qt::NoPen);
    band.upper->setPen(Qt::NoPen);
    band.upper->setBrush(color);
}

void TimeSeriesChart::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    markStale();
}

void TimeSeriesChart::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    m_emptyLabel->setGeometry(m_plot->rect().adjusted(16, 4, -16, -4));
    markStale();
}

bool TimeSeriesChart::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_plot && event->type() == QEvent::Leave) {
        showCrosshair(std::nullopt);
        emit crosshairMoved(std::nullopt);
    } else if (watched == m_plot && event->type() == QEvent::Resize) {
        m_emptyLabel->setGeometry(m_plot->rect().adjusted(16, 4, -16, -4));
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace btcai::gui
