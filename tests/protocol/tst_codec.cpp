#include <QtTest>

#include <fstream>
#include <set>

#include "agent/protocol/Codec.h"
#include "base/Json.h"
#include "tests/protocol/RandomMessages.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::protocol;
using namespace btcai::test;

namespace {

std::vector<std::string> linesOf(const char* name)
{
    std::ifstream file(std::string(BTCAI_FIXTURES "/protocol/") + name);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

/// JSON as it reads best in a literal: with ' for ".
std::string q(std::string text)
{
    std::ranges::replace(text, '\'', '"');
    return text;
}

std::optional<Failure> eventFailure(const std::string& line)
{
    return failureOf([&] { decodeEvent(line, "worker 3, line 12"); });
}

std::optional<Failure> commandFailure(const std::string& line)
{
    return failureOf([&] { decodeCommand(line, "command"); });
}

template <typename M> M decoded(const std::string& line) { return std::get<M>(decodeEvent(line, "test")); }

/// Values that do not belong where `value` stands.
std::vector<Json> wrongFor(const Json& value)
{
    std::vector<Json> wrong{Json::object(), Json::array(), Json("x"), Json(1.5), Json(true), Json(7), Json(nullptr)};
    std::erase_if(wrong, [&](const Json& other) {
        if (value.is_number_float() || value.is_null()) // null is NaN
            return other.is_number() || other.is_null();
        if (value.is_number_integer())
            return other.is_number_integer();
        return other.type() == value.type();
    });
    return wrong;
}

/// Calls `check(field)` with every variant of `root` in which one field of the object at `place` is missing or of a wrong type.
void spoilFields(const Json& root, const Json::json_pointer& place, const std::function<void(const std::string& field, const Json& spoiled)>& check)
{
    for (const auto& [name, value] : root.at(place).items()) {
        if (name == "type")
            continue;
        Json missing = root;
        missing.at(place).erase(name);
        check(name, missing);
        for (const Json& wrong : wrongFor(value)) {
            Json spoiled = root;
            spoiled.at(place)[name] = wrong;
            check(name, spoiled);
        }
    }
}

} // namespace

class TestCodec : public QObject {
    Q_OBJECT

private slots:
    void everyEventReadsBackEqual()
    {
        RandomMessages random(1, true);
        for (int i = 0; i < 400; ++i)
            for (std::size_t type = 0; type < kEventTypes; ++type) {
                const Event event = random.event(type);
                const std::string line = encode(event);
                QVERIFY(line.find('\n') == std::string::npos && line.size() < kMaxLineBytes);
                QVERIFY2(decodeEvent(line, "test") == event, line.c_str());
            }
    }

    void everyCommandReadsBackEqual()
    {
        RandomMessages random(2, true);
        for (int i = 0; i < 400; ++i)
            for (std::size_t type = 0; type < kCommandTypes; ++type) {
                const Command command = random.command(type);
                const std::string line = encode(command);
                QVERIFY(line.find('\n') == std::string::npos);
                QVERIFY2(decodeCommand(line, "test") == command, line.c_str());
            }
    }

    // A number that is not finite stands as null and reads back as NaN, never as a number.
    void whatIsNotFiniteReadsBackAsNan()
    {
        const double infinity = std::numeric_limits<double>::infinity();
        for (const double bad : {std::nan(""), infinity, -infinity}) {
            const std::string line = encode(Event(Trade{1, 0, 0, "long", bad, 2.0, 1.0, 1.0, 1.0, "train"}));
            QVERIFY(line.find("\"entry_price\":null") != std::string::npos);
            QVERIFY(std::isnan(decoded<Trade>(line).entryPrice));
            QCOMPARE(decoded<Trade>(line).exitPrice, 2.0);
            const Metrics metrics = decoded<Metrics>(encode(Event(Metrics{1, 1, 1, 0.0, 0.0, {{"a", bad}, {"b", 3.0}}})));
            QVERIFY(std::isnan(metrics.values[0].second) && metrics.values[1].second == 3.0);
            const Forecast forecast = decoded<Forecast>(encode(Event(Forecast{1, 1, {1, 2}, {bad, 1}, {1, 1}, {1, bad}})));
            QVERIFY(std::isnan(forecast.mean[0]) && forecast.mean[1] == 1.0 && std::isnan(forecast.outcome[1]));
        }
        RandomMessages random(3, false);
        for (int i = 0; i < 300; ++i)
            for (std::size_t type = 0; type < kEventTypes; ++type) {
                const std::string line = encode(random.event(type));
                QCOMPARE(encode(decodeEvent(line, "test")), line);
            }
    }

    // Bytes that are no UTF-8 cannot stand in JSON: they are replaced, and the line can be read.
    void brokenTextIsReplaced()
    {
        const Notice notice = decoded<Notice>(encode(Event(Notice{"info", "x", "caf\xe9 \xff"})));
        QCOMPARE(notice.message, std::string("caf\xef\xbf\xbd \xef\xbf\xbd"));
    }

    // Lines written by hand: the names on the wire and in old run folders.
    void theWireFormatStands()
    {
        const std::vector<std::string> lines = linesOf("session-v1.jsonl");
        QCOMPARE(lines.size(), std::size_t{16});
        std::set<std::size_t> types;
        for (const std::string& line : lines) {
            const Event event = decodeEvent(line, "fixture");
            types.insert(event.index());
            QVERIFY2(parseJson(encode(event), "encoded") == parseJson(line, "fixture"), line.c_str());
        }
        QCOMPARE(types.size(), kEventTypes);
        const Hello hello = decoded<Hello>(lines[0]);
        QVERIFY((hello == Hello{1, "0.1.0", "abc123", 4711, "cpu", "1.13.0", 4}));
        QVERIFY((decoded<Heartbeat>(lines[2]) == Heartbeat{0, 1.5, 123456789, 0}));
        const RunInfo info = decoded<RunInfo>(lines[3]);
        QVERIFY((info == RunInfo{"/runs/a", "scalping", "BTCUSD", "00ff", 1000, 25, 600000, 4096, 1500000000, 1510000200, 1510000500, 1511000400, 1511000700, 1512000600}));
        const Metrics metrics = decoded<Metrics>(lines[6]);
        QCOMPARE(metrics.remainingSeconds, -1.0);
        QCOMPARE(metrics.values[1].first, std::string("approx_kl")); // in the order of the line
        QVERIFY(std::isnan(metrics.values[2].second));
        QVERIFY((decoded<Trade>(lines[8]) == Trade{2048, 1500000300, 1500000900, "short", 4000.5, 3990.25, 0.5, 4.125, 1, "validation"}));
        const Evaluation evaluation = decoded<Evaluation>(lines[10]);
        QVERIFY(std::isnan(evaluation.rows[0].profitFactor) && evaluation.rows[0].name == "cash");
        QVERIFY(evaluation.curves[0].equity == (std::vector<double>{1, 1}));
        QVERIFY((decoded<CheckpointSaved>(lines[11]) == CheckpointSaved{2048, "checkpoints/step-000000002048", true}));
        const Calibration calibration = decoded<Calibration>(lines[12]);
        QVERIFY((calibration == Calibration{2048, "validation", 12, 200, 1.25, 1.5, 0.002, -0.01, 0.0625, 0.03125, {{0.9, 0.75, 0.875, 0.9}},
                                            {{200, 0.5, 0.53}}, {{"trend", 150, 0.9, 0.88}}}));

        const std::vector<std::string> commands = linesOf("commands-v1.jsonl");
        QCOMPARE(commands.size(), kCommandTypes);
        QVERIFY((decodeCommand(commands[0], "x") == Command(Start{"/runs/a", "seed = 1\n", false})));
        QVERIFY((decodeCommand(commands[4], "x") == Command(SetField{"ppo.clip_range", "0.1"})));
        for (const std::string& line : commands)
            QVERIFY(parseJson(encode(decodeCommand(line, "fixture")), "encoded") == parseJson(line, "fixture"));
    }

    void aSpoiltFieldIsNamed()
    {
        int checked = 0;
        for (const std::string& line : linesOf("session-v1.jsonl")) {
            const Json json = parseJson(line, "fixture");
            const std::string type = json["type"];
            const auto refused = [&](const std::string& field, const Json& spoiled) {
                const auto failure = eventFailure(spoiled.dump());
                QVERIFY2(failure && failure->kind == ErrorKind::Protocol, spoiled.dump().c_str());
                QVERIFY2(failure->says("worker 3, line 12: " + type) && failure->says("'" + field + "'"), failure->message.c_str());
                ++checked;
            };
            spoilFields(json, Json::json_pointer(""), refused);
            if (type == "evaluation") {
                spoilFields(json, Json::json_pointer("/rows/0"), refused);
                spoilFields(json, Json::json_pointer("/curves/0"), refused);
            }
        }
        QVERIFY(checked > 400);
        for (const std::string& line : linesOf("commands-v1.jsonl")) {
            const Json json = parseJson(line, "fixture");
            spoilFields(json, Json::json_pointer(""), [&](const std::string& field, const Json& spoiled) {
                const auto failure = commandFailure(spoiled.dump());
                QVERIFY2(failure && failure->kind == ErrorKind::Protocol && failure->says("'" + field + "'"), spoiled.dump().c_str());
            });
        }
    }

    void itemsOfListsAreChecked()
    {
        const std::string good = linesOf("session-v1.jsonl")[9]; // the forecast
        for (const char* list : {"time", "mean", "deviation", "outcome"}) {
            Json json = parseJson(good, "fixture");
            json[list][1] = "x";
            QVERIFY(eventFailure(json.dump())->says(list));
        }
        Json metrics = parseJson(linesOf("session-v1.jsonl")[6], "fixture");
        metrics["values"]["entropy"] = "high";
        QVERIFY(eventFailure(metrics.dump())->says("'values'"));
    }

    // The parts of a forecast's uncertainty came later, and stand only where there is an ensemble.
    void theEpistemicPartIsWrittenWhereThereIsOne()
    {
        const Json plain = parseJson(linesOf("session-v1.jsonl")[9], "fixture");
        Json json = plain;
        QVERIFY(decoded<Forecast>(json.dump()).epistemic.empty());
        json["epistemic"] = {0.001, 0.002};
        const Forecast forecast = decoded<Forecast>(json.dump());
        QVERIFY((forecast.epistemic == std::vector<double>{0.001, 0.002}));
        QVERIFY(parseJson(encode(Event(forecast)), "encoded") == json);
        json["epistemic"].push_back(1);
        const auto failure = eventFailure(json.dump());
        QVERIFY(failure && failure->says("'epistemic'"));

        json = parseJson(linesOf("session-v1.jsonl")[12], "fixture");
        json["epistemic"] = 0.25, json["aleatoric"] = 0.5;
        const Calibration calibration = decoded<Calibration>(json.dump());
        QVERIFY(calibration.epistemic == 0.25 && calibration.aleatoric == 0.5);
        QVERIFY(parseJson(encode(Event(calibration)), "encoded") == json);
    }

    // So did the ends of the middle of forecasts that are not Gaussian.
    void theMiddleOfAForecastIsWrittenWhereItIsNotGaussian()
    {
        Json json = parseJson(linesOf("session-v1.jsonl")[9], "fixture");
        QVERIFY(decoded<Forecast>(json.dump()).lower.empty());
        json["lower"] = {-0.002, -0.001}, json["upper"] = {0.001, 0.003};
        const Forecast forecast = decoded<Forecast>(json.dump());
        QVERIFY((forecast.lower == std::vector<double>{-0.002, -0.001}) && (forecast.upper == std::vector<double>{0.001, 0.003}));
        QVERIFY(parseJson(encode(Event(forecast)), "encoded") == json);
        json.erase("upper");
        const auto failure = eventFailure(json.dump());
        QVERIFY(failure && failure->says("'lower'"));
    }

    void unequalListsAreRefused()
    {
        for (const char* list : {"time", "mean", "deviation", "outcome"}) {
            Json json = parseJson(linesOf("session-v1.jsonl")[9], "fixture");
            json[list].push_back(1);
            const auto failure = eventFailure(json.dump());
            QVERIFY(failure && failure->says("forecast") && failure->says("unequal lengths"));
        }
        Json json = parseJson(linesOf("session-v1.jsonl")[10], "fixture");
        json["curves"][0]["equity"].push_back(1);
        const auto failure = eventFailure(json.dump());
        QVERIFY(failure && failure->says("evaluation") && failure->says("'curves'"));
    }

    void wholeNumbersKeepTheirRange()
    {
        QVERIFY(eventFailure(q("{'type':'resumed','step':9223372036854775808,'checkpoint':''}"))->says("'step'"));
        QVERIFY(!eventFailure(q("{'type':'resumed','step':9223372036854775807,'checkpoint':''}")));
        QVERIFY(!eventFailure(q("{'type':'resumed','step':-9223372036854775808,'checkpoint':''}")));
        QVERIFY(eventFailure(q("{'type':'resumed','step':1.0,'checkpoint':''}"))->says("'step'"));
        QVERIFY(eventFailure(q("{'type':'resumed','step':-9223372036854775809,'checkpoint':''}"))->says("'step'"));
        QVERIFY(eventFailure(q("{'type':'heartbeat','step':1,'uptime_s':1e999,'resident_bytes':1,'dropped':0}")));
    }

    void whatIsNoMessageIsRefused_data()
    {
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<QString>("says");
        QTest::newRow("empty") << QByteArray() << "not JSON";
        QTest::newRow("text") << QByteArray("Segmentation fault") << "not JSON";
        QTest::newRow("cut short") << QByteArray::fromStdString(q("{'type':'pause'")) << "not JSON";
        QTest::newRow("two") << QByteArray::fromStdString(q("{'type':'pause'}{'type':'pause'}")) << "not JSON";
        QTest::newRow("a list") << QByteArray::fromStdString(q("['type','pause']")) << "no 'type'";
        QTest::newRow("a number") << QByteArray("7") << "no 'type'";
        QTest::newRow("null") << QByteArray("null") << "no 'type'";
        QTest::newRow("no type") << QByteArray::fromStdString(q("{'state':'running'}")) << "no 'type'";
        QTest::newRow("type is a number") << QByteArray::fromStdString(q("{'type':3}")) << "no 'type'";
        QTest::newRow("unknown type") << QByteArray::fromStdString(q("{'type':'explode'}")) << "unknown message type 'explode'";
        QTest::newRow("other case") << QByteArray::fromStdString(q("{'type':'Pause'}")) << "unknown message type 'Pause'";
        QTest::newRow("endless type") << QByteArray::fromStdString(q("{'type':'")) + QByteArray(100'000, 'x') + "\"}" << "unknown message type";
        QTest::newRow("NUL") << QByteArray("{\"type\":\"pause\"\0}", 17) << "not JSON";
        QTest::newRow("no UTF-8") << QByteArray("{\"type\":\"\xff\"}") << "not JSON";
        QTest::newRow("too long") << QByteArray::fromStdString(q("{'type':'pause','x':'")) + QByteArray(kMaxLineBytes, 'x') + "\"}" << "bytes";
        QTest::newRow("too deep") << QByteArray::fromStdString(q("{'type':'pause','x':")) + QByteArray(300'000, '[') + QByteArray(300'000, ']') + "}" << "levels deep";
        QTest::newRow("nine deep") << QByteArray::fromStdString(q("{'type':'pause','x':[[[[[[[[]]]]]]]]}")) << "levels deep";
    }
    void whatIsNoMessageIsRefused()
    {
        QFETCH(QByteArray, line);
        QFETCH(QString, says);
        for (const auto& failure : {eventFailure(line.toStdString()), commandFailure(line.toStdString())}) {
            QVERIFY(failure && failure->kind == ErrorKind::Protocol);
            if (!failure->says("unknown message type")) // "pause" is no event
                QVERIFY2(failure->says(says.toStdString()), failure->message.substr(0, 300).c_str());
            QVERIFY(failure->says("worker 3, line 12") || failure->says("command"));
            QVERIFY(failure->message.size() < 400);
        }
    }

    void endlessFieldsAreRefused()
    {
        const std::string longText(256 * 1024 + 1, 'x');
        QVERIFY(eventFailure(q("{'type':'notice','level':'info','kind':'x','message':'") + longText + "\"}")->says("'message' is too long"));
        QVERIFY(commandFailure(q("{'type':'set','key':'") + longText + q("','value':'1'}"))->says("'key' is too long"));
        std::string list = "[0";
        for (int i = 0; i < 20'000; ++i)
            list += ",0";
        list += "]";
        const auto failure = eventFailure(q("{'type':'forecast','step':1,'horizon_bars':1,'time':") + list + q(",'mean':[],'deviation':[],'outcome':[]}"));
        QVERIFY(failure && failure->says("'time'") && failure->says("20000"));
    }

    // Both ways round: what would be too long for a reader is not written.
    void aMessageBeyondTheCapIsNotWritten()
    {
        const auto failure = failureOf([] { encode(Event(Notice{"info", "x", std::string(kMaxLineBytes, 'x')})); });
        QVERIFY(failure && failure->kind == ErrorKind::Internal && failure->says("notice"));
    }

    void additionalFieldsAreIgnored()
    {
        QVERIFY(!eventFailure(q("{'type':'resumed','step':1,'checkpoint':'c','later':{'a':[1]}}")));
        QVERIFY(decodeCommand(q("{'later':1,'type':'pause'}"), "x") == Command(Pause{}));
    }

    // Whatever else another version has changed in its hello, the version is what the message is about.
    void anotherProtocolVersionIsSaid()
    {
        for (const std::string& line : {q("{'type':'hello','protocol':2,'version':'9.0.0','revision':'','pid':1,'device':'cpu','libtorch':'','threads':1}"),
                                 q("{'type':'hello','protocol':2,'version':{'major':9}}"), q("{'type':'hello','protocol':0}"),
                                 q("{'type':'hello','protocol':3000000000}")}) {
            const auto failure = eventFailure(line);
            QVERIFY(failure && failure->kind == ErrorKind::Protocol);
            QVERIFY2(failure->says("speaks protocol version") && failure->says("this program version 1"), failure->message.c_str());
            QVERIFY(failure->says("install workbench and worker of one version"));
        }
        QVERIFY(eventFailure(q("{'type':'hello','protocol':'1'}"))->says("'protocol'"));
        QVERIFY(eventFailure(q("{'type':'hello'}"))->says("'protocol' is missing"));
    }

    void namesOfTypesAndStates()
    {
        const char* const events[] = {"hello", "state", "run", "resumed", "metrics", "trade", "forecast", "calibration", "evaluation", "checkpoint", "heartbeat", "notice"};
        RandomMessages random(4, true);
        for (std::size_t i = 0; i < kEventTypes; ++i)
            QVERIFY(typeName(random.event(i)) == events[i]);
        const char* const states[] = {"ready", "preparing", "running", "paused", "stopping", "finished", "stopped", "failed"};
        for (std::size_t i = 0; i < 8; ++i)
            QVERIFY(decoded<StateChanged>(q(fmt::format("{{'type':'state','state':'{}','step':0,'detail':''}}", states[i]))).state == static_cast<WorkerState>(i));
        QVERIFY(eventFailure(q("{'type':'state','state':'flying','step':0,'detail':''}"))->says("is no worker state"));
    }

    // Bytes changed, lost, doubled and swapped: a decoder gives a message or our own error, nothing else.
    void mutatedLinesNeverDoAnythingElse()
    {
        std::vector<std::string> seeds = linesOf("session-v1.jsonl");
        for (const std::string& line : linesOf("commands-v1.jsonl"))
            seeds.push_back(line);
        RandomMessages random(5, false);
        for (std::size_t i = 0; i < kEventTypes; ++i)
            seeds.push_back(encode(random.event(i)));
        Rng rng(6, "test-mutations");
        int refused = 0, accepted = 0;
        for (int i = 0; i < 24'000; ++i) {
            std::string line = seeds[rng.below(seeds.size())];
            for (std::size_t edits = 1 + rng.below(4); edits > 0 && !line.empty(); --edits) {
                const std::size_t place = rng.below(line.size());
                switch (rng.below(6)) {
                case 0: line[place] = static_cast<char>(rng.below(256)); break;
                case 1: line[place] = static_cast<char>(line[place] ^ (1 << rng.below(8))); break;
                case 2: line.erase(place, 1 + rng.below(8)); break;
                case 3: line.insert(place, line.substr(rng.below(line.size()), rng.below(12))); break;
                case 4: line.insert(place, 1, "{}[]\":,0123456789eE.-+\\unlf"[rng.below(27)]); break;
                default: line.insert(place, rng.below(2) == 0 ? "e999" : "99999999999999999999"); break;
                }
            }
            const auto event = eventFailure(line);
            const auto command = commandFailure(line);
            refused += event && command;
            accepted += !event || !command;
            QVERIFY(!event || event->kind == ErrorKind::Protocol);
            QVERIFY(!command || command->kind == ErrorKind::Protocol);
        }
        QVERIFY(refused > 10'000 && accepted > 1'000);
    }
};

QTEST_APPLESS_MAIN(TestCodec)
#include "tst_codec.moc"
