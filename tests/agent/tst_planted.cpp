// Does the agent learn? On a market with a planted signal the right answer is known, so this can be measured.
#include <QTest>

#include "tests/support/PlantedOutcome.h"

using namespace btcai;
using test::PlantedOutcome;

namespace {

PlantedOutcome learn(const SyntheticMarketOptions& options, std::int64_t seed) { return test::learnPlanted(options, plantedConfig(seed)); }

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
        const PlantedOutcome outcome = learn(plantedMarket(static_cast<std::uint64_t>(seed)), seed);
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
        const PlantedOutcome outcome = learn(options, seed);
        QVERIFY(outcome.argmax <= 0.1 * outcome.attainable);
        QVERIFY(outcome.sampled <= 0.1 * outcome.attainable);
    }

    void staysOutWithoutSignal_data() { seeds(); }
    void staysOutWithoutSignal()
    {
        QFETCH(int, seed);
        SyntheticMarketOptions options = plantedMarket(static_cast<std::uint64_t>(seed));
        options.driftPerBar = 0.0;
        const PlantedOutcome outcome = learn(options, seed);
        // The untrained policy leaves its target with probability 1 / (1 + e^2) = 0.12: some 1,400 times in these 12,000 bars.
        for (const auto& row : {outcome.argmaxRow, outcome.sampledRow}) {
            QVERIFY(row.exposure < 0.05);
            QVERIFY(row.turnover < 28.0);
        }
    }
};

QTEST_GUILESS_MAIN(PlantedTest)
#include "tst_planted.moc"
