// The chart widget: what it draws, how it is zoomed, read and saved.
#include <cmath>

#include <QAction>
#include <QLabel>
#include <QFile>
#include <qcustomplot.h>

#include "GuiTest.h"
#include "app/gui/charts/ForecastPanel.h"
#include "app/gui/charts/LegendBar.h"
#include "app/gui/charts/TimeSeriesChart.h"
#include "app/gui/shell/RefreshTimer.h"

using namespace btcai::gui;
using namespace btcai::gui::test;

namespace {

struct ChartFixture {
    explicit ChartFixture(ChartOptions options = {})
    {
        options.name = "chart";
        options.title = "Loss";
        options.emptyText = "waits";
        theme.apply(*qApp, ThemeChoice::Light);
        chart = std::make_unique<TimeSeriesChart>(options, ChartContext{theme, timer, dialogs});
        chart->resize(500, 300);
    }
    void show()
    {
        chart->show();
        QVERIFY(QTest::qWaitForWindowExposed(chart.get()));
    }
    QCPRange x() { return chart->plot().xAxis->range(); }
    QCPRange y() { return chart->plot().yAxis->range(); }
    void wheel(Qt::KeyboardModifiers modifiers = Qt::NoModifier)
    {
        const QPointF at = chart->plot().axisRect()->center();
        QWheelEvent event(at, chart->plot().mapToGlobal(at), {}, {0, 120}, Qt::NoButton, modifiers, Qt::NoScrollPhase, false);
        QApplication::sendEvent(&chart->plot(), &event);
    }

    Theme theme;
    RefreshTimer timer;
    ScriptedDialogs dialogs;
    std::unique_ptr<TimeSeriesChart> chart;
};

ChartOptions withQuantity(Quantity quantity)
{
    ChartOptions options;
    options.quantity = quantity;
    return options;
}

const std::vector<double> kX{0, 100, 200, 300};
const std::vector<double> kY{1, 10, 100, 1000};

} // namespace

class ChartsTest : public QObject {
    Q_OBJECT
private slots:
    void anEmptyChartSaysSoAndShowsNoScale()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.show();
        auto* const label = f.chart->plot().findChild<QLabel*>();
        QTRY_VERIFY(!f.chart->plot().xAxis->visible());
        QVERIFY(label->isVisible());
        QCOMPARE(label->text(), "waits");
        f.chart->setPoints(0, kX, kY);
        QTRY_VERIFY(!label->isVisible());
        QVERIFY(f.chart->plot().xAxis->visible());
    }

    void onlyTheTimerDraws()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.show();
        int replots = 0;
        connect(&f.chart->plot(), &QCustomPlot::afterReplot, this, [&] { ++replots; });
        QTRY_VERIFY(!f.chart->refresh());
        replots = 0;
        for (int i = 0; i < 1000; ++i)
            f.chart->appendPoints(0, std::vector<double>{double(i)}, std::vector<double>{1.0});
        QCOMPARE(replots, 0);
        QTRY_COMPARE(replots, 1);
        QCOMPARE(f.chart->pointCount(0), std::size_t{1000});
    }

    void aHiddenChartIsNotFilled()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        int fills = 0;
        std::uint64_t revision = 1;
        f.chart->setFeed({[&] { return revision; }, [&](TimeSeriesChart&) { ++fills; }});
        QVERIFY(!f.chart->refresh());
        QCOMPARE(fills, 0);
        f.show();
        QTRY_COMPARE(fills, 1);
        f.chart->refresh();
        QCOMPARE(fills, 1); // the revision is the same
        ++revision;
        f.chart->refresh();
        QCOMPARE(fills, 2);
    }

    void zoomSurvivesLiveDataAndADoubleClickFits()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, kX, kY);
        f.show();
        QTRY_COMPARE(f.x().upper, 300.0);
        f.wheel();
        const QCPRange zoomed = f.x();
        QVERIFY(zoomed.size() < 300);
        QVERIFY(!f.chart->isFitted());
        f.chart->appendPoints(0, std::vector<double>{400, 500}, std::vector<double>{5, 5});
        QTRY_VERIFY(!f.chart->refresh());
        QCOMPARE(f.x().lower, zoomed.lower);
        QCOMPARE(f.x().upper, zoomed.upper);
        QTest::mouseDClick(&f.chart->plot(), Qt::LeftButton, {}, f.chart->plot().axisRect()->center());
        QTRY_COMPARE(f.x().upper, 500.0);
        QVERIFY(f.chart->isFitted());
    }

    void controlWheelZoomsAlongValues()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, kX, kY);
        f.show();
        QTRY_COMPARE(f.x().upper, 300.0);
        const double before = f.y().size();
        f.wheel(Qt::ControlModifier);
        QVERIFY(f.y().size() < before);
        QCOMPARE(f.x().size(), 300.0);
        QTRY_VERIFY(!f.chart->refresh());
        QVERIFY(f.y().size() < before);
    }

    void draggingPans()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, kX, kY);
        f.show();
        QTRY_COMPARE(f.x().upper, 300.0);
        const QPoint from = f.chart->plot().axisRect()->center();
        QTest::mousePress(&f.chart->plot(), Qt::LeftButton, {}, from);
        QMouseEvent move(QEvent::MouseMove, from + QPoint(60, 0), f.chart->plot().mapToGlobal(from + QPoint(60, 0)), Qt::NoButton, Qt::LeftButton, {});
        QApplication::sendEvent(&f.chart->plot(), &move);
        QTest::mouseRelease(&f.chart->plot(), Qt::LeftButton, {}, from + QPoint(60, 0));
        QVERIFY(f.x().lower < -10);
        QTRY_VERIFY(!f.chart->refresh());
        QVERIFY(f.x().lower < -10);
    }

    void logarithmicValues()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, kX, std::vector<double>{-5, 0, 10, 1000});
        f.show();
        find<QAction>(*f.chart, "logAction")->trigger();
        QVERIFY(f.chart->isLogY());
        QTRY_VERIFY(f.y().lower > 0 && f.y().lower < 10.1 && f.y().upper > 1000);
        QCOMPARE(f.chart->plot().yAxis->scaleType(), QCPAxis::stLogarithmic);
        find<QAction>(*f.chart, "logAction")->trigger();
        QTRY_VERIFY(f.y().lower < -5);
    }

    void theCrosshairShowsValues()
    {
        ChartFixture f(withQuantity(Quantity::Count));
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->addSeries("b", SeriesRole::Second);
        f.chart->setPoints(0, kX, kY);
        f.chart->setPoints(1, kX, std::vector<double>{1, std::nan(""), 3, 4});
        f.show();
        QTRY_COMPARE(f.x().upper, 300.0);
        auto* const legend = f.chart->findChild<LegendBar*>();
        QTRY_COMPARE(legend->entries().size(), std::size_t{2});
        QCOMPARE(legend->entries()[0].value, "1,000");
        const int x = int(f.chart->plot().xAxis->coordToPixel(110));
        QTest::mouseMove(&f.chart->plot(), QPoint(x, 120));
        QTRY_COMPARE(legend->entries()[0].value, "10");
        QCOMPARE(legend->entries()[1].value, "—");
        QCOMPARE(*f.chart->valueAt(0, 260), 1000.0);
        QVERIFY(!f.chart->valueAt(1, 100));
        QEvent leave(QEvent::Leave);
        QApplication::sendEvent(&f.chart->plot(), &leave);
        QTRY_COMPARE(legend->entries()[0].value, "1,000");
    }

    void aClickInTheLegendHidesASeries()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, kX, kY);
        f.show();
        auto* const legend = f.chart->findChild<LegendBar*>();
        QTRY_COMPARE(legend->entries().size(), std::size_t{1});
        QTest::mouseClick(legend, Qt::LeftButton, {}, QPoint(16, legend->height() - 8));
        QTRY_VERIFY(!legend->entries()[0].shown);
        QVERIFY(!f.chart->plot().graph(0)->visible());
    }

    void stackedSharesAddUp()
    {
        ChartOptions options = withQuantity(Quantity::Share);
        options.stacked = true;
        ChartFixture f(options);
        for (const char* name : {"hold", "buy", "sell"})
            f.chart->addSeries(name, SeriesRole::First);
        const std::vector<double> x{0, 1};
        f.chart->setPoints(0, x, std::vector<double>{0.5, 0.6});
        f.chart->setPoints(1, x, std::vector<double>{0.3, 0.2});
        f.chart->setPoints(2, x, std::vector<double>{0.2, 0.2});
        f.show();
        QTRY_COMPARE(f.chart->plot().graph(2)->dataCount(), 2);
        QVERIFY(std::abs(f.chart->plot().graph(2)->data()->at(1)->value - 1.0) < 1e-12);
        QVERIFY(std::abs(f.chart->plot().graph(1)->data()->at(1)->value - 0.8) < 1e-12);
        QCOMPARE(*f.chart->valueAt(1, 1), 0.2); // the share itself, not the sum
    }

    void theVisibleRangeIsSavedAsCsv()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->addSeries("b \"quoted\"", SeriesRole::Second);
        f.chart->setPoints(0, kX, std::vector<double>{0.1, 0.2, 1.0 / 3.0, 0.4});
        f.chart->setPoints(1, std::vector<double>{200}, std::vector<double>{7});
        f.show();
        QTRY_COMPARE(f.x().upper, 300.0);
        f.chart->setXRange(50, 250);
        QTemporaryDir folder;
        f.dialogs.nextPath = folder.filePath("out.csv");
        find<QAction>(*f.chart, "csvAction")->trigger();
        QFile file(f.dialogs.nextPath);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), QByteArray("step,\"a\",\"b \"\"quoted\"\"\"\n100,0.2,\n200,0.3333333333333333,7\n"));
        QCOMPARE(f.dialogs.lastSuggestion, "chart.csv");
    }

    void timesInCsvAreUtc()
    {
        ChartOptions options;
        options.x = ChartOptions::XAxis::Utc;
        ChartFixture f(options);
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, std::vector<double>{1546300500, 1546300800}, std::vector<double>{1, 2});
        f.show();
        QTRY_COMPARE(f.x().upper, 1546300800.0);
        QCOMPARE(f.chart->toCsv(), QByteArray("time_utc,\"a\"\n2018-12-31T23:55:00Z,1\n2019-01-01T00:00:00Z,2\n"));
    }

    void picturesAreSaved()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.chart->setPoints(0, kX, kY);
        f.show();
        QTRY_COMPARE(f.x().upper, 300.0);
        QTemporaryDir folder;
        f.dialogs.nextPath = folder.filePath("out.png");
        find<QAction>(*f.chart, "pngAction")->trigger();
        const QImage picture(f.dialogs.nextPath);
        QVERIFY(picture.width() >= 900); // twice the pixels of the screen
        f.dialogs.nextPath = folder.filePath("out.svg");
        find<QAction>(*f.chart, "svgAction")->trigger();
        QFile svg(f.dialogs.nextPath);
        QVERIFY(svg.open(QIODevice::ReadOnly));
        const QByteArray content = svg.readAll();
        QVERIFY(content.contains("<svg") && content.contains("Loss"));
        QVERIFY(content.count("polyline") + content.count("<path") > 3); // lines, not a bitmap
        QVERIFY(!content.contains("<image"));
    }

    void aFileThatCanNotBeWrittenIsTold()
    {
        ChartFixture f;
        f.chart->addSeries("a", SeriesRole::First);
        f.show();
        f.dialogs.nextPath = "/nowhere/out.csv";
        find<QAction>(*f.chart, "csvAction")->trigger();
        QCOMPARE(f.dialogs.errors.size(), 1);
        QVERIFY(f.dialogs.errors[0].contains("/nowhere"));
    }

    void aForecastIsMeasuredByHandWorkedFigures()
    {
        btcai::protocol::Forecast f;
        f.time = {1, 2, 3, 4};
        f.mean = {1, 1, -1, -1};
        f.outcome = {2, 0, -2, 0};
        f.deviation = {1, 0.5, 1, 0.5};
        const ForecastQuality q = measure(f);
        QCOMPARE(q.count, std::size_t{4});
        QVERIFY(std::abs(q.correlation - 1.0 / std::sqrt(2.0)) < 1e-12);
        QCOMPARE(q.coverage, 0.5);
        QCOMPARE(q.skill, 0.5); // squared error 4 against 8
        f.lower = {0, 0.5, -3, 0.2};
        f.upper = {1.5, 1.5, 0, 0.5};
        QCOMPARE(measure(f).coverage, 0.25); // the third: the middle of a forecast that is not Gaussian counts, not the deviation
        f.lower = f.upper = {};
        f.mean = {0, 0, 0, 0};
        QCOMPARE(measure(f).skill, 0.0);
        QVERIFY(std::isnan(measure(f).correlation));
        QCOMPARE(measure({}).count, std::size_t{0});
    }
};

BTCAI_GUI_TEST(ChartsTest)
#include "tst_charts.moc"
