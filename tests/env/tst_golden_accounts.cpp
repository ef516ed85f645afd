#include <QtTest>

#include <cmath>

#include "data/importers/LoadSeries.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Table.h"

using namespace btcai;
using namespace btcai::test;

// What another program says an account is worth, step for step (tests/fixtures/env/README.md): fills at the close of the decision, a fee
// of 10 bps taken from what is received, no other cost, and trades only when the target changes.
class TestGoldenAccounts : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        const BarSeries series = loadSeries(std::filesystem::path(BTCAI_RESOURCES) / "data/btcusd-5m-2017-2018.csv.gz");
        // Missing bars are not there for the other program: each bar follows the one before it.
        std::vector<std::optional<TestBar>> rows;
        for (std::size_t row = series.lowerBound(1519862400); rows.size() < 3001; ++row)
            if (const auto bar = series.bar(row))
                rows.push_back(TestBar{bar->open, bar->close, bar->volume, bar->high, bar->low});
        m_market = marketOf(rows);
    }

    void valuationsAreReproduced_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<bool>("allowShort");
        QTest::newRow("long and flat") << "account-long-flat-fee10bps.csv.gz" << false;
        QTest::newRow("long and short by halves") << "account-long-short-fee10bps.csv.gz" << true;
    }
    void valuationsAreReproduced()
    {
        QFETCH(QString, file);
        QFETCH(bool, allowShort);
        auto golden = readTable(std::filesystem::path(BTCAI_FIXTURES) / "env" / file.toStdString());
        const auto& valuation = golden["portfolio_valuation"];
        QCOMPARE(valuation.size(), std::size_t{3000});

        TradingEnvOptions options = oneAccount(*m_market);
        options.initialCash = 10'000.0;
        options.allowShort = allowShort;
        options.costs.takerFeeBps = 10.0;
        options.costs.feeCurrency = FeeCurrency::Received;
        options.costs.maxParticipation = 1.0;
        options.execution.timing = FillTiming::OptimisticDecisionClose;
        TradingEnv env(m_market, options);
        StepResult result;
        std::size_t trades = 0;
        for (std::size_t step = 1; step < valuation.size(); ++step) {
            const double before = env.tradedValue(0);
            env.stepExposures(std::vector<double>{golden["position"][step]}, result);
            trades += env.tradedValue(0) > before;
            QVERIFY2(std::abs(env.equity(0) / valuation[step] - 1.0) < 1e-9, std::to_string(step).c_str());
            QVERIFY(std::abs(static_cast<double>(result.reward[0]) - golden["reward"][step]) < 1e-8);
        }
        QVERIFY(trades > 50);
    }

private:
    std::shared_ptr<const Market> m_market;
};

QTEST_APPLESS_MAIN(TestGoldenAccounts)
#include "tst_golden_accounts.moc"
