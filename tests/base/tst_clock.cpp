#include <ctime>

#include <QtTest>

#include "base/Clock.h"
#include "base/Error.h"

using namespace btcai;

class TestClock : public QObject {
    Q_OBJECT

private slots:
    // Facts that date(1) confirms: date -u -d 2000-02-29T23:59:59Z +%s
    void knownTimes_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<qint64>("seconds");
        QTest::newRow("epoch") << "1970-01-01T00:00:00Z" << qint64{0};
        QTest::newRow("before") << "1969-12-31T23:59:59Z" << qint64{-1};
        QTest::newRow("Binance opens") << "2017-08-17T04:00:00Z" << qint64{1502942400};
        QTest::newRow("leap day of a century") << "2000-02-29T23:59:59Z" << qint64{951868799};
        QTest::newRow("past 32 bits") << "2038-01-19T03:14:08Z" << qint64{2147483648};
        QTest::newRow("first") << "0000-01-01T00:00:00Z" << qint64{-62167219200};
        QTest::newRow("last") << "9999-12-31T23:59:59Z" << qint64{253402300799};
    }
    void knownTimes()
    {
        QFETCH(QString, text);
        QFETCH(qint64, seconds);
        QCOMPARE(formatUtc(seconds), text.toStdString());
        QCOMPARE(parseUtc(text.toStdString()), seconds);
    }

    void otherSpellings_data()
    {
        QTest::addColumn<QString>("text");
        QTest::newRow("blank and no zone") << "2017-08-17 04:00:00";
        QTest::newRow("no seconds") << "2017-08-17T04:00Z";
        QTest::newRow("east") << "2017-08-17T06:00:00+02:00";
        QTest::newRow("west, the day before") << "2017-08-16T22:30:00-05:30";
    }
    void otherSpellings()
    {
        QFETCH(QString, text);
        QCOMPARE(parseUtc(text.toStdString()), qint64{1502942400});
        QCOMPARE(parseUtc("2017-08-17"), qint64{1502942400 - 4 * 3600});
    }

    void nonsenseIsRefused_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text : {"",
                                 "2017",
                                 "2017-8-17",
                                 "2017-13-01",
                                 "2017-02-29",
                                 "2017-00-10",
                                 "1900-02-29",
                                 "2017-08-17T",
                                 "2017-08-17T24:00",
                                 "2017-08-17T04",
                                 "2017-08-17T04:60",
                                 "2017-08-17T04:00:60",
                                 "2017-08-17T04:00:00ZZ",
                                 "2017-08-17T04:00:00+2",
                                 "2017-08-17Z",
                                 " 2017-08-17",
                                 "2017-08-17 ",
                                 "+017-08-17",
                                 "2017-08-17T04:00:00.5Z",
                                 "1502942400"})
            QTest::newRow(*text ? text : "empty") << text;
    }
    void nonsenseIsRefused()
    {
        QFETCH(QString, text);
        try {
            (void)parseUtc(text.toStdString());
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadInput);
            QVERIFY(std::string(error.what()).starts_with('"' + text.toStdString() + '"'));
        }
    }

    void yearsOutsideAreRefused()
    {
        QVERIFY_THROWS_EXCEPTION(Error, (void)formatUtc(253402300800));
        QVERIFY_THROWS_EXCEPTION(Error, (void)formatUtc(-62167219201));
    }

    void everyDayOfFourCenturiesComesBack()
    {
        for (std::int64_t day = -100'000; day < 50'000; ++day)
            QCOMPARE(parseUtc(formatUtc(day * 86'400 + 12'345)), day * 86'400 + 12'345);
    }

    void theSystemsClockGoesOn()
    {
        const SystemClock clock;
        const double before = clock.steadySeconds();
        const auto utc = static_cast<double>(std::time(nullptr));
        QVERIFY(clock.utcSeconds() >= utc);
        QVERIFY(clock.utcSeconds() < utc + 100.0);
        QTest::qSleep(5);
        QVERIFY(clock.steadySeconds() - before >= 0.004);
    }

    void aManualClockMovesWhenTold()
    {
        ManualClock clock(1000.0);
        const double steady = clock.steadySeconds();
        QCOMPARE(clock.utcSeconds(), 1000.0);
        clock.advance(2.5);
        QCOMPARE(clock.utcSeconds(), 1002.5);
        QCOMPARE(clock.steadySeconds() - steady, 2.5);
        clock.setUtcSeconds(10.0); // a correction, back in time, that durations don't notice
        QCOMPARE(clock.utcSeconds(), 10.0);
        QCOMPARE(clock.steadySeconds() - steady, 2.5);
    }
};

QTEST_GUILESS_MAIN(TestClock)
#include "tst_clock.moc"
