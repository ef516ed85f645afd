#include <QtTest>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "agent/config/ConfigFile.h"
#include "agent/config/Field.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

const Field& fieldOf(std::string_view key)
{
    const Field* field = findField(key);
    if (!field)
        qFatal("the test names a field that is not there");
    return *field;
}

bool holds(const Field& field, auto* of)
{
    RunConfig probe;
    return std::holds_alternative<decltype(of)>(field.locate(probe));
}
bool isWhole(const Field& field) { return holds(field, static_cast<std::int64_t*>(nullptr)); }
bool isReal(const Field& field) { return holds(field, static_cast<double*>(nullptr)); }
bool isFlag(const Field& field) { return holds(field, static_cast<bool*>(nullptr)); }

RunConfig scalping() { return defaultConfig(Bucket::Scalping); }

RunConfig changed(std::initializer_list<std::pair<const char*, const char*>> values)
{
    RunConfig config = scalping();
    for (const auto& [key, text] : values)
        setFieldText(config, fieldOf(key), text);
    return config;
}

} // namespace

// The table that file, command line, form and help come from.
class TestConfigFields : public QObject {
    Q_OBJECT

private slots:
    void keysAndAliasesAreUnique()
    {
        std::set<std::string_view> names;
        for (const Field& field : runConfigFields()) {
            QVERIFY2(names.insert(field.key).second, std::string(field.key).c_str());
            if (!field.alias.empty() && field.alias != field.key)
                QVERIFY2(names.insert(field.alias).second, std::string(field.alias).c_str());
            QVERIFY(findField(field.key) == &field);
        }
        QVERIFY(!findField("") && !findField("ppo") && !findField("ppo.clip_range "));
    }

    // A place in the file, a label and a full sentence of help; names as TOML and options write them.
    void everyFieldIsDescribed()
    {
        std::set<std::string_view> labels;
        for (const Field& field : runConfigFields()) {
            const std::string key(field.key);
            QVERIFY2(QRegularExpression("^([a-z]+\\.)?[a-z][a-z_]*$").match(QString::fromStdString(key)).hasMatch(), key.c_str());
            QVERIFY2(!field.label.empty() && field.help.size() > 10 && field.help.back() == '.', key.c_str());
            QVERIFY2(labels.insert(field.label).second, key.c_str());
            QVERIFY2(field.minimum <= field.maximum, key.c_str());
            if (isWhole(field) || isReal(field))
                QVERIFY2(field.minimum < field.maximum && field.choices.empty(), key.c_str());
        }
    }

    // No two entries may point at one value, and none of the configuration may be without an entry: a copy made field by field is equal,
    // also when every value differs from the default.
    void everyValueHasItsOwnField()
    {
        RunConfig probe;
        std::set<const void*> places;
        std::size_t bytes = 0;
        for (const Field& field : runConfigFields())
            std::visit([&](auto* place) { places.insert(place), bytes += sizeof *place; }, field.locate(probe));
        QCOMPARE(places.size(), runConfigFields().size());
        // Every byte of the structure is a value of a field or padding; a forgotten number would be eight bytes more.
        const std::size_t padding = sizeof(RunConfig) - bytes;
        const auto flags = static_cast<std::size_t>(std::ranges::count_if(runConfigFields(), isFlag));
        QVERIFY2(padding <= 7 * flags + 4, std::to_string(padding).c_str());
    }

    void theDefaultsOfEveryBucketAreValid()
    {
        for (const Bucket bucket : kBuckets) {
            const RunConfig config = defaultConfig(bucket);
            QVERIFY(!failureOf([&] { validate(config); }));
            const BucketSpec& spec = bucketSpec(bucket);
            QVERIFY(config.bucket == bucket);
            QCOMPARE(config.model.lookbackBars, spec.lookbackBars);
            QCOMPARE(config.model.patchBars, spec.patchBars);
            QCOMPARE(config.account.episodeBars, spec.episodeBars);
            QCOMPARE(config.ppo.gamma, spec.gamma);
            QCOMPARE(config.model.horizons, std::string(spec.horizons));
            QVERIFY(!forecastHorizons(config).empty());
            RunConfig copy = config;
            for (const Field& field : runConfigFields()) {
                const std::string text = fieldText(config, field);
                setFieldText(copy, field, text);
                QCOMPARE(fieldText(copy, field), text);
            }
            QVERIFY(copy == config);
        }
        QVERIFY(scalping() == RunConfig{});
    }

    void theBoundsAreInclusiveAndNothingBeyondPasses()
    {
        int checked = 0;
        for (const Field& field : runConfigFields()) {
            if (!isWhole(field) && !isReal(field))
                continue;
            const auto text = [&](double value, double towards) {
                if (isReal(field))
                    return fmt::format("{}", value == towards ? value : std::nextafter(value, towards));
                return fmt::format("{}", static_cast<std::int64_t>(value) + (towards > value ? 1 : towards < value ? -1 : 0));
            };
            const double below = -std::numeric_limits<double>::infinity(), above = -below;
            RunConfig config = scalping();
            for (const double bound : {field.minimum, field.maximum}) {
                setFieldText(config, field, text(bound, bound));
                QCOMPARE(fieldText(config, field), text(bound, bound));
            }
            const RunConfig before = config;
            for (const std::string& outside : {text(field.minimum, below), text(field.maximum, above)}) {
                const auto failure = failureOf([&] { setFieldText(config, field, outside); });
                QVERIFY2(failure && failure->kind == ErrorKind::BadInput, std::string(field.key).c_str());
                QVERIFY2(failure->says(std::string(field.key) + " = " + outside) && failure->says("between"), failure->message.c_str());
                QVERIFY(failure->says(field.unit));
                QVERIFY(config == before);
                ++checked;
            }
        }
        QVERIFY(checked >= 60);
    }

    // Counts and sizes that the program divides by, allocates with or loops over.
    void countsAreNeverZeroAndNeverEndless()
    {
        for (const char* key : {"train.steps", "train.stretches", "train.accounts", "train.rollout_bars", "train.checkpoint_every",
                                "train.checkpoint_keep", "train.evaluate_every", "account.initial_cash", "account.exposure",
                                "account.episode_bars", "costs.max_participation", "model.lookback_bars", "model.patch_bars", "model.width",
                                "model.layers", "model.heads", "model.head_width", "ppo.learning_rate", "ppo.clip_range", "ppo.epochs",
                                "ppo.stretches_per_minibatch", "ppo.max_grad_norm", "evaluation.sampled_accounts"}) {
            RunConfig config = scalping();
            QVERIFY2(failureOf([&] { setFieldText(config, fieldOf(key), "0"); }), key);
            QVERIFY2(failureOf([&] { setFieldText(config, fieldOf(key), "-1"); }), key);
            QVERIFY2(failureOf([&] { setFieldText(config, fieldOf(key), "100000000000000"); }), key);
        }
    }

    void whatIsNoNumberIsRefused()
    {
        for (const Field& field : runConfigFields()) {
            if (!isWhole(field) && !isReal(field))
                continue;
            RunConfig config = scalping();
            for (const char* text : {"", " ", "x", "1x", " 1", "1 ", "+1", "0x10", "1,5", "nan", "inf", "-inf", "1e400", "--1",
                                     "true", "99999999999999999999999999"}) {
                const auto failure = failureOf([&] { setFieldText(config, field, text); });
                QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says(field.key), text);
            }
            if (isWhole(field))
                for (const char* text : {"16.0", "1.5", "1e3"})
                    QVERIFY2(failureOf([&] { setFieldText(config, field, text); }), text);
            QVERIFY(config == scalping());
        }
    }

    void whatIsNoFlagOrChoiceIsRefused()
    {
        for (const Field& field : runConfigFields()) {
            if (!isFlag(field) && field.choices.empty())
                continue;
            RunConfig config = scalping();
            for (const char* text : {"", "1", "True", "yes", "Scalping", "gpu", "cpu ", "scalping,short"}) {
                const auto failure = failureOf([&] { setFieldText(config, field, text); });
                QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says(field.key), text);
                for (const std::string_view choice : field.choices)
                    QVERIFY2(failure->says(choice), failure->message.c_str()); // what would do is said
            }
            for (const std::string_view choice : field.choices) {
                setFieldText(config, field, choice);
                QCOMPARE(fieldText(config, field), std::string(choice));
            }
        }
    }

    void textFieldsTakeWhatAFileCanHold()
    {
        RunConfig config;
        const Field& data = fieldOf("data");
        for (const std::string& good : {std::string("/daten/Börse \"5m\"\\x.csv"), std::string("价格.csv"), std::string(4096, 'a'), std::string()}) {
            setFieldText(config, data, good);
            QCOMPARE(config.data, good);
        }
        // Control characters, too long, and bytes that are no UTF-8, which no TOML file can hold.
        for (const std::string& bad : {std::string("a\nb"), std::string("a\0b", 3), std::string("\x1b[31m"), std::string(4097, 'a'),
                                       std::string("caf\xe9.csv"), std::string("\xc0\xaf"), std::string("\xed\xa0\x80"), std::string("\xf0\x9f\x98")}) {
            const RunConfig before = config;
            const auto failure = failureOf([&] { setFieldText(config, data, bad); });
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says("data"), bad.substr(0, 20).c_str());
            QVERIFY(config == before && failure->message.size() < 200);
        }
    }

    void rulesBetweenFieldsAreChecked_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("other");
        QTest::addColumn<QString>("otherValue");
        QTest::addColumn<QString>("says");
        QTest::newRow("lookback and patch") << "model.lookback_bars" << "145" << "model.patch_bars" << "8" << "model.lookback_bars";
        QTest::newRow("rollout and patch") << "train.rollout_bars" << "252" << "model.patch_bars" << "8" << "train.rollout_bars";
        QTest::newRow("width and heads") << "model.width" << "128" << "model.heads" << "5" << "model.width";
        QTest::newRow("shares") << "split.train_share" << "0.9" << "split.validation_share" << "0.09" << "split.validation_share";
        QTest::newRow("minibatch too large") << "train.stretches" << "8" << "ppo.stretches_per_minibatch" << "9" << "ppo.stretches_per_minibatch";
        QTest::newRow("minibatch uneven") << "train.stretches" << "8" << "ppo.stretches_per_minibatch" << "3" << "train.stretches";
        QTest::newRow("segment and rollout") << "replay.segments" << "1" << "replay.bars" << "48" << "replay.bars";
        QTest::newRow("segment and patch") << "replay.segments" << "1" << "replay.bars" << "4" << "replay.bars";
        QTest::newRow("memory without sizes") << "memory.capacity" << "100" << "sizing.method" << "fixed" << "memory.capacity";
        QTest::newRow("no such event") << "events.kinds" << "gap,moon" << "seed" << "1" << "events.kinds = gap,moon: 'moon'";
        QTest::newRow("horizons descend") << "model.horizons" << "12,1" << "seed" << "1" << "model.horizons";
        QTest::newRow("horizons repeat") << "model.horizons" << "1,1" << "seed" << "1" << "model.horizons";
        QTest::newRow("horizons empty") << "model.horizons" << "" << "seed" << "1" << "model.horizons";
        QTest::newRow("horizon zero") << "model.horizons" << "0,1" << "seed" << "1" << "model.horizons";
        QTest::newRow("horizon too far") << "model.horizons" << "1,100001" << "seed" << "1" << "model.horizons";
        QTest::newRow("horizons with a tail") << "model.horizons" << "1,12," << "seed" << "1" << "model.horizons";
        QTest::newRow("horizons with text") << "model.horizons" << "1,x" << "seed" << "1" << "model.horizons";
        QTest::newRow("nine horizons") << "model.horizons" << "1,2,3,4,5,6,7,8,9" << "seed" << "1" << "model.horizons";
    }
    void rulesBetweenFieldsAreChecked()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, other);
        QFETCH(QString, otherValue);
        QFETCH(QString, says);
        RunConfig config = scalping();
        setFieldText(config, fieldOf(key.toStdString()), value.toStdString());
        setFieldText(config, fieldOf(other.toStdString()), otherValue.toStdString());
        const auto failure = failureOf([&] { validate(config); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY2(failure->says(says.toStdString()), failure->message.c_str());
    }

    void atLeastOneBranchIsOn()
    {
        QVERIFY(!failureOf([] { validate(changed({{"model.use_cnn", "false"}, {"model.use_lstm", "false"}})); }));
        QVERIFY(!failureOf([] { validate(changed({{"model.use_transformer", "false"}, {"model.use_lstm", "false"}})); }));
        const auto failure = failureOf([] {
            validate(changed({{"model.use_cnn", "false"}, {"model.use_lstm", "false"}, {"model.use_transformer", "false"}}));
        });
        QVERIFY(failure && failure->says("at least one branch"));
    }

    void withRecurrenceReplayServesTheForecastAlone()
    {
        QVERIFY(!failureOf([] { validate(changed({{"model.recurrent_width", "8"}, {"replay.segments", "2"}})); }));
        QVERIFY(!failureOf([] { validate(changed({{"model.recurrent_width", "8"}, {"replay.staleness", "8"}})); }));
        const auto failure = failureOf([] { validate(changed({{"model.recurrent_width", "8"}, {"replay.segments", "2"}, {"replay.staleness", "8"}})); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("replay.staleness"));
    }

    void horizonsAreRead()
    {
        QVERIFY(forecastHorizons(changed({{"model.horizons", "1"}})) == std::vector<std::int64_t>{1});
        QVERIFY(forecastHorizons(changed({{"model.horizons", "1,2,3,4,5,6,7,100000"}})) == (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 100000}));
    }

    // validate() sees what was put into the structure without setFieldText.
    void validateChecksEveryRange()
    {
        for (const Field& field : runConfigFields()) {
            RunConfig config = scalping();
            const FieldPointer place = field.locate(config);
            if (auto* const* whole = std::get_if<std::int64_t*>(&place))
                **whole = static_cast<std::int64_t>(field.maximum) + 1;
            else if (auto* const* real = std::get_if<double*>(&place))
                **real = std::numeric_limits<double>::quiet_NaN();
            else
                continue;
            const auto failure = failureOf([&] { validate(config); });
            QVERIFY2(failure && failure->says(field.key), std::string(field.key).c_str());
        }
    }

    // What may change while a run goes on: its end, weights of the loss and the like, nothing that shapes data, network or buffers.
    void onlyTheEndAndSettingsOfTheUpdateAreLive()
    {
        std::set<std::string_view> live;
        for (const Field& field : runConfigFields())
            if (field.live)
                live.insert(field.key);
        QVERIFY((live == std::set<std::string_view>{"ppo.learning_rate", "ppo.clip_range", "ppo.entropy_coefficient",
                                                   "ppo.value_coefficient", "ppo.value_clip_range", "ppo.forecast_coefficient", "ppo.gate_coefficient", "ppo.target_kl",
                                                   "ppo.max_grad_norm", "replay.beta", "replay.coefficient", "replay.staleness", "train.steps", "train.minutes"}));
    }
};

QTEST_APPLESS_MAIN(TestConfigFields)
#include "tst_config_fields.moc"
