#include <cmath>
#include <limits>

#include "GuiTest.h"
#include "app/gui/shell/AppOptions.h"
#include "app/gui/shell/Format.h"

using namespace btcai::gui;

class FormatTest : public QObject {
    Q_OBJECT
private slots:
    void numbers_data()
    {
        QTest::addColumn<double>("value");
        QTest::addColumn<int>("quantity");
        QTest::addColumn<QString>("text");
        const auto row = [](const char* name, double value, Quantity quantity, const char* text) {
            QTest::newRow(name) << value << int(quantity) << QString::fromUtf8(text);
        };
        row("count, all digits", 99999, Quantity::Count, "99,999");
        row("count, scaled", 1234567, Quantity::Count, "1.23 M");
        row("count, hundreds of thousands", 123456, Quantity::Count, "123 k");
        row("return", 0.0512, Quantity::Return, "+5.12 %");
        row("loss", -0.0512, Quantity::Return, "−5.12 %");
        row("a return of nothing has no sign", -0.0000001, Quantity::Return, "0.00 %");
        row("share", 0.471, Quantity::Share, "47.1 %");
        row("growth", 1.05, Quantity::Growth, "+5.00 %");
        row("percent", -9.876, Quantity::Percent, "−9.88 %");
        row("rate", 51234, Quantity::Rate, "51.2 k/s");
        row("price", 13500.126, Quantity::Price, "13,500.13");
        row("plain", 0.0123456, Quantity::Plain, "0.01235");
        row("tiny", 5e-9, Quantity::Plain, "5.000e−09");
        row("unknown", std::numeric_limits<double>::quiet_NaN(), Quantity::Return, "—");
        row("infinite", std::numeric_limits<double>::infinity(), Quantity::Plain, "—");
    }
    void numbers()
    {
        QFETCH(double, value);
        QFETCH(int, quantity);
        QTEST(formatValue(value, Quantity(quantity)), "text");
    }

    void durations()
    {
        QCOMPARE(formatDuration(41), "41 s");
        QCOMPARE(formatDuration(725), "12 min 05 s");
        QCOMPARE(formatDuration(7500), "2 h 05 min");
        QCOMPARE(formatDuration(273600), "3 d 4 h");
        QCOMPARE(formatDuration(900), "15 min");
        QCOMPARE(formatDuration(-1), "—");
    }

    void timesSayThatTheyAreUtc() { QCOMPARE(formatUtc(1546300500), "2018-12-31 23:55 UTC"); }

    void ticksHaveAsManyDigitsAsTheirStepNeeds()
    {
        QCOMPARE(formatTick(0.05, 0.01, Quantity::Share), "5");
        QCOMPARE(formatTick(0.055, 0.005, Quantity::Return), "5.5");
        QCOMPARE(formatTick(1500000, 500000, Quantity::Count), "1.5M");
        QCOMPARE(formatTick(0, 500000, Quantity::Count), "0");
        QCOMPARE(formatTick(-0.25, 0.25, Quantity::Plain), "−0.25");
        QCOMPARE(formatTick(1.1, 0.05, Quantity::Growth), "10");
    }

    void commandLine()
    {
        const auto parse = [](QStringList arguments) { return parseOptions(QStringList("btcai-workbench") + arguments, "/opt/bin", {}); };
        AppOptions options = parse({"--data", "/tmp/x.csv", "--workspace", "/tmp/w"});
        QCOMPARE(options.dataFile, "/tmp/x.csv");
        QCOMPARE(options.workspace, "/tmp/w");
        QCOMPARE(options.workerProgram, "/opt/bin/btcai");
        QVERIFY(options.message.isEmpty());
        QVERIFY(parse({}).workspace.endsWith("/runs"));
        QVERIFY(parse({"--help"}).message.contains("--workspace"));
        QCOMPARE(parse({"--help"}).exitCode, 0);
        QVERIFY(parse({"--version"}).message.startsWith("btcai-workbench 0."));
        QCOMPARE(parse({"--nonsense"}).exitCode, 2);
        QCOMPARE(parse({"stray"}).exitCode, 2);
        QVERIFY(parse({"stray"}).message.contains("stray"));
        QCOMPARE(parseOptions({"x"}, "/opt/bin", "/elsewhere/btcai").workerProgram, "/elsewhere/btcai");
    }
};

BTCAI_GUI_TEST(FormatTest)
#include "tst_format.moc"
