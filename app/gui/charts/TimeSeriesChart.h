#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <QWidget>

#include "app/gui/charts/Crosshair.h"
#include "app/gui/shell/Format.h"
#include "app/gui/shell/Theme.h"

class QAction;
class QMouseEvent;
class QWheelEvent;
class QCPGraph;
class QCustomPlot;
class QLabel;

namespace btcai::gui {

class Dialogs;
class LegendBar;
class RefreshTimer;
class TimeSeriesChart;

/// What every chart needs from outside.
struct ChartContext {
    const Theme& theme;
    RefreshTimer& timer;
    Dialogs& dialogs;
};

struct ChartOptions {
    enum class XAxis { Steps, Utc };

    QString name;  ///< objectName, and the suggested name of an exported file
    QString title;
    QString help;  ///< tool tip of the title line
    QString emptyText;
    XAxis x = XAxis::Steps;
    QString xLabel;
    Quantity quantity = Quantity::Plain;
    bool stacked = false;  ///< series are shares of one whole, drawn as areas upon each other
    bool withZero = false; ///< fitting keeps zero in sight
    bool compact = true;   ///< units stand in the title line; else the axes have labels
};

/// Where a chart gets its data: asked at most every 40 ms, and only while the chart is in sight.
struct ChartFeed {
    std::function<std::uint64_t()> revision;       ///< another number means: fill again
    std::function<void(TimeSeriesChart&)> fill;
};

/// Lines, bands and stacked areas over steps or time. Wheel zooms along x (with Ctrl along y), dragging pans, a double
/// click fits; a zoom stays as it is while data come in. The crosshair shows the values in the legend. What is seen can be
/// saved as PNG, SVG or CSV. Only the refresh timer redraws.
class TimeSeriesChart : public QWidget {
    Q_OBJECT
public:
    TimeSeriesChart(ChartOptions options, const ChartContext& context, QWidget* parent = nullptr);
    ~TimeSeriesChart() override;

    /// Series are numbered from 0. A stacked chart stacks them in this order.
    int addSeries(const QString& name, SeriesRole role, Qt::PenStyle style = Qt::SolidLine);
    /// An area between two lines behind a series, in its colour.
    int addBand(int ofSeries, const QString& name);
    void setFeed(ChartFeed feed);

    /// x ascending. The spans are copied.
    void setPoints(int series, std::span<const double> x, std::span<const double> y);
    void appendPoints(int series, std::span<const double> x, std::span<const double> y);
    void setBand(int band, std::span<const double> x, std::span<const double> lower, std::span<const double> upper);
    void setSeriesName(int series, const QString& name);
    void clearSeries();
    void setEmptyText(const QString& text);
    const ChartOptions& options() const { return m_options; }

    bool isEmpty() const;
    std::size_t pointCount(int series) const;
    int seriesCount() const { return static_cast<int>(m_series.size()); }
    /// The value of a series at the point nearest to x; nothing where it has none.
    std::optional<double> valueAt(int series, double x) const;

    void fit();
    bool isFitted() const { return m_fitX && m_fitY; }
    void setLogY(bool on);
    bool isLogY() const { return m_logY; }
    void setXRange(double lower, double upper);
    QCustomPlot& plot() { return *m_plot; }
    /// The crosshair at x, as if the mouse were there; nothing hides it.
    void showCrosshair(std::optional<double> x, std::optional<double> y = std::nullopt);

    QByteArray toPng(double scale) const;
    QByteArray toSvg() const;
    /// The points within the visible x range; raw numbers, full precision.
    QByteArray toCsv() const;

    /// Has the timer look at it again: it may have come into sight.
    void wake();
    /// Brings the chart up to date when it is in sight; false when there was nothing to do.
    bool refresh();

signals:
    void crosshairMoved(std::optional<double> x);
    /// A person zoomed, panned or fitted along x.
    void xRangeChosen(double lower, double upper, bool fitted);

protected:
    void showEvent(QShowEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    struct Line {
        QString name;
        SeriesRole role;
        Qt::PenStyle style;
        QCPGraph* graph;
        bool shown = true;
    };
    struct Band {
        int series;
        QString name;
        QCPGraph* lower;
        QCPGraph* upper;
    };

    void buildPlot();
    void buildActions();
    void connectMouse();
    void markStale();
    void applyTheme();
    void styleLine(const Line& line, QCPGraph* below);
    void styleBand(const Band& band);
    void applyScale();
    void applyFit();
    void fitX();
    void fitY();
    void restack();
    void updateLegend(std::optional<double> x);
    void toggleSeries(int series);
    void onMouseMove(QMouseEvent* event);
    void onWheel(QWheelEvent* event);
    void onXRange();
    void save(const QByteArray& bytes, const QString& suffix, const QString& filter);
    QString positionText(std::optional<double> x) const;
    QString xText(double x) const;

    ChartOptions m_options;
    ChartContext m_context;
    ChartFeed m_feed;
    std::uint64_t m_feedRevision = 0;
    LegendBar* m_legend = nullptr;
    QCustomPlot* m_plot = nullptr;
    QLabel* m_emptyLabel = nullptr;
    QAction* m_logAction = nullptr;
    std::unique_ptr<Crosshair> m_crosshair;
    std::vector<Line> m_series;
    std::vector<Band> m_bands;
    std::vector<std::vector<double>> m_rawX, m_rawY; ///< of a stacked chart only: shares before they were summed up
    std::optional<double> m_hoverX;
    bool m_fitX = true;
    bool m_fitY = true;
    bool m_byProgram = false; ///< a change of range that no person made
    bool m_logY = false;
    bool m_stale = true;
};

} // namespace btcai::gui
