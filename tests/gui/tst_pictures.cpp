// Draws the real window in light and dark and writes the pictures where BTCAI_PICTURES says, for eyes to look at; checks
// that nothing in it is blank.
#include <set>

#include <QAction>
#include <QComboBox>
#include <QFile>
#include <QScrollBar>
#include <QTableView>

#include "GuiTest.h"
#include "RecordedRun.h"
#include "app/gui/charts/ChartGrid.h"
#include "app/gui/charts/TimeSeriesChart.h"
#include "app/gui/training/RunTable.h"

using namespace btcai::gui;
using namespace btcai::gui::test;

class PicturesTest : public QObject {
    Q_OBJECT
private slots:
    void window_data()
    {
        QTest::addColumn<QString>("theme");
        QTest::newRow("light") << "light";
        QTest::newRow("dark") << "dark";
    }
    void window()
    {
        QFETCH(QString, theme);
        WindowFixture fixture;
        fixture.settings->setValue("window/theme", theme);
        writeRunFolder(fixture.workspace / "scalping-20260105-100000-s1", {.withMechanisms = true});
        writeRunFolder(fixture.workspace / "short-20260104-220000-s2",
                       {.iterations = 33, .last = btcai::protocol::WorkerState::Running, .bucket = "short"});
        writeRunFolder(fixture.workspace / "long-20260103-090000-s1",
                       {.iterations = 12, .last = btcai::protocol::WorkerState::Failed, .bucket = "long"});
        MainWindow& window = fixture.show();
        auto* const table = find<RunTable>(window, "runTable");
        QTRY_COMPARE(table->model()->rowCount(), 3);
        for (int row = 0; row < 3; ++row)
            if (fixture.window->registry().at(row)->summary().name.startsWith("scalping"))
                table->select(fixture.window->registry().at(row));
        const auto* const chart = find<TimeSeriesChart>(window, "policyLossChart");
        QTRY_COMPARE(chart->pointCount(0), std::size_t{60});
        for (const char* tab : {"Learning", "Equity", "Forecast", "Trades", "Settings", "Log"}) {
            openTab(window, tab);
            settle();
            save(window, theme + "-" + QString(tab).toLower());
        }
        openTab(window, "Learning");
        auto* const charts = find<ChartGrid>(window, "learningPanel");
        charts->verticalScrollBar()->setValue(charts->verticalScrollBar()->maximum());
        settle();
        save(window, theme + "-mechanisms");
        for (const char* more : {"more.", "more.train"})
            click(window, more);
        type(window, "train.steps", "2e");
        settle();
        save(window, theme + "-form");
        QVERIFY(takeWarnings().isEmpty());
    }

    /// For the README: with BTCAI_PICTURES_DATA (market data), BTCAI_PICTURES_CONFIG (a run.toml) and BTCAI_WORKER (a real worker)
    /// a real run is pictured while it goes on.
    void realRun()
    {
        const QString bars = qEnvironmentVariable("BTCAI_PICTURES_DATA");
        if (bars.isEmpty())
            return;
        WindowFixture fixture(WorkerOptions().arguments, qEnvironmentVariable("BTCAI_WORKER"));
        fixture.dataFile = bars;
        QFile config(qEnvironmentVariable("BTCAI_PICTURES_CONFIG"));
        if (config.open(QIODevice::ReadOnly))
            fixture.settings->setValue("training/form", QString::fromUtf8(config.readAll()));
        MainWindow& window = fixture.show();
        type(window, "runName", "scalping-first");
        click(window, "startButton");
        Run& run = *window.registry().at(0);
        QTRY_VERIFY_WITH_TIMEOUT(!run.isLive() || (run.progress() > 0.6 && run.store()->evaluation("validation")), 3600000);
        for (const char* theme : {"light", "dark"}) {
            find<QAction>(window, qPrintable(QString("theme.") + theme))->trigger();
            for (const char* tab : {"Learning", "Equity", "Forecast", "Trades", "Settings", "Log"}) {
                openTab(window, tab);
                settle();
                save(window, QString("real-%1-%2").arg(theme, QString(tab).toLower()));
            }
        }
        click(window, "stopButton");
        QTRY_VERIFY_WITH_TIMEOUT(!run.isLive(), 120000);
    }

    void firstStart()
    {
        WindowFixture fixture;
        MainWindow& window = fixture.show();
        settle();
        save(window, "light-first-start");
    }

private:
    static void settle() // until the refresh timer has nothing left to draw
    {
        for (int i = 0; i < 8; ++i)
            QTest::qWait(60);
    }

    static void save(QWidget& window, const QString& name)
    {
        const QImage image = window.grab().toImage();
        std::set<QRgb> colors;
        for (int y = 0; y < image.height(); y += 7)
            for (int x = 0; x < image.width(); x += 7)
                colors.insert(image.pixel(x, y));
        QVERIFY2(colors.size() > 8, "the window is blank");
        const QString folder = qEnvironmentVariable("BTCAI_PICTURES");
        if (folder.isEmpty())
            return;
        const QString scale = window.devicePixelRatioF() == 1.0 ? QString() : QString("@%1x").arg(window.devicePixelRatioF());
        QVERIFY(image.save(QString("%1/%2%3.png").arg(folder, name, scale)));
    }
};

BTCAI_GUI_TEST(PicturesTest)
#include "tst_pictures.moc"
