#include <cmath>
#include <limits>

#include "GuiTest.h"
#include "app/gui/training/Series.h"

using btcai::gui::Series;

class SeriesTest : public QObject {
    Q_OBJECT
private slots:
    void thinningKeepsASpikeAndTheEnds()
    {
        Series series(Series::Thinning::MinMax, 64);
        for (int i = 0; i < 10000; ++i)
            series.append(i, i == 3333 ? 1e6 : i == 5001 ? -1e6 : 0.0);
        QVERIFY(series.size() < 64);
        QVERIFY(series.size() >= 32);
        QCOMPARE(*std::ranges::max_element(series.y()), 1e6);
        QCOMPARE(*std::ranges::min_element(series.y()), -1e6);
        QVERIFY(std::ranges::is_sorted(series.x()));
        QCOMPARE(series.x().back(), 9999.0);
    }

    void thinningTellsThatOldPointsChanged()
    {
        Series series(Series::Thinning::MinMax, 64);
        const auto before = series.generation();
        for (int i = 0; i < 63; ++i)
            series.append(i, i);
        QCOMPARE(series.generation(), before);
        series.append(63, 63);
        QVERIFY(series.generation() != before);
    }

    void meansOfSharesStillSumToOne()
    {
        Series a(Series::Thinning::Mean, 16), b(Series::Thinning::Mean, 16);
        for (int i = 0; i < 1000; ++i) {
            a.append(i, 0.1 * (i % 10));
            b.append(i, 1.0 - 0.1 * (i % 10));
        }
        QCOMPARE(a.x(), b.x());
        for (std::size_t i = 0; i < a.size(); ++i)
            QVERIFY(std::abs(a.y()[i] + b.y()[i] - 1.0) < 1e-12);
    }

    void aMissingValueStaysAGapUnlessTheBucketHasOthers()
    {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        Series series(Series::Thinning::MinMax, 8);
        for (const double y : {nan, 1.0, nan, 5.0, nan, nan, nan, nan})
            series.append(double(series.size()), y);
        QCOMPARE(series.size(), std::size_t{4});
        QCOMPARE(series.y()[0], 1.0);
        QCOMPARE(series.y()[1], 5.0);
        QVERIFY(std::isnan(series.y()[2]));
    }

    void truncationDropsWhatIsLater()
    {
        Series series;
        for (int i = 0; i < 10; ++i)
            series.append(100.0 * i, i);
        const auto before = series.generation();
        series.truncateAfter(450);
        QCOMPARE(series.size(), std::size_t{5});
        QCOMPARE(series.last(), 4.0);
        QVERIFY(series.generation() != before);
        QCOMPARE(series.at(449), 4.0);
        QCOMPARE(series.at(399), 3.0);
        QVERIFY(std::isnan(series.at(-1)));
    }

    void aPointThatGoesBackIsMovedForward()
    {
        Series series;
        series.append(10, 1);
        series.append(5, 2);
        QCOMPARE(series.x(), (std::vector<double>{10, 10}));
    }
};

BTCAI_GUI_TEST(SeriesTest)
#include "tst_series.moc"
