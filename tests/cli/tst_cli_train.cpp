#include <csignal>

#include "agent/protocol/EventLog.h"
#include "base/Hash.h"
#include "tests/cli/CliTest.h"

using namespace btcai;
using namespace btcai::test;

// One small run on wandering prices, and what can be done with it.
class TestCliTrain : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_data = m_folder.filePath("btcusd.csv");
        writeText(m_data, wanderingCsv(5000));
        m_run = m_folder.filePath("run");
        m_trained = runBtcai(QStringList{"train", "--data", m_data, "--run", m_run, "--seed", "7", "--steps", "1280", "--json"} + tinyRun());
        QVERIFY2(m_trained.code == 0, m_trained.shown());
    }

    // The table a run ends with.
    void theResultIsPrinted()
    {
        QVERIFY2(m_trained.err.isEmpty(), m_trained.err); // JSON and nothing else
        const Json json = m_trained.json();
        QVERIFY(json["finished"] == true && json["step"] == 1280 && json["run"] == m_run.toStdString());
        QVERIFY(json["account_steps_per_s"].get<double>() > 0.0 && json["parameters"].get<std::int64_t>() > 1000);
        const Json& evaluation = json["evaluation"];
        QVERIFY(evaluation["part"] == "test" && evaluation["step"] == 1280);
        std::vector<std::string> names;
        for (const Json& row : evaluation["rows"])
            names.push_back(row["name"]);
        QVERIFY((names == std::vector<std::string>{"agent (sampled)", "agent (argmax)", "buy and hold", "cash"}));
        const Json& cash = evaluation["rows"][3];
        for (const char* key : {"total_return", "sharpe", "max_drawdown", "trades", "turnover", "exposure", "cost_share"})
            QVERIFY2(cash[key] == 0, key);
        QVERIFY(evaluation["rows"][2]["exposure"].get<double>() > 0.9);
        QVERIFY(evaluation["rows"][0]["standard_error"].is_number() && evaluation["rows"][1]["standard_error"].is_null());
    }

    // A run says what its features are; a checkpoint of another catalogue is not evaluated, nor gone on with.
    void otherFeaturesAreRefused()
    {
        QTemporaryDir folder;
        const QString run = folder.filePath("run");
        std::filesystem::copy(m_run.toStdString(), run.toStdString(), std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
        const Json manifest = parseJson(readText(run + "/manifest.json"), "manifest");
        QVERIFY(manifest["feature_catalogue_version"].get<int>() >= 2 && manifest["feature_set_hash"].get<std::string>().size() == 64);
        QVERIFY(manifest["quality"]["score"].get<double>() > 0.0 && manifest["split"]["scheme"] == "time");
        const CliResult same = runBtcai({"evaluate", "--run", run});
        QVERIFY2(same.code == 0, same.shown());

        // As if the build of then had another catalogue: the checkpoint says so, with its sums in order.
        for (const auto& entry : std::filesystem::directory_iterator((run + "/checkpoints").toStdString())) {
            if (!entry.is_directory() || entry.is_symlink())
                continue;
            const QString checkpoint = QString::fromStdString(entry.path().string());
            const std::string before = readText(checkpoint + "/state.json");
            Json state = parseJson(before, "state");
            state["feature_catalogue_version"] = 1;
            const std::string after = state.dump();
            writeText(checkpoint + "/state.json", after);
            std::string index = readText(checkpoint + "/checkpoint.json");
            index.replace(index.find(sha256Hex(before)), 64, sha256Hex(after));
            writeText(checkpoint + "/checkpoint.json", index);
        }
        const CliResult refused = runBtcai({"evaluate", "--run", run});
        QVERIFY2(refused.code == 2 && refused.says("catalogue version 1"), refused.shown());
        const CliResult notResumed = runBtcai({"train", "--resume", "--run", run});
        QVERIFY2(notResumed.code == 2 && notResumed.says("catalogue version 1"), notResumed.shown());
    }

    // Buy-and-hold, computed here from the CSV file: bought at the open after the first close of the test part with all the cash, all
    // costs paid, worth the last close but one.
    void buyAndHoldIsWhatThePricesSay()
    {
        const protocol::RunInfo info = onlyEvent<protocol::RunInfo>();
        std::map<std::int64_t, std::vector<double>> bars;
        std::istringstream csv(readText(m_data));
        std::string line;
        std::getline(csv, line);
        while (std::getline(csv, line)) {
            std::ranges::replace(line, ',', ' ');
            std::istringstream numbers(line);
            std::int64_t time = 0;
            std::vector<double> values(5);
            numbers >> time;
            for (double& value : values)
                numbers >> value;
            bars[time] = values; // open, high, low, close, volume
        }
        auto bar = bars.upper_bound(info.testFrom);
        double cash = 10'000.0, coins = 0.0;
        const double goal = cash / std::prev(bar)->second[3];
        for (; bar != bars.end() && bar->first < info.testTo - 300 && goal - coins > 1e-9 && cash > 1e-6; ++bar) { // a tenth of the volume a bar
            const double open = bar->second[0], volume = bar->second[4];
            const double wanted = std::min(goal - coins, 0.1 * volume);
            const double worst = open * (1.0 + 1e-4 * (1.0 + 20.0 * std::sqrt(wanted / volume))) * 1.001;
            const double size = std::min(wanted, cash / worst);
            const double price = open * (1.0 + 1e-4 * (1.0 + 20.0 * std::sqrt(size / volume)));
            coins += size;
            cash -= size * price * 1.001;
            if (size < wanted)
                break; // the cash is used up
        }
        const double last = std::prev(bars.lower_bound(info.testTo - 300))->second[3];
        const double expected = (cash + coins * last) / 10'000.0 - 1.0;
        const double got = m_trained.json()["evaluation"]["rows"][2]["total_return"];
        QVERIFY2(std::abs(got - expected) < 1e-9, QByteArray::number(got, 'g', 12) + " " + QByteArray::number(expected, 'g', 12));
    }

    void theRunFolderHoldsWhatWasPromised()
    {
        for (const char* file : {"run.toml", "manifest.json", "events.jsonl", "checkpoints/latest", "evaluation/test.json"})
            QVERIFY2(QFileInfo::exists(m_run + "/" + file), file);
        std::vector<protocol::Event> events;
        const auto summary = protocol::replayEvents((m_run + "/events.jsonl").toStdString(), [&](const protocol::Event& event) { events.push_back(event); });
        QVERIFY(summary.lastState == protocol::WorkerState::Finished && !summary.tornLastLine);
        QVERIFY(std::holds_alternative<protocol::Hello>(events.front()));
        const auto metrics = std::ranges::count_if(events, [](const auto& event) { return std::holds_alternative<protocol::Metrics>(event); });
        QCOMPARE(int(metrics), 10); // 1280 steps of 128
        QVERIFY(readJsonFile((m_run + "/evaluation/test.json").toStdString())["evaluation"] == m_trained.json()["evaluation"]);
    }

    void evaluateGivesTheSameFigures()
    {
        CliResult result = runBtcai({"evaluate", "--run", m_run, "--json"});
        QVERIFY2(result.code == 0, result.shown());
        QVERIFY2(result.json()["evaluation"]["rows"] == m_trained.json()["evaluation"]["rows"], result.out + m_trained.out);
        // The forecasts of both horizons are judged, by a calibration that never saw the part: every row whose outcome is known within it.
        const Json calibration = result.json()["calibration"];
        QVERIFY2(calibration == m_trained.json()["calibration"] && calibration.size() == 2, result.out);
        QVERIFY(calibration[0]["part"] == "test" && calibration[0]["horizon_bars"] == 1 && calibration[1]["horizon_bars"] == 4);
        const protocol::RunInfo info = onlyEvent<protocol::RunInfo>();
        const std::int64_t rows = (info.testTo - info.testFrom) / 300;
        for (const Json& judged : calibration) {
            const std::int64_t known = rows - judged["horizon_bars"].get<std::int64_t>(), count = judged["count"].get<std::int64_t>();
            QVERIFY2(count <= known && count > known * 9 / 10, result.out); // all but those around missing bars
            std::int64_t inBins = 0, inRegimes = 0;
            for (const Json& bin : judged["reliability"])
                inBins += bin["count"].get<std::int64_t>();
            for (const Json& regime : judged["regimes"])
                inRegimes += regime["count"].get<std::int64_t>();
            QVERIFY(inBins == judged["count"] && inRegimes == judged["count"]);
        }
        result = runBtcai({"evaluate", "--run", m_run});
        QVERIFY2(result.code == 0 && result.out.contains("buy and hold") && result.out.contains("agent (argmax)"), result.shown());
        result = runBtcai({"evaluate", "--run", m_run, "--part", "tomorrow"});
        QVERIFY2(result.code == 2 && result.says("write train, validation or test"), result.shown());
        result = runBtcai({"evaluate", "--run", m_run, "--checkpoint", "step-99"});
        QVERIFY2(result.code == 2 && result.says("step-99"), result.shown());
    }

    // An ensemble's table tells noise from what is unknown. Sized by its calibration, the checkpoint trades the test part as the run did; a checkpoint
    // that holds none says so.
    void anEnsembleIsJudgedAndSizes()
    {
        const QString run = m_folder.filePath("ensemble");
        const CliResult trained = runBtcai(QStringList{"train", "--data", m_data, "--run", run, "--steps", "1280", "--json", "--forecast.members", "3",
                                                       "--sizing.method", "confidence"} + tinyRun());
        QVERIFY2(trained.code == 0, trained.shown());
        const Json result = trained.json();
        QVERIFY(!result["calibration"].empty());
        for (const Json& judged : result["calibration"])
            QVERIFY2(judged["epistemic"].get<double>() > 0.0 && judged["aleatoric"].get<double>() > 0.0, trained.out);
        QVERIFY(!m_trained.json()["calibration"][0].contains("epistemic"));
        const CliResult again = runBtcai({"evaluate", "--run", run, "--json"});
        QVERIFY2(again.json()["evaluation"]["rows"] == result["evaluation"]["rows"] && !again.json().contains("sizing_calibrated"), again.out);
        const CliResult table = runBtcai({"evaluate", "--run", run});
        QVERIFY2(table.out.contains("noise / unknown bps") && !table.out.contains("holds no calibration"), table.out);

        const std::string latest = readText(run + "/checkpoints/latest");
        const QString index = run + "/checkpoints/" + QString::fromStdString(latest).trimmed() + "/checkpoint.json";
        Json sums = parseJson(readText(index), "index");
        sums["sha256"].erase("calibration.json");
        writeText(index, sums.dump());
        const CliResult raw = runBtcai({"evaluate", "--run", run});
        QVERIFY2(raw.code == 0 && raw.out.contains("this checkpoint holds no calibration"), raw.shown());
    }

    // Another seed would give other weights; the same gives the same table.
    void theSameSeedGivesTheSameTable()
    {
        const CliResult again = runBtcai(QStringList{"train", "--data", m_data, "--run", m_folder.filePath("again"), "--seed", "7", "--steps", "1280", "--json"} + tinyRun());
        QVERIFY2(again.code == 0, again.shown());
        QVERIFY(again.json()["evaluation"] == m_trained.json()["evaluation"]);
    }

    void aRunIsNeverOverwritten()
    {
        const auto before = filesBelow(m_run);
        CliResult result = runBtcai(QStringList{"train", "--data", m_data, "--run", m_run} + tinyRun());
        QVERIFY2(result.code == 2 && result.says("there is a run already"), result.shown());
        QVERIFY(filesBelow(m_run) == before);
        result = runBtcai(QStringList{"train", "--data", m_data, "--run", m_folder.path()} + tinyRun());
        QVERIFY2(result.code == 2 && result.says("is no folder for a run: it holds"), result.shown());
        result = runBtcai({"train", "--resume", "--run", m_run, "--ppo.gamma", "0.5"});
        QVERIFY2(result.code == 2 && result.says("--resume goes on with the run's own configuration"), result.shown());
        QVERIFY(filesBelow(m_run) == before);
    }

    // A finished run goes on when its goal is moved, and ends as one that had that goal from the start would, but for the schedules
    // that follow the goal: they are held constant here.
    void aFinishedRunGoesOnToAFurtherGoal()
    {
        const QStringList constant{"--ppo.anneal_learning_rate", "false", "--ppo.entropy_coefficient", "0"};
        const auto train = [&](const QString& run, const QString& steps) {
            return runBtcai(QStringList{"train", "--data", m_data, "--run", run, "--seed", "7", "--steps", steps, "--json"} + tinyRun() + constant);
        };
        const CliResult whole = train(m_folder.filePath("whole"), "2560");
        QVERIFY2(whole.code == 0, whole.shown());
        const QString run = m_folder.filePath("further");
        QCOMPARE(train(run, "1280").code, 0);
        const CliResult further = runBtcai({"train", "--resume", "--run", run, "--steps", "2560", "--json"});
        QVERIFY2(further.code == 0 && further.json()["step"] == 2560, further.shown());
        QVERIFY(further.json()["evaluation"] == whole.json()["evaluation"]);
        QVERIFY(readText(run + "/run.toml").find("steps = 2560") != std::string::npos);

        // At its end already: nothing is trained, and what was measured while training stays.
        const std::string measured = readText(run + "/evaluation/test.json");
        QCOMPARE(runBtcai({"train", "--resume", "--run", run, "--json"}).code, 0);
        QVERIFY(readText(run + "/evaluation/test.json") == measured);
    }

    // An edited run.toml is followed where a run may change, and told of where it may not.
    void anEditedConfigurationIsFollowedOrToldOf()
    {
        const QString run = copyOfRun("edited");
        std::string toml = readText(run + "/run.toml");
        const auto replace = [&](const std::string& from, const std::string& to) {
            const std::size_t at = toml.find(from);
            QVERIFY2(at != std::string::npos, from.c_str());
            toml.replace(at, toml.find('\n', at) - at, to);
        };
        replace("clip_range = ", "clip_range = 0.125");
        replace("gamma = ", "gamma = 0.5");
        writeText(run + "/run.toml", toml);
        QCOMPARE(runBtcai({"train", "--resume", "--run", run, "--json"}).code, 0);
        const std::string events = readText(run + "/events.jsonl");
        QVERIFY(events.find("ppo.clip_range = 0.125 from here on") != std::string::npos);
        QVERIFY(events.find("ppo.gamma = 0.5 in run.toml, but this run was trained with") != std::string::npos);
        const std::string after = readText(run + "/run.toml");
        QVERIFY(after.find("clip_range = 0.125") != std::string::npos && after.find("gamma = 0.5") == std::string::npos);
    }

    // Other data under the old name: neither resumed with nor evaluated on in silence.
    void changedDataIsNoticed()
    {
        const QString run = copyOfRun("changed-data");
        const std::string before = readText(m_data);
        writeText(m_data, wanderingCsv(5000, 2));
        const CliResult resumed = runBtcai({"train", "--resume", "--run", run});
        const CliResult evaluated = runBtcai({"evaluate", "--run", run});
        writeText(m_data, before);
        QVERIFY2(resumed.code == 2 && resumed.says("is not the data this run was trained on"), resumed.shown());
        QVERIFY2(evaluated.code == 2 && evaluated.says("is not the data this run was trained on"), evaluated.shown());
    }

    // A look-back of 12 hours is none of 24: an agent trades the bar length it was trained on.
    void otherBarLengthsAreRefused()
    {
        const QString longer = m_folder.filePath("longer.h5");
        QCOMPARE(runBtcai({"import", m_data, "--resample", "600", "-o", longer}).code, 0);
        const CliResult evaluated = runBtcai({"evaluate", "--run", m_run, "--data", longer});
        QVERIFY2(evaluated.code == 2 && evaluated.says("bars of 600 s; this agent was trained on bars of 300 s"), evaluated.shown());
    }

    // Each file of the latest checkpoint cut to half: the message names it, and checkpoints and configuration are as they were.
    void aCheckpointCutShortIsRefused()
    {
        const QString run = copyOfRun("cut-short");
        const QString latest = QString::fromStdString(readText(run + "/checkpoints/latest")).trimmed();
        QStringList files = QDir(run + "/checkpoints/" + latest).entryList(QDir::Files);
        QCOMPARE(files.size(), 7);
        for (const QString name : {"model.safetensors", "environment.bin", "checkpoint.json"}) { // the others: tst_checkpoint
            const QString file = run + "/checkpoints/" + latest + "/" + name;
            const std::string whole = readText(file);
            writeText(file, whole.substr(0, whole.size() / 2));
            const auto before = withoutRecord(filesBelow(run));
            const CliResult resumed = runBtcai({"train", "--resume", "--run", run});
            QVERIFY2(resumed.code == 4, name.toUtf8() + ": " + resumed.shown());
            QVERIFY2(resumed.says(latest.toUtf8()) && (resumed.says("cut short or changed") || resumed.says("incomplete")), resumed.shown());
            QVERIFY(withoutRecord(filesBelow(run)) == before);
            writeText(file, whole);
        }
        const CliResult evaluated = runBtcai({"evaluate", "--run", run});
        QVERIFY2(evaluated.code == 0, evaluated.shown());
    }

    // Killed in the middle of a line: the run goes on, and the line is mended.
    void aTornLastLineIsMended()
    {
        const QString run = copyOfRun("torn");
        const QString events = run + "/events.jsonl";
        const std::string whole = readText(events);
        writeText(events, whole + "{\"type\":\"metrics\",\"iteration\":11,\"st");
        const CliResult resumed = runBtcai({"train", "--resume", "--run", run, "--json"});
        QVERIFY2(resumed.code == 0, resumed.shown());
        QVERIFY(readText(events).starts_with(whole + "{\"type\":\"hello\""));
        const auto summary = protocol::replayEvents(events.toStdString(), [](const protocol::Event&) {});
        QVERIFY(!summary.tornLastLine && summary.lastState == protocol::WorkerState::Finished);
        QVERIFY(resumed.json()["evaluation"] == m_trained.json()["evaluation"]); // it was at its end already
    }

    // SIGINT: checkpoint and leave; a second process is kept out while the first one runs; resumed, the run ends as one that was never
    // interrupted.
    void aRunIsInterruptedAndResumed()
    {
        const QString run = m_folder.filePath("interrupted");
        const QStringList options = QStringList{"--seed", "5", "--train.checkpoint_every", "1000000", "--train.evaluate_every", "1000000"} + tinyRun();
        const QString steps = "64000"; // 500 iterations: some seconds
        QProcess process;
        process.start(BTCAI_EXECUTABLE, QStringList{"train", "--data", m_data, "--run", run, "--steps", steps} + options);
        QTRY_VERIFY_WITH_TIMEOUT(readText(run + "/events.jsonl").find("\"metrics\"") != std::string::npos, 120'000);
        const CliResult second = runBtcai({"train", "--resume", "--run", run});
        QVERIFY2(second.code == 2 && second.says("another process is running this run"), second.shown());
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(120'000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        const QByteArray out = process.readAllStandardOutput();
        QVERIFY2(process.exitCode() == 130 && out.contains("go on with: btcai train --resume --run"), out);

        std::vector<protocol::Event> events;
        const auto summary = protocol::replayEvents((run + "/events.jsonl").toStdString(), [&](const protocol::Event& event) { events.push_back(event); });
        QVERIFY(summary.lastState == protocol::WorkerState::Stopped);
        const auto& stopped = std::get<protocol::StateChanged>(events.back());
        QVERIFY(stopped.step > 0 && stopped.step < 64'000 && stopped.step % 128 == 0);
        QVERIFY(QFileInfo::exists(run + QString::asprintf("/checkpoints/step-%012lld/model.safetensors", static_cast<long long>(stopped.step))));
        QVERIFY(!QFileInfo::exists(run + "/evaluation/test.json"));
    }

    void anInterruptedRunFinishes()
    {
        const QString run = m_folder.filePath("two-halves");
        const QStringList options = QStringList{"--seed", "7", "--steps", "1280"} + tinyRun();
        QProcess process;
        process.start(BTCAI_EXECUTABLE, QStringList{"train", "--data", m_data, "--run", run} + options);
        QTRY_VERIFY_WITH_TIMEOUT(readText(run + "/events.jsonl").find("\"preparing\"") != std::string::npos, 120'000);
        ::kill(static_cast<pid_t>(process.processId()), SIGTERM);
        QVERIFY(process.waitForFinished(120'000));
        QVERIFY2(process.exitCode() == 130 || process.exitCode() == 0, process.readAllStandardError());
        const CliResult resumed = runBtcai({"train", "--resume", "--run", run, "--json"});
        QVERIFY2(resumed.code == 0, resumed.shown());
        QVERIFY(resumed.json()["finished"] == true && resumed.json()["step"] == 1280);
        QVERIFY(resumed.json()["evaluation"] == m_trained.json()["evaluation"]);
    }

    void benchTellsItsFigures()
    {
        const auto asked = qEnvironmentVariable("OPENBLAS_CORETYPE");
        qputenv("OPENBLAS_CORETYPE", "Nehalem");
        const CliResult result = runBtcai(QStringList{"bench", "train", "--bucket", "short", "--iterations", "2", "--json"} + tinyRun());
        asked.isEmpty() ? qunsetenv("OPENBLAS_CORETYPE") : qputenv("OPENBLAS_CORETYPE", asked.toUtf8());
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["bench"] == "train" && json["bucket"] == "short" && json["iterations"] == 2 && json["lookback_bars"] == 16);
        for (const char* key : {"account_steps_per_s", "market_bars_per_s", "parameters", "threads"})
            QVERIFY2(json[key].get<double>() > 0.0, key);
        const double shares = json["share"]["encode"].get<double>() + json["share"]["rollout"].get<double>() + json["share"]["update"].get<double>();
        QVERIFY(std::abs(shares - 1.0) < 1e-6);
        double works = 0.0;
        for (const char* work : {"env", "encode", "heads", "backward", "optimizer", "input", "rest"}) {
            QVERIFY2(json["share_by_work"][work].get<double>() > 0.0, work);
            works += json["share_by_work"][work].get<double>();
        }
        QVERIFY(std::abs(works - 1.0) < 1e-6);
        QCOMPARE(json["share_by_work"]["exchange"].get<double>(), 0.0); // with nobody
        QVERIFY(json["processor"].is_string() && json["cores"].get<int>() > 0 && json["vectors"].is_string());
#ifdef __x86_64__ // whose OpenBLAS takes the kernels that it is asked for
        QCOMPARE(json["blas_kernels"].get<std::string>(), std::string("Nehalem"));
#endif
        const double bars = json["market_bars_per_s"], steps = json["account_steps_per_s"];
        QVERIFY(std::abs(steps - 2.0 * bars) < 1e-6 * steps); // two accounts a stretch
    }

    /// How long a decision takes is the machine's affair; that all of it is measured, and in order, is not. A token of the scalping bucket is 8 bars, so of 200
    /// decisions 25 complete one.
    void benchDecideTellsItsFigures()
    {
        const CliResult result = runBtcai({"bench", "decide", "--bucket", "scalping", "--decisions", "200", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["bench"] == "decide" && json["decisions"] == 200 && json["threads"] == 1 && json["goal_milliseconds"] == 2.0);
        QCOMPARE(json["buckets"].size(), std::size_t{1});
        const Json bucket = json["buckets"][0];
        QVERIFY(bucket["bucket"] == "scalping" && bucket["lookback_bars"] == 144 && bucket["new_token"]["decisions"] == 25);
        QVERIFY(bucket["parameters"].get<int>() > 600'000 && bucket["features"].get<int>() > 20);
        for (const char* clock : {"milliseconds", "processor_milliseconds"}) {
            const Json figures = bucket[clock];
            QVERIFY2(0.0 < figures["median"] && figures["median"] <= figures["p95"] && figures["p95"] <= figures["p99"] && figures["p99"] <= figures["max"],
                     clock);
        }
        QCOMPARE(bucket["within_goal"].get<bool>(), bucket["milliseconds"]["p99"].get<double>() < 2.0);
        const CliResult unknown = runBtcai({"bench", "decide", "--bucket", "hourly", "--json"});
        QVERIFY(unknown.code == 2 && unknown.json()["error"]["message"].get<std::string>().find("scalping") != std::string::npos);
    }

    /// Two iterations of 8 stretches x 128 bars, each looked at: nothing is learned in them, so no level is reached and none is made up.
    void benchLearnTellsItsFigures()
    {
        const CliResult result = runBtcai({"bench", "learn", "--task", "planted", "--seeds", "1", "--evaluate-every", "1", "--steps", "16384", "--json"});
        QVERIFY2(result.code == 0, result.shown());
        const Json json = result.json();
        QVERIFY(json["bench"] == "learn" && json["seeds"] == 1 && json["part"] == "validation" && json["bars_between_evaluations"] == 1024);
        for (const char* policy : {"argmax", "sampled"})
            for (const Json& level : json["until"][policy])
                QVERIFY2(level["seconds"]["median"].is_null() && level["market_bars"]["seeds"][0].is_null(), policy);
        QVERIFY(json["until"]["argmax"][0]["share"] == 0.6 && json["until"]["argmax"][1]["share"] == 0.9);
        const Json run = json["runs"][0];
        QVERIFY(run["steps"] == 16384 && run["attainable_log_return"].get<double>() > 0.5 && run["best_share"]["argmax"].get<double>() < 0.6);
        QVERIFY(run["training_seconds"].get<double>() > 0.0 && run["evaluation_seconds"].get<double>() > 0.0);
        const CliResult unknown = runBtcai({"bench", "learn", "--task", "pong", "--json"});
        QVERIFY(unknown.code == 2 && unknown.json()["error"]["message"].get<std::string>().find("planted") != std::string::npos);
    }

private:
    QString copyOfRun(const QString& name)
    {
        const QString copy = m_folder.filePath(name);
        std::filesystem::copy(m_run.toStdString(), copy.toStdString(), std::filesystem::copy_options::recursive);
        return copy;
    }

    /// A failed session is told in the record; everything else must stand.
    static std::map<std::string, std::string> withoutRecord(std::map<std::string, std::string> files)
    {
        files.erase("events.jsonl");
        files.erase("worker.log");
        return files;
    }

    template <typename T> T onlyEvent() const
    {
        std::vector<T> found;
        protocol::replayEvents((m_run + "/events.jsonl").toStdString(), [&](const protocol::Event& event) {
            if (const T* one = std::get_if<T>(&event))
                found.push_back(*one);
        });
        return found.at(0);
    }

    QTemporaryDir m_folder;
    QString m_data, m_run;
    CliResult m_trained;
};

QTEST_GUILESS_MAIN(TestCliTrain)
#include "tst_cli_train.moc"
