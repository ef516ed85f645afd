#include <csignal>

#include <QProcess>

#include "RemoteTest.h"
#include "base/Json.h"

using namespace btcai;
using namespace btcai::test;

namespace {

// The program goes by the real clock, so the server does too.
const std::int64_t kFrom = parseUtc("2018-05-03");
const std::int64_t kTo = parseUtc("2018-05-20");

struct Ended {
    int code = -1; ///< -1: killed or crashed
    QByteArray out;
    QByteArray err;
    Json json() const { return parseJson(out.toStdString(), "stdout"); }
};

} // namespace

/// The program itself, as a person or a script runs it.
class TestFetch : public QObject {
    Q_OBJECT

private:
    QStringList arguments(Bench& bench, const QStringList& more = {}) const
    {
        return QStringList{"--exchange",   "coinbase",
                           "--symbol",     "BTC-USD",
                           "--instrument", "BTCUSD",
                           "--interval",   "5m",
                           "--from",       "2018-05-03",
                           "--to",         "2018-05-20",
                           "--out",        QString::fromStdString(bench.store().string()),
                           "--host",       QString::fromStdString(bench.server.server.url()),
                           "--ca",         QString::fromStdString(bench.config.caFile),
                           "--first-wait", "0.01",
                           "--tries",      "3"} +
               more;
    }

    /// The server lives in this process: the event loop must run while the program does.
    static Ended finish(QProcess& process)
    {
        static_cast<void>(QTest::qWaitFor([&] { return process.state() == QProcess::NotRunning; }, 60'000));
        Ended ended;
        if (process.state() == QProcess::NotRunning && process.exitStatus() == QProcess::NormalExit)
            ended.code = process.exitCode();
        process.kill();
        ended.out = process.readAllStandardOutput();
        ended.err = process.readAllStandardError();
        return ended;
    }

    static Ended run(const QStringList& arguments)
    {
        QProcess process;
        process.start(QStringLiteral(BTCAI_FETCH), arguments);
        return finish(process);
    }

    static std::int64_t now() { return static_cast<std::int64_t>(SystemClock().utcSeconds()); }

private slots:
    void itDownloadsVerifiesAndContinues()
    {
        Bench bench(Exchange::Coinbase, now());
        const Ended first = run(arguments(bench, {"--json"}));
        QVERIFY2(first.code == 0, (first.out + first.err).constData());
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, kTo)));
        QCOMPARE(first.json()["bars"].get<std::size_t>(), realBars(kFrom, kTo).size());
        const auto before = filesOf(bench.data());
        const Ended again = run(arguments(bench));
        QCOMPARE(again.code, 0);
        QVERIFY(again.out.contains(" 0 of them new"));
        QVERIFY(filesOf(bench.data()) == before);
        // Without --from it goes on where the store ends.
        QStringList more = arguments(bench, {"--json"});
        more.remove(more.indexOf("--from"), 2);
        more[more.indexOf("--to") + 1] = "2018-05-21";
        const Ended on = run(more);
        QVERIFY2(on.code == 0, (on.out + on.err).constData());
        QCOMPARE(on.json()["verified_bars"].get<std::size_t>(), std::size_t{11});
        QVERIFY(sameBars(bench.stored(), realBars(kFrom, parseUtc("2018-05-21"))));
    }

    void aKillBetweenPagesAndOn_data()
    {
        QTest::addColumn<int>("signal");
        QTest::newRow("SIGKILL") << SIGKILL;
        QTest::newRow("SIGINT") << SIGINT;
        QTest::newRow("SIGTERM") << SIGTERM;
    }
    void aKillBetweenPagesAndOn()
    {
        QFETCH(int, signal);
        Bench bench(Exchange::Coinbase, now());
        bench.storeBars(realBars(kFrom - 40 * kStep, kFrom));
        const auto before = filesOf(bench.data());
        QProcess process;
        int asked = 0;
        bench.server.tamperAnswer = [&](int number, HttpAnswer&) {
            asked = number;
            if (number == 5)
                ::kill(static_cast<pid_t>(process.processId()), signal);
        };
        process.start(QStringLiteral(BTCAI_FETCH), arguments(bench, {"--json"}));
        const Ended ended = finish(process);
        QCOMPARE(ended.code, signal == SIGKILL ? -1 : 130);
        if (signal != SIGKILL)
            QCOMPARE(ended.json()["error"]["kind"].get<std::string>(), std::string("cancelled"));
        QVERIFY(filesOf(bench.data()).at("btc.h5") == before.at("btc.h5"));

        bench.server.tamperAnswer = {};
        const Ended again = run(arguments(bench, {"--json"}));
        QVERIFY2(again.code == 0, (again.out + again.err).constData());
        QVERIFY(again.json()["resumed_pages"].get<int>() >= 2);
        QVERIFY(sameBars(bench.stored(), realBars(kFrom - 40 * kStep, kTo)));
    }

    void failuresHaveNamesAndCodes()
    {
        Bench bench(Exchange::Coinbase, now());
        const auto errorOf = [](const Ended& ended) { return ended.json()["error"]; };
        bench.server.tamperAnswer = [](int, HttpAnswer& answer) { answer = {.status = 503}; };
        const Ended down = run(arguments(bench, {"--json"}));
        QCOMPARE(down.code, exitCode(ErrorKind::Io));
        QCOMPARE(errorOf(down)["fault"].get<std::string>(), std::string("server-error"));
        QVERIFY(filesOf(bench.data()).empty());
        bench.server.tamperAnswer = {};

        QStringList wrong = arguments(bench, {"--json"});
        wrong[wrong.indexOf("--symbol") + 1] = "NO-SUCH";
        const Ended refused = run(wrong);
        QCOMPARE(refused.code, exitCode(ErrorKind::BadInput));
        QCOMPARE(errorOf(refused)["fault"].get<std::string>(), std::string("refused"));

        wrong = arguments(bench);
        wrong[wrong.indexOf("--exchange") + 1] = "mtgox";
        const Ended unknown = run(wrong);
        QCOMPARE(unknown.code, exitCode(ErrorKind::BadInput));
        QVERIFY(unknown.err.contains("mtgox") && unknown.err.contains("kraken"));

        const Ended usage = run({"--exchange", "binance", "--json"});
        QCOMPARE(usage.code, 1);
        QCOMPARE(errorOf(usage)["kind"].get<std::string>(), std::string("usage"));
        QCOMPARE(run({"--help"}).code, 0);
        QVERIFY(run({"--version"}).out.startsWith("btcai-fetch "));
        QVERIFY(filesOf(bench.data()).empty());
    }
};

QTEST_GUILESS_MAIN(TestFetch)
#include "tst_fetch.moc"
