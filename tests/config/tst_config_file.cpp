#include <QTemporaryDir>
#include <QtTest>

#include <array>
#include <bit>
#include <cmath>
#include <fstream>

#include "agent/config/ConfigFile.h"
#include "agent/config/Field.h"
#include "base/Rng.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

/// A value that a field may have: any of its range, its ends, numbers with many digits.
std::string randomText(const Field& field, Rng& rng)
{
    RunConfig probe;
    const FieldPointer place = field.locate(probe);
    if (std::holds_alternative<bool*>(place))
        return rng.below(2) == 0 ? "true" : "false";
    if (!field.choices.empty())
        return std::string(field.choices[rng.below(field.choices.size())]);
    if (std::holds_alternative<std::int64_t*>(place)) {
        const auto low = static_cast<std::int64_t>(std::ceil(field.minimum));
        const auto span = static_cast<std::uint64_t>(static_cast<std::int64_t>(field.maximum) - low) + 1;
        return std::to_string(low + static_cast<std::int64_t>(rng.below(4) == 0 ? rng.below(2) * (span - 1) : rng.below(span)));
    }
    if (std::holds_alternative<double*>(place)) {
        double value = field.minimum + (field.maximum - field.minimum) * rng.uniform();
        if (rng.below(2) == 0 && field.minimum > 0.0) // over all magnitudes
            value = field.minimum * std::pow(field.maximum / field.minimum, rng.uniform());
        if (rng.below(6) == 0)
            value = std::floor(value); // whole numbers need a point in TOML
        return fmt::format("{}", std::clamp(value, field.minimum, field.maximum));
    }
    if (field.key == "model.horizons")
        return fmt::format("{},{}", 1 + rng.below(10), 11 + rng.below(1000));
    static const char* const pieces[] = {"a", "/", "\"", "\\", "'", " ", "#", "=", "[", "ä", "价", "😀", "\x7f", "\\u0041", "\"\"\"", "'''"};
    std::string text;
    for (std::size_t i = rng.below(12); i > 0; --i)
        text += pieces[rng.below(std::size(pieces))];
    return text;
}

std::string at(const std::string& text) { return failureOf([&] { parseRunConfig(text, "run.toml"); }).value_or(Failure{ErrorKind::Internal, "(accepted)"}).message; }

bool says(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

} // namespace

class TestConfigFile : public QObject {
    Q_OBJECT

private slots:
    void theDefaultsOfEveryBucketReadBackEqual()
    {
        for (const Bucket bucket : kBuckets) {
            const RunConfig config = defaultConfig(bucket);
            const std::string text = toToml(config);
            QVERIFY(parseRunConfig(text, "run.toml") == config);
            QCOMPARE(toToml(parseRunConfig(text, "run.toml")), text);
            for (const Field& field : runConfigFields()) { // every field stands there, with its help
                const std::size_t dot = field.key.rfind('.');
                const auto name = std::string(dot == std::string_view::npos ? field.key : field.key.substr(dot + 1));
                QVERIFY2(says(text, "\n" + name + " = ") && says(text, field.help), name.c_str());
            }
        }
    }

    // A real number is one for every reader of TOML, also where it is whole.
    void realNumbersHaveAPoint()
    {
        QVERIFY(says(toToml(defaultConfig(Bucket::Scalping)), "\ninitial_cash = 10000.0\n"));
        QVERIFY(says(toToml(defaultConfig(Bucket::Scalping)), "\nsteps = 2000000\n"));
    }

    // Each field on its own with random values, bit for bit; the others stay at a default that fits.
    void everyValueReadsBackToTheSameBits()
    {
        Rng rng(1, "test-config");
        int accepted = 0;
        for (int i = 0; i < 150; ++i)
            for (const Field& field : runConfigFields()) {
                RunConfig config = defaultConfig(kBuckets[rng.below(4)]);
                const std::string text = randomText(field, rng);
                setFieldText(config, field, text);
                if (failureOf([&] { validate(config); }))
                    continue; // breaks a rule between fields
                ++accepted;
                const RunConfig again = parseRunConfig(toToml(config), "run.toml");
                QVERIFY2(again == config, text.c_str());
                RunConfig a = config, b = again;
                if (auto place = field.locate(a); auto* const* real = std::get_if<double*>(&place))
                    QCOMPARE(std::bit_cast<std::uint64_t>(**real), std::bit_cast<std::uint64_t>(*std::get<double*>(field.locate(b))));
            }
        QVERIFY(accepted > 4'000);
    }

    void allFieldsAtOnceReadBack()
    {
        Rng rng(2, "test-config");
        int accepted = 0;
        for (int i = 0; i < 500; ++i) {
            RunConfig config = defaultConfig(kBuckets[rng.below(4)]);
            for (const Field& field : runConfigFields()) // all but those that rules between fields or a form of their own bind
                if (std::ranges::none_of(std::array{"model.", "train.", "split.", "execution.", "margin.", "goal.", "account.actions", "account.stop_loss",
                                                    "account.take_profit", "costs.fee_tiers", "flows.script", "risk.max_exposure", "sizing.", "memory.capacity", "replay.", "reward.goal_shaping",
                                                    "ppo.stretches_per_minibatch", "features.select", "events.kinds", "forecast.least_bars", "forecast.most_bars"},
                                         [&field](std::string_view prefix) { return field.key.starts_with(prefix); }))
                    setFieldText(config, field, randomText(field, rng));
            config.account.episodeBars = 64;
            QVERIFY(!failureOf([&] { validate(config); }));
            QVERIFY(parseRunConfig(toToml(config), "run.toml") == config);
            ++accepted;
        }
        QCOMPARE(accepted, 500);
    }

    // The bucket sets the defaults wherever in the file it stands, and what the file says itself wins.
    void theBucketComesFirst()
    {
        const RunConfig config = parseRunConfig("bucket = \"long\"\n[ppo]\ngamma = 0.5\n", "run.toml");
        QVERIFY(config.bucket == Bucket::Long);
        QCOMPARE(config.model.lookbackBars, std::int64_t{4032});
        QCOMPARE(config.account.episodeBars, std::int64_t{16384});
        QCOMPARE(config.ppo.gamma, 0.5);
        // From the command line it comes too late in the list, but not in effect.
        const std::vector<FieldOverride> overrides{{"model.patch_bars", "16"}, {"bucket", "medium"}};
        const RunConfig other = parseRunConfig("bucket = \"long\"\n[ppo]\ngamma = 0.5\n", "run.toml", overrides);
        QVERIFY(other.bucket == Bucket::Medium);
        QCOMPARE(other.model.lookbackBars, std::int64_t{1440});
        QCOMPARE(other.model.patchBars, std::int64_t{16});
        QCOMPARE(other.ppo.gamma, 0.5);
    }

    void overridesWinOverTheFile()
    {
        const std::vector<FieldOverride> overrides{{"train.steps", "1000"}, {"ppo.clip_range", "0.3"}, {"train.steps", "2000"}};
        const RunConfig config = parseRunConfig("[train]\nsteps = 5\n[ppo]\nepochs = 7\n", "run.toml", overrides);
        QCOMPARE(config.train.steps, std::int64_t{2000});
        QCOMPARE(config.ppo.clipRange, 0.3);
        QCOMPARE(config.ppo.epochs, std::int64_t{7});
        auto failure = failureOf([] { parseRunConfig("", "run.toml", std::vector<FieldOverride>{{"ppo.clip_rang", "0.3"}}); });
        QVERIFY(failure && failure->says("command line: unknown field 'ppo.clip_rang'; did you mean 'ppo.clip_range'?"));
        failure = failureOf([] { parseRunConfig("", "run.toml", std::vector<FieldOverride>{{"ppo.clip_range", "3"}}); });
        QVERIFY(failure && failure->says("command line: ppo.clip_range = 3: must be between"));
    }

    void unknownFieldsAreNamedWithTheirLine_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("message");
        QTest::newRow("at the top") << "seed = 3\nsead = 3\n" << "run.toml:2: unknown field 'sead'; did you mean 'seed'?";
        QTest::newRow("in a section") << "[ppo]\n\nclip_rang = 0.1\n" << "run.toml:3: unknown field 'ppo.clip_rang'; did you mean 'ppo.clip_range'?";
        QTest::newRow("in the wrong section") << "[model]\ngamma = 0.1\n" << "run.toml:2: unknown field 'model.gamma'";
        QTest::newRow("an alias") << "steps = 5\n" << "run.toml:1: unknown field 'steps'";
        QTest::newRow("a section") << "[ppoo]\nclip_range = 0.1\n" << "run.toml:2: unknown field 'ppoo.clip_range'; did you mean 'ppo.clip_range'?";
        QTest::newRow("a deeper table") << "[ppo.clip_range]\nvalue = 0.1\n" << "run.toml:";
        QTest::newRow("a list of tables") << "[[ppo]]\nclip_range = 0.1\n" << "run.toml:1: unknown field 'ppo'";
        QTest::newRow("dotted") << "ppo.gama = 0.5\n" << "run.toml:1: unknown field 'ppo.gama'; did you mean 'ppo.gamma'?";
    }
    void unknownFieldsAreNamedWithTheirLine()
    {
        QFETCH(QString, text);
        QFETCH(QString, message);
        const std::string got = at(text.toStdString());
        QVERIFY2(QString::fromStdString(got).startsWith(message), got.c_str());
    }

    void wrongTypesAreNamedWithTheirLine_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("key");
        QTest::newRow("text for a number") << "\n[train]\nsteps = \"many\"" << "train.steps";
        QTest::newRow("a number in quotes") << "\n[ppo]\ngamma = \"0.5\"" << "ppo.gamma";
        QTest::newRow("a float for a whole number") << "\n[train]\nsteps = 5.0" << "train.steps";
        QTest::newRow("a number for a flag") << "\n[model]\nuse_cnn = 1" << "model.use_cnn";
        QTest::newRow("a flag in quotes") << "\n[model]\nuse_cnn = \"true\"" << "model.use_cnn";
        QTest::newRow("a flag for a number") << "\n[ppo]\ngamma = true" << "ppo.gamma";
        QTest::newRow("a number for text") << "\n[model]\nhorizons = 12" << "model.horizons";
        QTest::newRow("a list") << "\n[model]\nhorizons = [1, 12]" << "model.horizons";
        QTest::newRow("a date") << "\n[train]\nsteps = 2020-01-01" << "train.steps";
        QTest::newRow("a table") << "\n\nseed = { value = 1 }" << "seed";
        QTest::newRow("an empty table") << "\n\nseed = {}" << "seed";
        QTest::newRow("an empty section") << "\n\n[seed]" << "seed";
        QTest::newRow("a number for the bucket") << "\n\nbucket = 3" << "bucket";
    }
    void wrongTypesAreNamedWithTheirLine()
    {
        QFETCH(QString, text);
        QFETCH(QString, key);
        const std::string got = at(text.toStdString());
        QVERIFY2(QString::fromStdString(got).startsWith("run.toml:3: " + key + " has the wrong type"), got.c_str());
    }

    void valuesOutOfRangeAreNamedWithTheirLine_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("message");
        QTest::newRow("too large") << "[ppo]\nclip_range = 1.5" << "run.toml:2: ppo.clip_range = 1.5: must be between 0.0001 and 1";
        QTest::newRow("too small") << "[account]\nexposure = 0" << "run.toml:2: account.exposure = 0: must be between 0.01 and 1";
        QTest::newRow("with a unit") << "[train]\nrollout_bars = 7" << "run.toml:2: train.rollout_bars = 7: must be between 8 and 65536 in bars";
        QTest::newRow("NaN") << "[ppo]\ngamma = nan" << "run.toml:2: ppo.gamma = nan: must be between 0 and 1";
        QTest::newRow("infinite") << "[ppo]\nmax_grad_norm = inf" << "run.toml:2: ppo.max_grad_norm = inf";
        QTest::newRow("no such choice") << "\ndevice = \"gpu\"" << "run.toml:2: device = gpu: must be one of cpu, cuda, auto";
        QTest::newRow("no such bucket") << "\nbucket = \"swing\"" << "run.toml:2: bucket = swing: must be one of scalping, short, medium, long";
        QTest::newRow("between fields") << "[model]\nheads = 5" << "run.toml: model.width: must be a multiple of model.heads";
        QTest::newRow("no TOML") << "seed = 1\nwhat is this" << "run.toml:2: not TOML";
        QTest::newRow("twice") << "seed = 1\nseed = 2" << "run.toml:2: not TOML";
        QTest::newRow("beyond 64 bits") << "seed = 99999999999999999999" << "run.toml:1: not TOML";
    }
    void valuesOutOfRangeAreNamedWithTheirLine()
    {
        QFETCH(QString, text);
        QFETCH(QString, message);
        const std::string got = at(text.toStdString());
        QVERIFY2(QString::fromStdString(got).startsWith(message), got.c_str());
    }

    // A whole number stands for a real one, as people write it.
    void wholeNumbersDoForRealOnes()
    {
        QCOMPARE(parseRunConfig("[ppo]\ngamma = 1\n", "run.toml").ppo.gamma, 1.0);
        QCOMPARE(parseRunConfig("[account]\ninitial_cash = 500\n", "run.toml").account.initialCash, 500.0);
    }

    void hostileTextIsRefusedInFewWords_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("NUL bytes") << QByteArray("seed = 1\0\n", 10);
        QTest::newRow("zeros") << QByteArray(5000, '\0');
        QTest::newRow("no UTF-8") << QByteArray("data = \"\xff\xfe\"\n");
        QTest::newRow("deep lists") << QByteArray("data = ") + QByteArray(100'000, '[');
        QTest::newRow("deep tables") << QByteArray("data = ") + QByteArray("{a=").repeated(100'000);
        QTest::newRow("deep keys") << QByteArray("a.").repeated(100'000) + "a = 1\n";
        QTest::newRow("long key") << QByteArray(1'000'000, 'k') + " = 1\n";
        QTest::newRow("long value") << "device = \"" + QByteArray(1'000'000, 'v') + "\"\n";
        QTest::newRow("long bucket") << "bucket = \"" + QByteArray(1'000'000, 'v') + "\"\n";
        QTest::newRow("long horizons") << "[model]\nhorizons = \"" + QByteArray("1,").repeated(2000) + "\"\n";
        QTest::newRow("an escape in a key") << QByteArray("\"\\u001b[2J\" = 1\n");
        QTest::newRow("an escape in a choice") << QByteArray("device = \"\\u001b[2J\"\n");
        QTest::newRow("too large") << QByteArray((1 << 20) + 1, '\n');
        QTest::newRow("many sections") << [] {
            QByteArray text;
            for (int i = 0; i < 50'000; ++i)
                text += "[a" + QByteArray::number(i) + "]\nb=1\n";
            return text;
        }();
    }
    void hostileTextIsRefusedInFewWords()
    {
        QFETCH(QByteArray, text);
        QElapsedTimer clock;
        clock.start();
        const auto failure = failureOf([&] { parseRunConfig(text.toStdString(), "run.toml"); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->says("run.toml"), failure->message.substr(0, 300).c_str());
        QVERIFY2(failure->message.size() < 600, std::to_string(failure->message.size()).c_str());
        QVERIFY(!failure->says("\x1b"));
        QVERIFY(clock.elapsed() < 5000);
    }

    // Parsing never lets anything but our own error out, whatever a file was turned into.
    void mutatedFilesNeverDoAnythingElse()
    {
        const std::string good = toToml(defaultConfig(Bucket::Short));
        Rng rng(3, "test-config");
        int refused = 0;
        for (int i = 0; i < 1000; ++i) {
            std::string text = good;
            for (std::size_t edits = 1 + rng.below(4); edits > 0; --edits) {
                const std::size_t place = rng.below(text.size());
                switch (rng.below(4)) {
                case 0: text[place] = static_cast<char>(rng.below(256)); break;
                case 1: text.erase(place, rng.below(30)); break;
                case 2: text.insert(place, text.substr(rng.below(text.size()), rng.below(30))); break;
                default: text.insert(place, 1, "[]{}=\".,\n0-"[rng.below(11)]); break;
                }
            }
            const auto failure = failureOf([&] { validate(parseRunConfig(text, "run.toml")); });
            refused += failure.has_value();
            QVERIFY(!failure || failure->kind == ErrorKind::BadInput);
        }
        QVERIFY(refused > 200);
    }

    // A run's file tells every field; what an older one lacks was done as it was before there was a choice.
    void recordedFilesMeanWhatTheyMeant()
    {
        RunConfig config = defaultConfig(Bucket::Medium);
        QCOMPARE(config.forecast.distribution, std::string("student-t"));
        std::string text = toToml(config);
        QVERIFY(parseRecordedConfig(text, "run.toml") == config);
        const std::size_t field = text.find("\ndistribution = ");
        QVERIFY(field != std::string::npos);
        text.erase(field, text.find('\n', field + 1) - field);
        QVERIFY(parseRunConfig(text, "run.toml") == config);
        config.forecast.distribution = "gaussian";
        QVERIFY(parseRecordedConfig(text, "run.toml") == config);
        QCOMPARE(parseRecordedConfig(text, "run.toml", std::vector<FieldOverride>{{"forecast.distribution", "quantiles"}}).forecast.distribution, std::string("quantiles"));
        QTemporaryDir folder;
        const std::filesystem::path path = folder.filePath("run.toml").toStdString();
        std::ofstream(path) << text;
        QVERIFY(readRecordedConfig(path) == config);
    }

    void filesAreRead()
    {
        QTemporaryDir folder;
        const std::filesystem::path path = folder.filePath("run.toml").toStdString();
        std::ofstream(path) << toToml(defaultConfig(Bucket::Medium));
        QVERIFY(readRunConfig(path) == defaultConfig(Bucket::Medium));
        std::ofstream(path) << "seed = 1\nsead = 2\n";
        auto failure = failureOf([&] { readRunConfig(path); });
        QVERIFY(failure && failure->says(path.string() + ":2: unknown field 'sead'"));
    }

    // A folder, a missing file, and a device that never ends: none may be taken for an empty configuration or read whole.
    void whatIsNoFileIsRefused()
    {
        QTemporaryDir folder;
        auto failure = failureOf([&] { readRunConfig(folder.filePath("none.toml").toStdString()); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("none.toml"));
        failure = failureOf([&] { readRunConfig(folder.path().toStdString()); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says(folder.path().toStdString()));
        failure = failureOf([&] { readRunConfig("/dev/zero"); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("/dev/zero"));
    }
};

QTEST_APPLESS_MAIN(TestConfigFile)
#include "tst_config_file.moc"
