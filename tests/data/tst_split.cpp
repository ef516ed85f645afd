#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/Split.h"

using namespace btcai;
using namespace btcai::test;

class TestSplit : public QObject {
    Q_OBJECT

private slots:
    void workedByHand()
    {
        // 1000 usable rows from 100 on: training 700, validation 150, test 150, 40 of the latter two embargoed.
        const TimeSplit split = splitByTime(100, 1100, {.trainShare = 0.7, .validationShare = 0.15, .embargoRows = 40});
        QVERIFY((split.train == RowRange{100, 800}));
        QVERIFY((split.validation == RowRange{840, 950}));
        QVERIFY((split.test == RowRange{990, 1100}));
    }

    void partsNeverTouchAndTheEmbargoIsExact()
    {
        for (const std::size_t rows : {1000u, 1777u, 2001u, 4096u})
            for (const std::size_t embargo : {0u, 1u, 13u, 50u})
                for (const double train : {0.5, 0.6, 0.73}) {
                    const std::size_t first = rows / 10;
                    const TimeSplit split = splitByTime(first, rows, {train, 0.2, embargo});
                    QCOMPARE(split.train.first, first);
                    QVERIFY(split.train.size() > 0 && split.validation.size() > 0 && split.test.size() > 0);
                    QCOMPARE(split.validation.first - split.train.last, embargo);
                    QCOMPARE(split.test.first - split.validation.last, embargo);
                    QCOMPARE(split.test.last, rows);
                }
    }

    void sharesAreOfTheUsableRows()
    {
        const TimeSplit split = splitByTime(0, 20, {0.5, 0.25, 0});
        QCOMPARE(split.train.size(), std::size_t{10});
        QCOMPARE(split.validation.size(), std::size_t{5});
        QCOMPARE(split.test.size(), std::size_t{5});
    }

    void aShortageIsNamed()
    {
        auto failure = failureOf([] { splitByTime(0, 100, {0.7, 0.15, 15}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("validation") && failure->says("embargo of 15"));
        failure = failureOf([] { splitByTime(0, 100, {0.7, 0.2, 10}); });
        QVERIFY(failure && failure->says("test part"));
        QVERIFY(!failureOf([] { splitByTime(0, 100, {0.7, 0.15, 14}); }));
        failure = failureOf([] { splitByTime(100, 100, {}); });
        QVERIFY(failure && failure->says("warm-up"));
        QVERIFY(failureOf([] { splitByTime(101, 100, {}); }));
        QVERIFY(failureOf([] { splitByTime(0, 2, {}); }));
    }

    void sharesOutOfRangeAreRefused()
    {
        for (const auto& [train, validation] : {std::pair{0.0, 0.1}, {1.0, 0.1}, {-0.1, 0.1}, {0.5, 0.0}, {0.5, 0.5}, {0.8, 0.3},
                                                {std::nan(""), 0.1}, {0.5, std::nan("")}, {INFINITY, 0.1}})
            QVERIFY(failureOf([&] { splitByTime(0, 1000, {train, validation, 0}); }));
    }
};

QTEST_APPLESS_MAIN(TestSplit)
#include "tst_split.moc"
