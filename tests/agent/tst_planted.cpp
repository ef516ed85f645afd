// Does the agent learn? On a market with a planted signal the right answer is known, so this can be measured.
#include <cmath>

#include <QTest>

#include "agent/evaluation/PlantedTask.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;

namespace {

struct Outcome {
    double sampled = 0.0; ///< log return on the test part
    double argmax = 0.0;
    double attainable = 0.0; ///< log return of one who knows each block's sign before it begins
    protocol::EvaluationRow argmaxRow, sampledRow;
};

Outcome learn(const SyntheticMarketOptions& options, std::int64_t seed)
{
    const SyntheticMarket market = makeSyntheticMarket(options);
    const RunConfig config = plantedConfig(seed);
    QTemporaryDir dir;
    RunFolder folder = RunFolder::create((dir.path() + "/run").toStdString(), config);
    test::CollectingSink sink;
    RunControl control;
    Trainer trainer(folder, config, sink, control, [&](const RunConfig&) { return market.series; });
    const TrainingResult result = trainer.run(false);
    const auto& rows = result.test->rows;
    Outcome outcome{.sampled = std::log1p(rows[0].totalReturn), .argmax = std::log1p(rows[1].totalReturn),
                    .attainable = attainableLogReturn(config, market, "test"), .argmaxRow = rows[1], .sampledRow = rows[0]};
    qInfo("seed %lld: sampled %.3f, argmax %.3f, attainable %.3f (log returns); argmax: %lld trades, exposure %.3f, "
          "turnover %.2f (sampled %.2f)",
          static_cast<long long>(seed), outcome.sampled, outcome.argmax, outcome.attainable,
          static_cast<long long>(outcome.argmaxRow.trades), outcome.argmaxRow.exposure, outcome.argmaxRow.turnover, outcome.sampledRow.turnover);
    return outcome;
}

} // namespace

class PlantedTest : public QObject {
    Q_OBJECT
    static void seeds()
    {
        QTest::addColumn<int>("seed");
        const int count = qEnvironmentVariableIsSet("BTCAI_LONG_TESTS") ? 5 : 1;
        for (int seed = 1; seed <= count; ++seed)
            QTest::addRow("seed %d", seed) << seed;
    }

private slots:
    void earnsWhatTheSignalIsWorth_data() { seeds(); }
    void earnsWhatTheSignalIsWorth()
    {
        QFETCH(int, seed);
        const Outcome outcome = learn(plantedMarket(static_cast<std::uint64_t>(seed)), seed);
        QVERIFY(outcome.attainable > 0.5);
        QVERIFY2(outcome.argmax >= 0.8 * outcome.attainable, "argmax earns less than 80 % of the attainable");
        QVERIFY2(outcome.sampled >= 0.8 * outcome.attainable, "sampled earns less than 80 % of the attainable");
    }

    void fallsToNothingWhenTheSignalIsScrambled_data() { seeds(); }
    void fallsToNothingWhenTheSignalIsScrambled()
    {
        QFETCH(int, seed);
        SyntheticMarketOptions options = plantedMarket(static_cast<std::uint64_t>(seed));
        options.scrambleSignal = true;
        const Outcome outcome = learn(options, seed);
        QVERIFY(outcome.argmax <= 0.1 * outcome.attainable);
        QVERIFY(outcome.sampled <= 0.1 * outcome.attainable);
    }

    void staysOutWithoutSignal_data() { seeds(); }
    void staysOutWithoutSignal()
    {
        QFETCH(int, seed);
        SyntheticMarketOptions options = plantedMarket(static_cast<std::uint64_t>(seed));
        options.driftPerBar = 0.0;
        const Outcome outcome = learn(options, seed);
        // The untrained policy leaves its target with probability 1 / (1 + e^2) = 0.12: some 1,400 times in these 12,000 bars.
        for (const auto& row : {outcome.argmaxRow, outcome.sampledRow}) {
            QVERIFY(row.exposure < 0.05);
            QVERIFY(row.turnover < 28.0);
        }
    }
};

QTEST_GUILESS_MAIN(PlantedTest)
#include "tst_planted.moc"
