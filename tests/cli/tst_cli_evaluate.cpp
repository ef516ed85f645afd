#include <sstream>

#include "agent/protocol/EventLog.h"
#include "base/Clock.h"
#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::test;

namespace {

struct CsvBar {
    std::int64_t time = 0;
    double open = 0.0, high = 0.0, low = 0.0, close = 0.0;
};

std::vector<CsvBar> barsOf(const std::string& csv)
{
    std::istringstream lines(csv);
    std::string line;
    std::getline(lines, line);
    std::vector<CsvBar> bars;
    while (std::getline(lines, line)) {
        std::ranges::replace(line, ',', ' ');
        std::istringstream numbers(line);
        CsvBar bar;
        numbers >> bar.time >> bar.open >> bar.high >> bar.low >> bar.close;
        bars.push_back(bar);
    }
    return bars;
}

} // namespace

// What stands beside an agent when it is evaluated: baselines, the attainable, scenarios.
class TestCliEvaluate : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_csv = wanderingCsv(9000, 1, parseUtc("2018-11-01"));
        m_data = m_folder.filePath("btcusd.csv");
        writeText(m_data, m_csv);
        m_run = m_folder.filePath("run");
        const CliResult trained =
            runBtcai(QStringList{"train", "--data", m_data, "--run", m_run, "--seed", "7", "--steps", "1280", "--json"} + tinyRun());
        QVERIFY2(trained.code == 0, trained.shown());
        protocol::replayEvents((m_run + "/events.jsonl").toStdString(), [this](const protocol::Event& event) {
            if (const auto* info = std::get_if<protocol::RunInfo>(&event))
                m_info = *info;
        });
    }

    // Single bars at ten times the price of the others: prints that no market makes.
    void badDataNeedToBeAskedFor()
    {
        std::string csv = m_csv;
        std::size_t at = csv.find('\n') + 1;
        for (int line = 0; at < csv.size(); ++line) {
            const std::size_t end = csv.find('\n', at);
            if (line % 100 == 50) {
                const std::string row = csv.substr(at, csv.find(',', at) - at) + ",100000,100000,100000,100000,5";
                csv.replace(at, end - at, row);
            }
            at = csv.find('\n', at) + 1;
        }
        const QString bad = m_folder.filePath("bad.csv");
        writeText(bad, csv);
        const CliResult refused = runBtcai({"evaluate", "--run", m_run, "--data", bad});
        QVERIFY2(refused.code == 2 && refused.says("bad.csv") && refused.says("evaluate: --allow-bad"), refused.shown());
        const CliResult allowed = runBtcai({"evaluate", "--run", m_run, "--data", bad, "--allow-bad"});
        QVERIFY2(allowed.code == 0 && allowed.out.contains("buy and hold"), allowed.shown());
    }

    // What is written is looked at by the tests of the formats; here that a run's is, whole, and with what one must know to use it.
    void aRunIsExported()
    {
        const auto exported = [this](const QString& format, const QString& to) {
            return runBtcai({"export", "--run", m_run, "--format", format, "--to", to, "--json"});
        };
        const QString weights = m_folder.filePath("weights.safetensors");
        const CliResult safe = exported("safetensors", weights);
        QVERIFY2(safe.code == 0 && safe.json()["file"].get<std::string>() == weights.toStdString(), safe.shown());
        const std::string bytes = readText(weights);
        const Json header = Json::parse(bytes.substr(8, qFromLittleEndian<quint64>(bytes.data())));
        const Json about = Json::parse(header["__metadata__"]["btcai"].get<std::string>());
        QCOMPARE(about["features"].size(), static_cast<std::size_t>(m_info.features));
        QCOMPARE(about["step"].get<int>(), 1280);
        std::int64_t parameters = 0;
        for (const auto& [name, tensor] : header.items())
            if (name != "__metadata__")
                parameters += (tensor["data_offsets"][1].get<std::int64_t>() - tensor["data_offsets"][0].get<std::int64_t>()) / 4;
        QCOMPARE(parameters, m_info.parameters);

        const QString script = m_folder.filePath("agent.pt");
        const CliResult traced = exported("torchscript", script);
        QVERIFY2(traced.code == 0, traced.shown());
        QVERIFY(readText(script).find("btcai.json") != std::string::npos && readText(script).starts_with("PK")); // a zip archive
        const CliResult board = exported("tensorboard", m_folder.filePath("boards/run"));
        QVERIFY2(board.code == 0 && readText(m_folder.filePath("boards/run/events.out.tfevents.btcai")).find("test/agent (argmax)/sharpe") != std::string::npos, board.shown());

        const QString own = m_run + "/checkpoints/" + QString::fromStdString(about["checkpoint"].get<std::string>()) + "/model.safetensors";
        const std::string before = readText(own);
        const CliResult onto = exported("safetensors", own);
        QVERIFY2(onto.code == 2 && onto.out.contains("would be overwritten") && readText(own) == before, onto.shown());
        const CliResult unknown = runBtcai({"export", "--run", m_run, "--format", "torchscript", "--to", script, "--checkpoint", "worst"});
        QVERIFY2(unknown.code == 2 && unknown.says("worst"), unknown.shown());
        QVERIFY(exported("onnx", script).code == 1);
    }

    void whatFeaturesMatterIsTold()
    {
        const QStringList asked{"importance", "--run", m_run, "--shifts", "2", "--decisions", "2", "--steps", "4"};
        const CliResult result = runBtcai(asked + QStringList{"--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        double shares = 0.0;
        std::int64_t features = 0;
        for (const Json& group : json["groups"]) {
            shares += group["attribution_share"].get<double>();
            features += group["features"].get<std::int64_t>();
        }
        QVERIFY(std::abs(shares - 1.0) < 1e-6 && features == m_info.features && json["part"] == "validation");
        const CliResult text = runBtcai(asked);
        QVERIFY2(text.code == 0 && text.out.contains("agreement of the rankings (Spearman)"), text.shown());
        const CliResult unknown = runBtcai(asked + QStringList{"--part", "future"});
        QVERIFY2(unknown.code == 2 && unknown.says("future"), unknown.shown());
    }

    // A drawdown of a thousandth is reached at once: the agent's accounts stay out from there on, which is told, and buy-and-hold is not judged.
    void refusedOrdersAreTold()
    {
        const QString run = m_folder.filePath("guarded");
        const CliResult trained = runBtcai(QStringList{"train", "--data", m_data, "--run", run, "--seed", "7", "--steps", "1280", "--json",
                                                       "--risk.max_drawdown", "0.001"} + tinyRun());
        QVERIFY2(trained.code == 0, trained.shown());
        const Json evaluation = trained.json()["evaluation"];
        QVERIFY2(evaluation["refused_orders"]["drawdown"].get<int>() > 0 && evaluation["refused_orders"].size() == 1,
                 evaluation["refused_orders"].dump().c_str());
        QVERIFY(evaluation["rows"][2]["exposure"].get<double>() > 0.9 && evaluation["rows"][0]["exposure"].get<double>() < 0.5);
        const CliResult text = runBtcai({"evaluate", "--run", run});
        QVERIFY2(text.code == 0 && text.out.contains("orders refused by the risk guard: drawdown ("), text.shown());
        QVERIFY(!runBtcai({"evaluate", "--run", m_run}).out.contains("refused"));
    }

    void baselinesStandBesideTheAgent()
    {
        const CliResult result = runBtcai({"evaluate", "--run", m_run, "--baselines", "all", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        std::vector<std::string> names;
        for (const Json& row : json["evaluation"]["rows"])
            names.push_back(row["name"]);
        QVERIFY((names == std::vector<std::string>{"agent (sampled)", "agent (argmax)", "buy and hold", "cash", "volatility-target",
                                                   "ma-cross", "mean-reversion", "grid", "random"}));
        const Json& rows = json["evaluation"]["rows"];
        // Random trades as much as the agent, more or less: its equity is another.
        const double turnover = rows[0]["turnover"], random = rows[8]["turnover"];
        QVERIFY2(turnover > 3.0 && std::abs(random / turnover - 1.0) < 0.25, result.out);
        QVERIFY(rows[8]["standard_error"].get<double>() > 0.0 && rows[5]["standard_error"].is_null());
        // Each row's share is its own log growth over the attainable one, and none is above 1.
        const double growth = json["attainable"]["log_growth"];
        for (const Json& row : rows) {
            const double share = json["attainable"]["shares"][row["name"].get<std::string>()];
            QVERIFY2(share <= 1.0 && std::abs(share * growth - std::log1p(row["total_return"].get<double>())) < 1e-9, result.out);
        }
        const CliResult text = runBtcai({"evaluate", "--run", m_run, "--baselines", "grid"});
        QVERIFY2(text.code == 0 && text.out.contains("perfect foresight") && text.out.contains("grid") && !text.out.contains("ma-cross"),
                 text.shown());
        const CliResult unknown = runBtcai({"evaluate", "--run", m_run, "--baselines", "grid,moon"});
        QVERIFY2(unknown.code == 2 && unknown.says("'moon'") && unknown.says("mean-reversion"), unknown.shown());
    }

    // From the CSV file alone: the most cash and the most coins that fee (10 bps) and half spread (1 bp) leave, bar by bar, from the first
    // close of the test part to the last but one.
    void theAttainableIsWhatThePricesSay()
    {
        double cash = 1.0, coins = 0.0, lastClose = 0.0;
        for (const CsvBar& bar : barsOf(m_csv)) {
            if (bar.time > m_info.testTo - 600)
                break;
            lastClose = bar.close;
            if (bar.time <= m_info.testFrom)
                continue;
            const double bought = cash / (bar.open * 1.0001 * 1.001), sold = coins * bar.open * 0.9999 * 0.999;
            cash = std::max(cash, sold);
            coins = std::max(coins, bought);
        }
        const CliResult result = runBtcai({"evaluate", "--run", m_run, "--baselines", "cash", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const double got = result.json()["attainable"]["log_growth"], expected = std::log(std::max(cash, coins * lastClose));
        QVERIFY2(expected > 0.1 && std::abs(got - expected) < 1e-9,
                 QByteArray::number(got, 'g', 12) + " " + QByteArray::number(expected, 'g', 12));
    }

    // A stretch of history that the data hold is traded from its first to its last but one close, and the result says how much of it the
    // agent has seen.
    void aStretchOfHistory()
    {
        const std::int64_t from = parseUtc("2018-11-13"), to = parseUtc("2018-11-29");
        const auto overlap = [&](std::int64_t first, std::int64_t last) {
            return std::max<std::int64_t>(0, std::min(to, last) - std::max(from, first));
        };
        const double seen =
            static_cast<double>(overlap(m_info.trainFrom, m_info.trainTo) + overlap(m_info.validationFrom, m_info.validationTo)) /
            static_cast<double>(to - from);
        QVERIFY(seen > 0.5 && seen < 1.0);
        const CliResult result = runBtcai({"evaluate", "--run", m_run, "--scenario", "2018-november", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["scenario"]["name"] == "2018-november" && json["evaluation"]["part"] == "2018-november");
        QVERIFY(std::abs(json["scenario"]["trained_on_share"].get<double>() - seen) < 1e-12);
        QVERIFY(json["evaluation"]["from"] == "2018-11-13T00:05:00Z" && json["evaluation"]["to"] == "2018-11-28T23:55:00Z");
        const CliResult text = runBtcai({"evaluate", "--run", m_run, "--scenario", "2018-november"});
        QVERIFY2(text.code == 0 && text.out.contains("learned from"), text.shown());
        // Of other data nobody knows what the agent has seen of their time.
        const QString other = m_folder.filePath("other.csv");
        writeText(other, wanderingCsv(9000, 2, parseUtc("2018-11-01")));
        const CliResult foreign = runBtcai({"evaluate", "--run", m_run, "--data", other, "--scenario", "2018-november", "--json"});
        QVERIFY2(foreign.code == 0 && foreign.json()["scenario"]["trained_on_share"].is_null(), foreign.shown());
    }

    void aStretchThatTheDataDoNotHold()
    {
        CliResult result = runBtcai({"evaluate", "--run", m_run, "--scenario", "2017-peak"});
        QVERIFY2(result.code == 2 && result.says("2017-12-05") && result.says("2018-01-01"), result.shown());
        result = runBtcai({"evaluate", "--run", m_run, "--scenario", "tulips"});
        QVERIFY2(result.code == 2 && result.says("tulips") && result.says("2018-november") && result.says("flash-crash"), result.shown());
        // All of it, but nothing before it to look back on.
        const QString late = m_folder.filePath("late.csv");
        writeText(late, wanderingCsv(9000, 2, parseUtc("2018-11-13")));
        result = runBtcai({"evaluate", "--run", m_run, "--data", late, "--scenario", "2018-november"});
        QVERIFY2(result.code == 2 && result.says("0 bars stand before it"), result.shown());
    }

    // A gap of -5 % in the middle of the part: buy-and-hold is worth exp(-0.05) of its coins' value less, and whoever is in cash loses
    // nothing.
    void anEventInTheMiddle()
    {
        const CliResult plain = runBtcai({"evaluate", "--run", m_run, "--json"});
        const CliResult result = runBtcai({"evaluate", "--run", m_run, "--scenario", "gap", "--json"});
        QVERIFY2(result.code == 0 && plain.code == 0, result.shown());
        const Json json = result.json();
        const auto worth = [](const Json& of, std::size_t row) {
            return 1.0 + of["evaluation"]["rows"][row]["total_return"].get<double>();
        };
        // All but a few units of rounding of the cash is in coins.
        QVERIFY2(std::abs(worth(json, 2) / worth(plain.json(), 2) - std::exp(-0.05)) < 2e-3, result.shown());
        QVERIFY(worth(json, 3) == 1.0 && json["scenario"]["size"] == -0.05);
        const CliResult funding = runBtcai({"evaluate", "--run", m_run, "--scenario", "funding-spike"});
        QVERIFY2(funding.code == 2 && funding.says("give funding rates"), funding.shown());
    }

    // The reward of the defaults and of a configuration passes; a configuration that is none is named.
    void theRewardCanBeChecked()
    {
        const CliResult plain = runBtcai({"check", "--reward"});
        QVERIFY2(plain.code == 0 && plain.out.contains("reward-without-equity") && !plain.out.contains("VIOLATIONS"), plain.shown());
        const QString file = m_folder.filePath("run.toml");
        writeText(file, "[account]\nallow_short = true\nexposure = 0.7\n[costs]\nimpact_bps = 200.0\n[reward]\ndrawdown_penalty = 2.0\n");
        const CliResult result = runBtcai({"check", "--reward", "--config", file, "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["passed"] == true && json["checks"].size() == 10);
        for (const Json& check : json["checks"])
            QVERIFY2(check["comparisons"].get<int>() > 1000 || check["name"] == "stops-hold", result.out);
        writeText(file, "[costs]\ntaker_fee_bps = -1.0\n");
        const CliResult refused = runBtcai({"check", "--reward", "--config", file});
        QVERIFY2(refused.code == 2 && refused.says("taker_fee_bps"), refused.shown());
        QVERIFY(runBtcai({"check", "--config", file}).code == 1 && runBtcai({"check"}).code == 2);
    }

private:
    QTemporaryDir m_folder;
    std::string m_csv;
    QString m_data, m_run;
    protocol::RunInfo m_info;
};

QTEST_GUILESS_MAIN(TestCliEvaluate)
#include "tst_cli_evaluate.moc"
