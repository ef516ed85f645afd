// Does each branch of the network see what it is there for? Markets whose signal takes one branch: with it the profit
// is there, without it, all else as it was, it is not.
#include <QTest>

#include "base/Error.h"
#include "tests/support/Failure.h"
#include "tests/support/PlantedOutcome.h"

using namespace btcai;
using test::PlantedOutcome;

namespace {

enum class Control { None, Without, Scrambled };

PlantedOutcome learn(const QString& name, int seed, Control control)
{
    const PlantedTask& task = findPlantedTask(name.toStdString());
    SyntheticMarketOptions market = task.market(static_cast<std::uint64_t>(seed));
    RunConfig config = task.config(seed);
    config.threads = 1;
    config.evaluation.sampledAccounts = 4;
    market.scrambleSignal = control == Control::Scrambled;
    if (control == Control::Without)
        task.takeBranch(config);
    return test::learnPlanted(market, config);
}

} // namespace

class BranchSignalsTest : public QObject {
    Q_OBJECT
    static void tasks()
    {
        QTest::addColumn<QString>("task");
        QTest::addColumn<int>("seed");
        const int count = qEnvironmentVariableIsSet("BTCAI_LONG_TESTS") ? 3 : 1;
        // order and far are learned, but not yet proven by all three assertions: agent/README.md says what each gave.
        for (int seed = 1; seed <= count; ++seed)
            QTest::addRow("detail, seed %d", seed) << QStringLiteral("detail") << seed;
    }

private slots:
    void theBranchEarnsWhatItsSignalIsWorth_data() { tasks(); }
    void theBranchEarnsWhatItsSignalIsWorth()
    {
        QFETCH(QString, task);
        QFETCH(int, seed);
        const PlantedOutcome outcome = learn(task, seed, Control::None);
        QVERIFY(outcome.attainable > 0.3);
        QVERIFY2(outcome.argmax >= 0.9 * outcome.attainable, "argmax earns less than 90 % of the attainable");
        QVERIFY2(outcome.sampled >= 0.9 * outcome.attainable, "sampled earns less than 90 % of the attainable");
    }

    // As many steps as with it, on the same bars.
    void withoutTheBranchTheProfitIsGone_data() { tasks(); }
    void withoutTheBranchTheProfitIsGone()
    {
        QFETCH(QString, task);
        QFETCH(int, seed);
        const PlantedOutcome outcome = learn(task, seed, Control::Without);
        QVERIFY(outcome.argmax <= 0.5 * outcome.attainable);
        QVERIFY(outcome.sampled <= 0.5 * outcome.attainable);
    }

    void scrambledTheSignalIsWorthNothing_data() { tasks(); }
    void scrambledTheSignalIsWorthNothing()
    {
        QFETCH(QString, task);
        QFETCH(int, seed);
        const PlantedOutcome outcome = learn(task, seed, Control::Scrambled);
        QVERIFY(outcome.argmax <= 0.1 * outcome.attainable);
        QVERIFY(outcome.sampled <= 0.1 * outcome.attainable);
    }

    void anUnknownTaskIsNamedWithThoseThereAre()
    {
        const auto failure = test::failureOf([] { findPlantedTask("pong"); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput &&
                failure->says("'pong'; there are planted, detail, order, far"));
    }
};

QTEST_GUILESS_MAIN(BranchSignalsTest)
#include "tst_branch_signals.moc"
