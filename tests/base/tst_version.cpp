#include <string>
#include <vector>

#include <QtTest>

#include "base/Error.h"
#include "base/Version.h"

using btcai::Error;
using btcai::Version;

class TestVersion : public QObject {
    Q_OBJECT

private slots:
    void partsAreRead()
    {
        const Version version = Version::parse("1.20.300-rc-1.0.x+build.007");
        QCOMPARE(version.majorNumber, std::uint64_t{1});
        QCOMPARE(version.minorNumber, std::uint64_t{20});
        QCOMPARE(version.patchNumber, std::uint64_t{300});
        QCOMPARE(version.preRelease, (std::vector<std::string>{"rc-1", "0", "x"}));
        QCOMPARE(version.build, std::string("build.007"));
        QVERIFY(version.isPreRelease());
        QVERIFY(!Version::parse("1.0.0+a-b").isPreRelease()); // the hyphen belongs to the build
    }

    void textComesBack_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text : {"0.0.0", "1.9.0", "1.0.0-alpha", "1.0.0-0.3.7", "1.0.0-x.7.z.92", "1.0.0-x-y-z.--",
                                 "1.0.0-alpha+001", "1.0.0+21AF26D3----117B344092BD", "18446744073709551615.0.0"})
            QTest::newRow(text) << text;
    }
    void textComesBack()
    {
        QFETCH(QString, text);
        QCOMPARE(Version::parse(text.toStdString()).toString(), text.toStdString());
    }

    // Item 11 of semver.org: its three lists, and what it says on numbers.
    void precedenceIsThatOfTheSpecification()
    {
        const std::vector<std::vector<std::string>> lists = {
            {"1.0.0", "2.0.0", "2.1.0", "2.1.1"},
            {"1.0.0-alpha", "1.0.0"},
            {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
             "1.0.0-rc.1", "1.0.0"},
            {"1.9.0", "1.10.0", "1.11.0"},
            {"1.0.0-9", "1.0.0-10", "1.0.0-99999999999999999998", "1.0.0-99999999999999999999", "1.0.0-A", "1.0.0-a"},
        };
        for (const auto& list : lists) {
            for (std::size_t i = 0; i < list.size(); ++i) {
                for (std::size_t j = 0; j < list.size(); ++j) {
                    const auto order = Version::parse(list[i]) <=> Version::parse(list[j]);
                    QVERIFY2(i == j ? order == 0 : (i < j) == (order < 0), (list[i] + " and " + list[j]).c_str());
                }
            }
        }
    }

    void theBuildHasNoPartInTheOrder()
    {
        QVERIFY(Version::parse("1.0.0+a") == Version::parse("1.0.0+b"));
        QVERIFY(Version::parse("1.0.0-rc.1+a") != Version::parse("1.0.0+a"));
    }

    void nonsenseIsRefused_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text :
             {"",           "1",         "1.2",     "1.2.3.4",   "v1.2.3",     " 1.2.3",   "1.2.3 ",
              "01.2.3",     "1.02.3",    "1.2.03",  "1.2.3-",    "1.2.3-a..b", "1.2.3-01", "1.2.3+",
              "1.2.3+a..b", "1.2.3+a+b", "1.2.3-ä", "1.2.3-a_b", "-1.2.3",     "1..3",     "18446744073709551616.0.0"})
            QTest::newRow(*text ? text : "empty") << text;
        QTest::newRow("too long") << "1.2.3-" + QString(300, 'a');
    }
    void nonsenseIsRefused()
    {
        QFETCH(QString, text);
        try {
            (void)Version::parse(text.toStdString());
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), btcai::ErrorKind::BadInput);
            QVERIFY(std::string(error.what()).size() < 250);
        }
    }
};

QTEST_GUILESS_MAIN(TestVersion)
#include "tst_version.moc"
