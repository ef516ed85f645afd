// Does each branch of the network see what it is there for? Markets whose signal takes one branch: with it the profit
// is there, without it, all else as it was, it is not.
#include <vector>

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
    static void tasks(const std::vector<const char*>& names)
    {
        QTest::addColumn<QString>("task");
        QTest::addColumn<int>("seed");
        for (const char* name : names)
            for (int seed = 1; seed <= (qEnvironmentVariableIsSet("BTCAI_LONG_TESTS") ? 3 : 1); ++seed)
                QTest::addRow("%s, seed %d", name, seed) << QString(name) << seed;
    }
    /// A control takes as long as the task; those of order and far run with BTCAI_LONG_TESTS.
    static void controls() { tasks(qEnvironmentVariableIsSet("BTCAI_LONG_TESTS") ? std::vector{"detail", "order", "far"} : std::vector{"detail"}); }

private slots:
    void theBranchEarnsWhatItsSignalIsWorth_data() { tasks({"detail", "order", "far"}); }
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
    void withoutTheBranchTheProfitIsGone_data() { controls(); }
    void withoutTheBranchTheProfitIsGone()
    {
        QFETCH(QString, task);
        QFETCH(int, seed);
        const PlantedOutcome outcome = learn(task, seed, Control::Without);
        QVERIFY(outcome.argmax <= 0.3 * outcome.attainable);
        QVERIFY(outcome.sampled <= 0.3 * outcome.attainable);
    }

    // Whoever then holds coins all the time earns what the ups and downs of the part do not cancel, a fifth of the attainable at two standard deviations.
    void scrambledTheSignalIsWorthNothing_data() { controls(); }
    void scrambledTheSignalIsWorthNothing()
    {
        QFETCH(QString, task);
        QFETCH(int, seed);
        const PlantedOutcome outcome = learn(task, seed, Control::Scrambled);
        QVERIFY(outcome.argmax <= 0.2 * outcome.attainable);
        QVERIFY(outcome.sampled <= 0.2 * outcome.attainable);
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
