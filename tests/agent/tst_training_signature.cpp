// What a run of the default agent learns in its first iterations, pinned: whoever changes it must have meant to.
#include <cmath>
#include <map>

#include <QTest>

#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;

class TrainingSignatureTest : public QObject {
    Q_OBJECT

private slots:
    /// The figures, of the first and the fourth iteration, are our own, not those of an independent program: this test says that nothing changed, not that it is right (the
    /// tests of GAE, losses, Adam, encoder and environment say that). Sums are rounded otherwise by other processors and libraries, hence the tolerance; after a
    /// wanted change take the figures from the failure's message, and say in the commit why they moved.
    void theFirstIterationsArePinned()
    {
        RunConfig config = defaultConfig(Bucket::Scalping);
        config.threads = 1;
        config.train.stretches = 2;
        config.train.accounts = 4;
        config.train.rolloutBars = 64;
        config.train.steps = 4 * 512;
        config.train.evaluateEvery = 100;
        config.evaluation.sampledAccounts = 2;
        TrainingRun run;
        run.train(config, false, {}, smallSeries());
        const std::map<std::string, std::array<double, 2>> pinned{
            {"entropy", {0.0894322, 0.0899543}},
            {"explained_variance", {-0.155225, 0.0119355}},
            {"forecast_loss", {0.522604, 0.601562}},
            {"gate_cnn", {0.228123, 0.163675}},
            {"gate_lstm", {0.442556, 0.329653}},
            {"grad_norm", {2.65937, 3.62686}},
            {"mean_reward", {-0.0125521, 0.00871074}},
            {"policy_loss", {-0.000905713, -4.43763e-05}},
            {"share_buy", {0.0117188, 0.0078125}},
            {"value_loss", {0.39342, 0.663615}},
        };
        const auto metrics = run.sink.all<protocol::Metrics>();
        QCOMPARE(metrics.size(), std::size_t{4});
        QString found;
        bool same = true;
        for (const auto& [name, expected] : pinned) {
            found += QString("\n            {\"%1\", {").arg(name.c_str());
            for (const std::size_t i : {0, 1}) {
                const auto& values = metrics[i == 0 ? 0 : 3].values;
                const auto at = std::ranges::find(values, name, [](const auto& value) { return value.first; });
                QVERIFY2(at != values.end(), name.c_str());
                same = same && std::abs(at->second - expected[i]) <= 2e-3 * std::abs(expected[i]) + 1e-6;
                found += QString("%1%2").arg(at->second, 0, 'g', 6).arg(i == 0 ? ", " : "}},");
            }
        }
        QVERIFY2(same, qPrintable("other figures than pinned; found:" + found));
    }
};

QTEST_GUILESS_MAIN(TrainingSignatureTest)
#include "tst_training_signature.moc"
