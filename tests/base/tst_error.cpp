#include <set>
#include <string>
#include <thread>

#include <QtTest>

#include "base/BuildInfo.h"
#include "base/Error.h"
#include "base/StopToken.h"
#include "base/Version.h"

using namespace btcai;

class TestError : public QObject {
    Q_OBJECT

private slots:
    // Scripts rely on these: they must never change.
    void namesAndExitCodesAreStable_data()
    {
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("code");
        QTest::newRow("bad input") << int(ErrorKind::BadInput) << "bad-input" << 2;
        QTest::newRow("io") << int(ErrorKind::Io) << "io" << 3;
        QTest::newRow("corrupt") << int(ErrorKind::Corrupt) << "corrupt" << 4;
        QTest::newRow("unsupported") << int(ErrorKind::Unsupported) << "unsupported" << 5;
        QTest::newRow("protocol") << int(ErrorKind::Protocol) << "protocol" << 6;
        QTest::newRow("numeric") << int(ErrorKind::Numeric) << "numeric" << 7;
        QTest::newRow("internal") << int(ErrorKind::Internal) << "internal" << 70;
        QTest::newRow("cancelled") << int(ErrorKind::Cancelled) << "cancelled" << 130;
    }
    void namesAndExitCodesAreStable()
    {
        QFETCH(int, kind);
        QFETCH(QString, name);
        QFETCH(int, code);
        QCOMPARE(std::string(errorKindName(static_cast<ErrorKind>(kind))), name.toStdString());
        QCOMPARE(exitCode(static_cast<ErrorKind>(kind)), code);
    }

    void messagesAreFormatted()
    {
        const Error error(ErrorKind::Corrupt, "{}: record {} is cut short", "bars.h5", 7);
        QCOMPARE(std::string(error.what()), std::string("bars.h5: record 7 is cut short"));
        QCOMPARE(error.kind(), ErrorKind::Corrupt);
        // A message from outside is not a format.
        QCOMPARE(std::string(Error(ErrorKind::BadInput, std::string("{}")).what()), std::string("{}"));
    }

    void copiesOfAStopTokenShareOneRequest()
    {
        const StopToken token;
        const StopToken copy = token;
        token.throwIfStopped();
        std::thread([copy] { copy.requestStop(); }).join();
        QVERIFY(token.stopRequested());
        QVERIFY(!StopToken().stopRequested());
        try {
            token.throwIfStopped();
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::Cancelled);
        }
    }

    void theBuildKnowsItsVersion()
    {
        (void)Version::parse(buildInfo().version); // throws when it is none
        QVERIFY(!std::string(buildInfo().revision).empty());
    }
};

QTEST_GUILESS_MAIN(TestError)
#include "tst_error.moc"
