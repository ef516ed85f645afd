#include <sstream>

#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::test;

namespace {

/// Numbers of a table by row; the header is left out.
std::vector<std::vector<double>> tableOf(const QString& path)
{
    std::istringstream lines(readText(path));
    std::string line;
    std::getline(lines, line);
    std::vector<std::vector<double>> table;
    while (std::getline(lines, line)) {
        std::ranges::replace(line, ',', ' ');
        std::istringstream numbers(line);
        table.emplace_back();
        for (double value; numbers >> value;)
            table.back().push_back(value);
    }
    return table;
}

enum Column { kTime, kPosition, kExposure, kEquity, kGrowth, kCash, kQuantity, kFees, kCosts, kFunding, kFlows, kReward, kColumns };

bool near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)}); }

} // namespace

class TestCliReplay : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        // Six bars of five minutes from 1970-01-02 on: closes 100, 110, 120, 90, 90, 90; each opens at the close before.
        writeText(m_data, "timestamp,open,high,low,close,volume\n86400,100,100,100,100,1000000\n86700,100,110,100,110,1000000\n"
                          "87000,110,120,110,120,1000000\n87300,120,120,90,90,1000000\n87600,90,90,90,90,1000000\n87900,90,90,90,90,1000000\n");
        writeText(m_positions, "timestamp,position\n86400,0.5\n1970-01-02T00:10,0\n");
    }

    // 1000, fee 1 %: half of it at 100 is 5 coins (fee 5) at the open of 100, worth 550 at 110 and 600 at 120; sold at the open of 120 (fee 6). Cash 495, 495,
    // 1089; equity 1045, 1095, 1089.
    void aListIsTradedByOurFills()
    {
        const CliResult result = runBtcai(replay({"--json", "--costs.taker_fee_bps", "100"}));
        QVERIFY2(result.code == 0, result.shown());
        const auto table = tableOf(m_csv);
        QCOMPARE(table.size(), std::size_t{4});
        const std::vector<double> equity{1000, 1045, 1095, 1089}, cash{1000, 495, 495, 1089}, coins{0, 5, 5, 0}, fees{0, 5, 5, 11}, position{0, 0.5, 0.5, 0};
        for (std::size_t i = 0; i < table.size(); ++i) {
            QCOMPARE(table[i].size(), std::size_t{kColumns});
            QCOMPARE(table[i][kTime], 86400.0 + 300.0 * double(i));
            QVERIFY(near(table[i][kEquity], equity[i]) && near(table[i][kCash], cash[i]) && near(table[i][kQuantity], coins[i]));
            QVERIFY(near(table[i][kFees], fees[i]) && near(table[i][kCosts], fees[i]) && table[i][kPosition] == position[i]);
            QVERIFY(near(table[i][kGrowth], equity[i] / 1000.0));
            QVERIFY(near(table[i][kExposure], 1.0 - cash[i] / equity[i]));
            if (i > 0)
                QVERIFY(std::abs(table[i][kReward] - 100.0 * std::log(equity[i] / equity[i - 1])) < 1e-4);
        }
        const Json json = result.json();
        const Json& rows = json["evaluation"]["rows"];
        QCOMPARE(rows.size(), std::size_t{3});
        QVERIFY(near(rows[0]["total_return"].get<double>(), 0.089));
        QCOMPARE(rows[0]["trades"].get<int>(), 1);
        QCOMPARE(rows[1]["name"].get<std::string>(), std::string("buy and hold"));
        QVERIFY(near(rows[2]["total_return"].get<double>(), 0.0));
        QCOMPARE(json["positions_after_the_data"].get<int>(), 0);
        QVERIFY(!json["evaluation"].contains("optimistic_fills"));
    }

    // Filled at the close of the decision: 5 coins at 100, sold at 120. The list decides it, and every output says that nobody gets that.
    void optimisticFillsAreSaid()
    {
        const QStringList optimistic{"--costs.taker_fee_bps", "0", "--execution.timing", "optimistic-decision-close"};
        const CliResult json = runBtcai(replay(optimistic + QStringList{"--json"}));
        QVERIFY2(json.code == 0, json.shown());
        QVERIFY(json.json()["evaluation"]["optimistic_fills"].get<bool>());
        QVERIFY(near(tableOf(m_csv)[3][kEquity], 1100.0));
        QVERIFY(runBtcai(replay(optimistic)).out.contains("optimistic fills"));
    }

    void aPerpetualPaysFundingAndFlowsAreNoReturn()
    {
        const CliResult result = runBtcai(replay({"--json", "--costs.taker_fee_bps", "0", "--margin.product", "perpetual", "--margin.leverage", "2", "--flows.script", "1970-01-02T00:10 100"}));
        QVERIFY2(result.code == 0, result.shown());
        const auto table = tableOf(m_csv);
        QVERIFY(near(table[1][kFlows], 100.0) && near(table[1][kEquity], 1150.0) && near(table[1][kGrowth], 1.05));
    }

    void badListsAreNamed_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("says");
        const QByteArray head = "timestamp,position\n";
        QTest::newRow("no header") << QByteArray("86400,1\n") << QByteArray("positions.csv:1: the first line must be timestamp,position");
        QTest::newRow("empty") << head << QByteArray("lists no position");
        QTest::newRow("off the grid") << head + "86401,1\n" << QByteArray("positions.csv:2: timestamp 1970-01-02T00:00:01Z: no bar of 300 s opens then");
        QTest::newRow("outside") << head + "0,1\n" << QByteArray("positions.csv:2: timestamp 1970-01-01T00:00:00Z: lies outside of the data");
        QTest::newRow("disorder") << head + "86700,1\n86400,0\n" << QByteArray("positions.csv:3: timestamp 1970-01-02T00:00:00Z: must come after");
        QTest::newRow("twice") << head + "86700,1\n86700,0\n" << QByteArray("positions.csv:3: timestamp");
        QTest::newRow("no number") << head + "86400,long\n" << QByteArray("positions.csv:2: position long: must be a number from 0 to 1");
        QTest::newRow("short") << head + "86400,-0.5\n" << QByteArray("account.allow_short");
        QTest::newRow("too much") << head + "86400,1.5\n" << QByteArray("margin.leverage");
        QTest::newRow("no time") << head + "yesterday,1\n" << QByteArray("positions.csv:2:");
        QTest::newRow("one field") << head + "86400\n" << QByteArray("positions.csv:2: write timestamp,position");
    }
    void badListsAreNamed()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, says);
        const QString positions = m_folder.filePath("bad positions.csv");
        writeText(positions, text.toStdString());
        const QString csv = m_folder.filePath("never.csv");
        const CliResult result = runBtcai({"replay", "--data", m_data, "--positions", positions, "--csv", csv});
        QCOMPARE(result.code, 2);
        QVERIFY2(result.says(says), result.shown());
        QVERIFY(!QFile::exists(csv));
    }

    void theListIsNotOverwritten()
    {
        const CliResult result = runBtcai({"replay", "--data", m_data, "--positions", m_positions, "--csv", m_positions});
        QCOMPARE(result.code, 2);
        QVERIFY2(result.says("would be overwritten"), result.shown());
    }

    // Of what is listed up to the last bar, the last two decisions have no fill and mark that could be shown.
    void decisionsAfterTheDataAreCounted()
    {
        const QString positions = m_folder.filePath("long.csv");
        writeText(positions, "timestamp,position\n86400,1\n87900,0\n");
        const CliResult result = runBtcai({"replay", "--data", m_data, "--positions", positions, "--csv", m_csv, "--json"});
        QVERIFY2(result.code == 0, result.shown());
        QCOMPARE(result.json()["positions_after_the_data"].get<int>(), 2);
        QCOMPARE(tableOf(m_csv).size(), std::size_t{5});
    }

    void benchEnvTellsItsFigures()
    {
        const CliResult result = runBtcai({"bench", "env", "--seconds", "0.01", "--repeats", "1", "--threads", "2", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QCOMPARE(json["max_positions"].get<int>(), 25);
        QVERIFY(json["bytes_per_account"].get<int>() < 4096);
        for (const Json& rate : json["rates"])
            QVERIFY(rate["account_steps_per_s"].get<double>() > 0.0);
    }

    // 2 x 4 x 64 + 2 x 64 for the first layers, 2 x 64 x 64 + 2 x 64 for the second, 2 x 64 + 2 logits, 64 + 1: 9155 parameters.
    void benchPpoTellsItsFigures()
    {
        const CliResult result = runBtcai({"bench", "ppo", "--task", "cartpole", "--seeds", "1", "--steps", "2048", "--runs", "1", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["bench"] == "ppo" && json["task"] == "cartpole" && json["threads"] == 1);
        QCOMPARE(json["parameters"].get<int>(), 9155);
        const Json golden = json["model"];
        QVERIFY(golden["lanes"] == 8 && golden["n_steps"] == 256 && golden["batch_size"] == 64 && golden["epochs"] == 10 && golden["learning_rate"] == 3e-4);
        QVERIFY(json["steps_per_s"].get<double>() > 0.0 && json["steps_per_processor_s"].get<double>() > 0.0);
        double shares = 0.0;
        for (const Json& share : json["share"])
            shares += share.get<double>();
        QVERIFY(std::abs(shares - 1.0) < 1e-6);
        QCOMPARE(json["learning"]["steps_until_solved"].size(), std::size_t{1});

        const CliResult unknown = runBtcai({"bench", "ppo", "--task", "pong", "--json"});
        QVERIFY(unknown.code == 2 && unknown.json()["error"]["message"].get<std::string>().find("cartpole") != std::string::npos);
    }

    void benchAblateTellsItsFigures()
    {
        const QStringList small{"--data", "synthetic:planted,bars=6000", "--steps", "64", "--threads", "1", "--train.stretches", "2", "--train.accounts", "2",
                                "--train.rollout_bars", "16", "--model.lookback_bars", "16", "--model.width", "16", "--model.heads", "2", "--model.layers", "1",
                                "--model.horizons", "1,4", "--replay.bars", "8"};
        const CliResult result = runBtcai(QStringList{"bench", "ablate", "--mechanism", "replay,memory", "--seeds", "2", "--json"} + small);
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["bench"] == "ablate" && json["part"] == "validation" && json["results"].size() == 2);
        const Json replayed = json["results"][0];
        QVERIFY(replayed["mechanism"] == "replay" && replayed["on"]["replay.segments"] == "2");
        QCOMPARE(replayed["figures"].size(), std::size_t{4});
        for (const Json& figure : replayed["figures"]) {
            const auto with = figure["with"].get<std::vector<double>>(), without = figure["without"].get<std::vector<double>>();
            const double a = with[0] - without[0], b = with[1] - without[1];
            QVERIFY(std::abs(figure["difference"].get<double>() - (a + b) / 2.0) < 1e-9);
            // Two pairs: the standard error is half of what they differ by, and t with one degree of freedom 12.706.
            QVERIFY(std::abs(figure["interval_95"][1].get<double>() - (a + b) / 2.0 - 12.706 * std::abs(a - b) / 2.0) < 1e-6);
        }
        const CliResult unknown = runBtcai({"bench", "ablate", "--mechanism", "luck", "--json"});
        QVERIFY(unknown.code == 2 && unknown.json()["error"]["message"].get<std::string>().find("ensemble") != std::string::npos);
    }

private:
    QStringList replay(const QStringList& more) const
    {
        return QStringList{"replay", "--data", m_data, "--positions", m_positions, "--csv", m_csv, "--account.initial_cash", "1000",
                           "--costs.half_spread_bps", "0", "--costs.impact_bps", "0"} + more;
    }

    QTemporaryDir m_folder;
    QString m_data = m_folder.filePath("btcusd.csv");
    QString m_positions = m_folder.filePath("positions.csv");
    QString m_csv = m_folder.filePath("account.csv");
};

QTEST_GUILESS_MAIN(TestCliReplay)
#include "tst_cli_replay.moc"
