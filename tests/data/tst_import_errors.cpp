#include <QTemporaryDir>
#include <QtTest>

#include "DataTestSupport.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

const std::string kHeader = "timestamp,open,high,low,close,volume\n";
const std::string kGood = "300,10,12,8,11,5\n600,11,13,9,12,5\n";

std::string klineRow(const std::string& head) { return head + ",1637971259999,1,1,1,1,0\n"; }

} // namespace

class TestImportErrors : public QObject {
    Q_OBJECT

private slots:
    // Each bad row stands on line 4, behind the header and two good rows.
    void aBadRowIsNamed_data()
    {
        QTest::addColumn<QString>("row");
        QTest::addColumn<QString>("says");
        QTest::newRow("text for a price") << "900,abc,13,9,12,5" << "open is \"abc\", not a number";
        QTest::newRow("number with a tail") << "900,11,13x,9,12,5" << "high is \"13x\", not a number";
        QTest::newRow("two decimal points") << "900,11,13,9.1.2,12,5" << "low is";
        QTest::newRow("hexadecimal") << "900,0x10,13,9,12,5" << "open is";
        QTest::newRow("empty field") << "900,11,13,9,,5" << "close is empty";
        QTest::newRow("blank field") << "900,11,13,9,12, " << "volume is empty";
        QTest::newRow("NaN") << "900,11,13,nan,12,5" << "low is NaN";
        QTest::newRow("NaN volume") << "900,11,13,9,12,NaN" << "volume is NaN";
        QTest::newRow("infinite") << "900,11,inf,9,12,5" << "high is infinite";
        QTest::newRow("minus infinity") << "900,11,13,-infinity,12,5" << "low is infinite";
        QTest::newRow("beyond doubles") << "900,11,1e999,9,12,5" << "beyond the range";
        QTest::newRow("negative price") << "900,11,13,-9,12,5" << "low is negative";
        QTest::newRow("zero price") << "900,0,13,9,12,5" << "open is zero";
        QTest::newRow("negative volume") << "900,11,13,9,12,-5" << "volume is negative";
        QTest::newRow("high below low") << "900,11,8,9,12,5" << "high 8 is below low 9";
        QTest::newRow("a column short") << "900,11,13,9,12" << "5 columns where 6 must stand";
        QTest::newRow("a column more") << "900,11,13,9,12,5,6" << "7 columns";
        QTest::newRow("one word") << "hello" << "1 columns";
        QTest::newRow("time repeats") << "600,11,13,9,12,6" << "time 1970-01-01T00:10:00Z has";
        QTest::newRow("time goes back") << "300,10,12,8,11,5" << "does not come after 1970-01-01T00:10:00Z";
        QTest::newRow("time is text") << "2018-01-01,11,13,9,12,5" << "timestamp is \"2018-01-01\"";
        QTest::newRow("time has a fraction") << "900.5,11,13,9,12,5" << "00:15:00.5Z is not on the grid";
        QTest::newRow("time is negative") << "-900,11,13,9,12,5" << "timestamp is negative";
        QTest::newRow("time in another unit") << "1700000000000,11,13,9,12,5" << "looks like ms";
        QTest::newRow("time beyond 64 bits") << "99999999999999999999,11,13,9,12,5" << "timestamp is";
        QTest::newRow("time off the grid") << "901,11,13,9,12,5" << "not on the grid of 300 s";
        QTest::newRow("bytes of a program") << "\x01\x7f,11,13,9,12,5" << "timestamp is \"??\"";
        QTest::newRow("header again") << "timestamp,open,high,low,close,volume" << "timestamp is \"timestamp\"";
    }
    void aBadRowIsNamed()
    {
        QFETCH(QString, row);
        QFETCH(QString, says);
        // A step of 300 s more, so that the interval is still 300 s when the bad row is 301 s away.
        const std::string text = kHeader + kGood + row.toStdString() + "\n1200,11,13,9,12,5\n1500,11,13,9,12,5\n";
        const auto path = file("prices.csv", text);
        for (const bool packed : {false, true}) {
            if (packed)
                writeGzip(path, text);
            const auto failure = failureOf([&] { loadSeries(path); });
            QVERIFY(failure);
            QVERIFY(failure->kind == ErrorKind::BadInput);
            QVERIFY2(failure->says("prices.csv: line 4: "), failure->message.c_str());
            QVERIFY2(failure->says(says.toStdString()), failure->message.c_str());
        }
    }

    void theGoodRowsAreGood() { QVERIFY(!failureOf([&] { loadSeries(file("a.csv", kHeader + kGood)); })); }

    void aBadKlineIsNamed_data()
    {
        QTest::addColumn<QString>("row");
        QTest::addColumn<QString>("says");
        QTest::newRow("text") << QString::fromStdString(klineRow("1637971260000,x,2,1,1,5")) << "open is \"x\"";
        QTest::newRow("high below low") << QString::fromStdString(klineRow("1637971260000,2,1,2,1,5")) << "high 1 is below low 2";
        QTest::newRow("time repeats") << QString::fromStdString(klineRow("1637971200000,1,2,1,2,5")) << "has open";
        QTest::newRow("within a second") << QString::fromStdString(klineRow("1637971260500,1,2,1,1,5")) << "not on the grid";
        QTest::newRow("columns") << "1637971260000,1,2,1,1,5\n" << "6 columns where 12 must stand";
    }
    void aBadKlineIsNamed()
    {
        QFETCH(QString, row);
        QFETCH(QString, says);
        const auto path = file("klines.csv", klineRow("1637971200000,1,2,1,1,5") + row.toStdString() + klineRow("1637971320000,1,2,1,1,5")
                                              + klineRow("1637971380000,1,2,1,1,5"));
        const auto failure = failureOf([&] { loadSeries(path); });
        QVERIFY(failure);
        QVERIFY2(failure->says("klines.csv: line 2: ") && failure->says(says.toStdString()), failure->message.c_str());
    }

    void whatIsNoDataSetIsRefused_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("blank lines") << QByteArray("\n\n\n");
        QTest::newRow("prose") << QByteArray("# Readme\n\nNothing to trade here.\n");
        QTest::newRow("JSON") << QByteArray("[[1464739200000,1,2,1,2]]\n");
        QTest::newRow("picture") << QByteArray("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
        QTest::newRow("no header") << QByteArray("300,10,12,8,11,5\n600,11,13,9,12,5\n");
        QTest::newRow("no close") << QByteArray("timestamp,open,high,low,volume\n300,10,12,8,5\n");
        QTest::newRow("header only") << QByteArray(kHeader.c_str());
        QTest::newRow("twelve numbers, no klines") << QByteArray("1,2,3,4,5,6,7,8,9,10,11,12\n");
        QTest::newRow("UTF-16") << QByteArray("\xff\xfet\0i\0m\0e\0", 10);
        QTest::newRow("one endless line") << QByteArray(1'000'000, 'a');
        QTest::newRow("zeros") << QByteArray(100'000, '\0');
    }
    void whatIsNoDataSetIsRefused()
    {
        QFETCH(QByteArray, bytes);
        const auto path = file("thing.bin", bytes.toStdString());
        const auto failure = failureOf([&] { loadSeries(path); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->says("thing.bin") && failure->says("is not a data set"), failure->message.c_str());
        QVERIFY(failure->message.size() < 500);
    }

    // Numbers that are no prices and would overflow in the features, and thousands marks.
    void impossibleNumbersAreRefused()
    {
        const auto says = [&](const std::string& row, const char* part) {
            const auto failure = failureOf([&] { loadSeries(file("a.csv", kHeader + row)); });
            QVERIFY2(failure && failure->says("a.csv: line 2: ") && failure->says(part), failure ? failure->message.c_str() : part);
        };
        says("300,10,1e308,8,11,5\n", "high is 1e+308, which can be no price");
        says("300,10,12,8,11,1e300\n", "volume is 1e+300, which can be no amount");
        says("300,\"1,234.5\",12,8,11,5\n", "open is \"1,234.5\", not a number (write it with a point and without thousands marks)");
    }

    // Of two columns of one name nobody can tell which is meant, nor what one column with two meanings is.
    void doubledColumnsAreRefused()
    {
        const auto twice = file("a.csv", "time,open,high,low,close,close,volume\n300,1,2,1,1,2,5\n600,1,2,1,1,2,5\n");
        QVERIFY(failureOf([&] { loadSeries(twice); })->says("line 1 names \"close\" twice"));
        QCOMPARE(loadSeries(twice, {.columns = "time=0,open=1,high=2,low=3,close=5,volume=6"}).bar(0)->close, 2.0);
        QVERIFY(failureOf([&] { loadSeries(twice, {.columns = "time=time,open=open,high=high,low=low,close=close"}); })->says("names \"close\" twice"));
        QVERIFY(failureOf([&] { loadSeries(twice, {.columns = "time=0,open=1,high=1,low=3,close=4"}); })->says("column \"1\" is given two meanings"));
    }

    void namesThatCannotBeAreRefused()
    {
        const auto path = file("a.csv", kHeader + kGood);
        for (const char* name : {"BTC/USD", "BTC#1", "B\nTC", "\xc3\xa9"})
            QVERIFY2(failureOf([&] { loadSeries(path, {.instrument = name}); })->says("--instrument"), name);
        QCOMPARE(loadSeries(file("(btc)usd.csv", kHeader + kGood)).instrument(), std::string("BTCUSD"));
        QVERIFY(failureOf([&] { loadSeries(path, {.asset = "BTC"}); })->says("--asset \"BTC\""));
    }

    void foldersAndMissingFiles()
    {
        QTemporaryDir empty;
        auto failure = failureOf([&] { loadSeries(empty.path().toStdString()); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("folder"));
        failure = failureOf([&] { loadSeries(file.path("none.csv")); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("none.csv"));
    }

    void damagedGzipIsRefused()
    {
        std::string text = kHeader;
        for (int i = 0; i < 3000; ++i)
            text += std::to_string(300 * (i + 1)) + ",10." + std::to_string((i * 7919) % 9973) + ",12,8,11,5\n";
        const auto path = file("bars.csv.gz", "");
        writeGzip(path, text);
        const std::string packed = readBytes(path);
        for (const std::size_t length : {packed.size() - 1, packed.size() - 8, packed.size() / 2, std::size_t{200}, std::size_t{20}}) {
            writeText(path, packed.substr(0, length));
            const auto failure = failureOf([&] { loadSeries(path); });
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says("bars.csv.gz"), std::to_string(length).c_str());
        }
        std::string flipped = packed;
        flipped[packed.size() / 2] = static_cast<char>(flipped[packed.size() / 2] ^ 0x10);
        writeText(path, flipped);
        QVERIFY(failureOf([&] { loadSeries(path); }));
    }

    // 50 MB of one line in 50 kB of gzip: refused at the first 4 kB.
    void anEndlessLineInGzipIsRefused()
    {
        const auto path = file("bomb.csv.gz", "");
        gzFile packed = gzopen(path.c_str(), "wb");
        gzputs(packed, kHeader.c_str());
        const std::string block(1'000'000, '1');
        for (int i = 0; i < 50; ++i)
            gzwrite(packed, block.data(), static_cast<unsigned>(block.size()));
        gzclose(packed);
        const auto failure = failureOf([&] { loadSeries(path); });
        QVERIFY(failure && failure->says("line 2 is longer than 4096 bytes"));
    }

    void impossibleIntervalsAreNamed()
    {
        const auto path = file("a.csv", kHeader + "0,1,1,1,1,1\n7,1,1,1,1,1\n14,1,1,1,1,1\n");
        auto failure = failureOf([&] { loadSeries(path); });
        QVERIFY(failure && failure->says("a.csv") && failure->says("7 s") && failure->says("divide a day"));
        const auto weekly = file("b.csv", kHeader + "0,1,1,1,1,1\n604800,1,1,1,1,1\n");
        failure = failureOf([&] { loadSeries(weekly); });
        QVERIFY(failure && failure->says("b.csv") && failure->says("interval"));
    }

    // A damaged stamp far in the future must not cost the memory of the years before it.
    void aFarStampIsRefused()
    {
        const auto path = file("a.csv", kHeader + "0,1,1,1,1,1\n1,1,1,1,1,1\n2,1,1,1,1,1\n99999999999,1,1,1,1,1\n");
        const auto failure = failureOf([&] { loadSeries(path); });
        QVERIFY(failure && failure->says("a.csv") && failure->says("missing"));
    }

private:
    ScratchFolder file;
};

QTEST_APPLESS_MAIN(TestImportErrors)
#include "tst_import_errors.moc"
