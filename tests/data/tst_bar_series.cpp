#include <bit>
#include <cmath>
#include <limits>

#include <QtTest>

#include "DataTestSupport.h"

using namespace btcai;
using namespace btcai::test;

class TestBarSeries : public QObject {
    Q_OBJECT

private slots:
    void missingBarsAreMaskedAndNaN()
    {
        const std::vector<Bar> bars{{600, 1, 3, 0.5, 2, 10}, {900, 2, 4, 1, 3, 20}, {1800, 5, 6, 4, 5.5, 30}};
        const BarSeries series = BarSeries::fromBars("X", 300, bars);
        QCOMPARE(series.size(), std::size_t{5}); // 600 900 1200 1500 1800
        QCOMPARE(series.presentCount(), std::size_t{3});
        QCOMPARE(series.startTime(), std::int64_t{600});
        QCOMPARE(series.timestamp(4), std::int64_t{1800});
        const std::vector<std::uint8_t> mask(series.mask().begin(), series.mask().end());
        QCOMPARE(mask, (std::vector<std::uint8_t>{1, 1, 0, 0, 1}));
        for (const auto column : {series.open(), series.high(), series.low(), series.close(), series.volume()})
            QVERIFY(std::isnan(column[2]) && std::isnan(column[3]));
        QVERIFY(!series.bar(2));
        const auto last = series.bar(4);
        QVERIFY(last);
        QCOMPARE(last->timestamp, std::int64_t{1800});
        QCOMPARE(last->open, 5.0);
        QCOMPARE(last->high, 6.0);
        QCOMPARE(last->low, 4.0);
        QCOMPARE(last->close, 5.5);
        QCOMPARE(last->volume, 30.0);
    }

    void copiesAndSlicesShareTheColumns()
    {
        const std::vector<Bar> bars = wanderingBars(50);
        BarSeries series = BarSeries::fromBars("X", 300, bars);
        const std::string hash = series.contentHash();
        const BarSeries copy = series;
        QVERIFY(copy.close().data() == series.close().data());
        BarSeries other = std::move(series);
        QCOMPARE(series.size(), std::size_t{50}); // a move is a copy: nothing is left without its columns
        const BarSeries part = other.slice(10, 30);
        other = BarSeries("Y", 60);
        series = other;
        QCOMPARE(copy.contentHash(), hash);
        QCOMPARE(part.close()[0], bars[10].close); // the slice holds what it stands on
        QVERIFY(part.contentHash() != hash);
        QCOMPARE(part.contentHash(), BarSeries::fromBars("X", 300, std::span(bars).subspan(10, 20)).contentHash());
    }

    void standsOnColumnsOfOthers()
    {
        const auto columns = std::make_shared<BarColumns>(BarColumns::missing(3));
        columns->set(0, {0, 1, 4, 0.5, 2, 7});
        columns->set(2, {0, 2, 3, 1, 3, 8});
        const auto view = [&] { return BarColumnView{columns->open, columns->high, columns->low, columns->close, columns->volume, columns->mask}; };
        {
            const BarSeries series = BarSeries::fromShared("X", 300, 600, view(), columns);
            QCOMPARE(series.presentCount(), std::size_t{2});
            QCOMPARE(series.bar(2)->timestamp, std::int64_t{1200});
            QVERIFY(series.close().data() == columns->close.data());
            QCOMPARE(columns.use_count(), 2L);
            const std::vector<Bar> bars{{600, 1, 4, 0.5, 2, 7}, {1200, 2, 3, 1, 3, 8}};
            QCOMPARE(series.contentHash(), BarSeries::fromBars("X", 300, bars).contentHash());
        }
        QCOMPARE(columns.use_count(), 1L);
        columns->open[1] = 5.0;
        auto failure = failureOf([&] { BarSeries::fromShared("X", 300, 600, view(), columns); });
        QVERIFY(failure && failure->says("row 1 is missing, but has a value"));
        columns->mask[1] = 2;
        failure = failureOf([&] { BarSeries::fromShared("X", 300, 600, view(), columns); });
        QVERIFY(failure && failure->says("mask of row 1"));
        columns->mask[1] = 1;
        QVERIFY(failureOf([&] { BarSeries::fromShared("X", 300, 601, view(), columns); }));
        columns->high.pop_back();
        QVERIFY(failureOf([&] { BarSeries::fromShared("X", 300, 600, view(), columns); }));
    }

    void refusesWhatIsNotOnTheGrid()
    {
        std::vector<Bar> bars{{600, 1, 1, 1, 1, 1}, {901, 1, 1, 1, 1, 1}};
        auto failure = failureOf([&] { BarSeries::fromBars("X", 300, bars); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("bar 1") && failure->says("901"));
        bars[1].timestamp = 600;
        failure = failureOf([&] { BarSeries::fromBars("X", 300, bars); });
        QVERIFY(failure && failure->says("bar 1") && failure->says("does not come after 600"));
        bars[1].timestamp = 300;
        QVERIFY(failureOf([&] { BarSeries::fromBars("X", 300, bars); }));
        bars[1].timestamp = -300;
        QVERIFY(failureOf([&] { BarSeries::fromBars("X", 300, bars); }));
        bars[1].timestamp = std::numeric_limits<std::int64_t>::max();
        QVERIFY(failureOf([&] { BarSeries::fromBars("X", 300, bars); }));
        bars[1].timestamp = 900;
        QVERIFY(!failureOf([&] { BarSeries::fromBars("X", 300, bars); }));
    }

    void refusesIntervalsThatDoNotDivideADay()
    {
        for (const std::int64_t interval : {0, -300, 7, 86401, 172800, 1000})
            QVERIFY(failureOf([&] { BarSeries("X", interval); }));
        for (const std::int64_t interval : {1, 60, 300, 900, 3600, 14400, 86400})
            QVERIFY(!failureOf([&] { BarSeries("X", interval); }));
    }

    // Two stray stamps must not cost the memory of the centuries between them.
    void refusesAGridThatIsNearlyAllMissing()
    {
        const std::vector<Bar> bars{{0, 1, 1, 1, 1, 1}, {250'000'000'000, 1, 1, 1, 1, 1}};
        const auto failure = failureOf([&] { BarSeries::fromBars("X", 1, bars); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("missing"));
    }

    void lowerBoundFindsTheFirstRowNotBefore()
    {
        const BarSeries series = BarSeries::fromBars("X", 300, std::vector<Bar>{{600, 1, 1, 1, 1, 1}, {1500, 1, 1, 1, 1, 1}});
        QCOMPARE(series.lowerBound(std::numeric_limits<std::int64_t>::min()), std::size_t{0});
        QCOMPARE(series.lowerBound(600), std::size_t{0});
        QCOMPARE(series.lowerBound(601), std::size_t{1});
        QCOMPARE(series.lowerBound(900), std::size_t{1});
        QCOMPARE(series.lowerBound(1500), std::size_t{3});
        QCOMPARE(series.lowerBound(1501), std::size_t{4});
        QCOMPARE(series.lowerBound(std::numeric_limits<std::int64_t>::max()), std::size_t{4});
        QCOMPARE(BarSeries("X", 300).lowerBound(0), std::size_t{0});
    }

    void aSliceKeepsTimesAndMissingEnds()
    {
        const std::vector<Bar> bars{{600, 1, 3, 0.5, 2, 10}, {1500, 2, 4, 1, 3, 20}, {1800, 5, 6, 4, 5.5, 30}};
        const BarSeries series = BarSeries::fromBars("X", 300, bars);
        const BarSeries part = series.slice(1, 4);
        QCOMPARE(part.size(), std::size_t{3});
        QCOMPARE(part.startTime(), std::int64_t{900});
        QCOMPARE(part.presentCount(), std::size_t{1});
        QVERIFY(!part.present(0) && !part.present(1));
        QCOMPARE(part.bar(2)->close, 3.0);
        QCOMPARE(part.instrument(), std::string("X"));
        QCOMPARE(series.slice(0, series.size()).contentHash(), series.contentHash());
        QVERIFY(series.slice(2, 2).empty());
        QVERIFY(failureOf([&] { series.slice(3, 2); }));
        QVERIFY(failureOf([&] { series.slice(0, 6); }));
    }

    void fromColumnsRefusesUnequalColumns()
    {
        BarColumns columns{{1}, {1}, {1}, {1}, {1}, {1, 1}};
        QVERIFY(failureOf([&] { BarSeries::fromColumns("X", 300, 0, columns); }));
        columns.mask = {1};
        QVERIFY(failureOf([&] { BarSeries::fromColumns("X", 300, 5, columns); })); // off the grid
        QVERIFY(!failureOf([&] { BarSeries::fromColumns("X", 300, 300, columns); }));
    }

    void theHashChangesWithEachPartOfTheContent()
    {
        const std::vector<Bar> bars = wanderingBars(50);
        const std::string hash = BarSeries::fromBars("X", 300, bars).contentHash();
        QCOMPARE(hash.size(), std::size_t{64});
        QCOMPARE(BarSeries::fromBars("Y", 300, bars).contentHash(), hash); // the name is no content
        for (double Bar::*field : {&Bar::open, &Bar::high, &Bar::low, &Bar::close, &Bar::volume}) {
            std::vector<Bar> changed = bars;
            changed[17].*field = std::nextafter(changed[17].*field, 1e9);
            QVERIFY(BarSeries::fromBars("X", 300, changed).contentHash() != hash);
        }
        std::vector<Bar> missing = bars;
        missing.erase(missing.begin() + 17);
        QVERIFY(BarSeries::fromBars("X", 300, missing).contentHash() != hash);
        // The same bars around a hole at another place.
        const Bar one{300, 1, 1, 1, 1, 1};
        const std::vector<Bar> holeLate{{0, 1, 1, 1, 1, 1}, one, {900, 1, 1, 1, 1, 1}};
        std::vector<Bar> holeEarly = holeLate;
        holeEarly[1].timestamp = 600;
        QVERIFY(BarSeries::fromBars("X", 300, holeLate).contentHash() != BarSeries::fromBars("X", 300, holeEarly).contentHash());
        std::vector<Bar> later = bars;
        for (Bar& bar : later)
            bar.timestamp += 300;
        QVERIFY(BarSeries::fromBars("X", 300, later).contentHash() != hash);
        QVERIFY(BarSeries::fromBars("X", 60, bars).contentHash() != BarSeries::fromBars("X", 300, bars).contentHash());
    }
};

QTEST_APPLESS_MAIN(TestBarSeries)
#include "tst_bar_series.moc"
