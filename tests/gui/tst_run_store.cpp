#include <cmath>

#include "GuiTest.h"
#include "RecordedRun.h"
#include "app/gui/training/RunStore.h"

using namespace btcai;
using namespace btcai::gui;
using namespace btcai::protocol;

namespace {

Metrics metricsAt(std::int64_t step, double loss)
{
    Metrics m;
    m.step = step;
    m.totalSteps = 1000;
    m.values = {{"policy_loss", loss}};
    return m;
}

Trade tradeAt(std::int64_t step)
{
    Trade t;
    t.step = step;
    return t;
}

} // namespace

class RunStoreTest : public QObject {
    Q_OBJECT
private slots:
    void aRecordedRunFillsEverything()
    {
        RunStore store;
        for (const Event& event : test::recordedEvents())
            store.apply(event);
        QCOMPARE(store.series("policy_loss")->size(), std::size_t{60});
        QCOMPARE(store.series("policy_loss")->x().front(), 32768.0);
        QCOMPARE(store.series("validation/agent (sampled)")->size(), std::size_t{6});
        QCOMPARE(store.series("validation/agent (sampled)/error")->last(), 0.011);
        QVERIFY(!store.series("validation/buy and hold/error")); // one account has no standard error
        QVERIFY(!store.series("never told"));
        QCOMPARE(store.forecasts().size(), std::size_t{3});
        QCOMPARE(store.trades().size(), std::size_t{240});
        QVERIFY(store.evaluation("test"));
        QVERIFY(!store.evaluation("train"));
        QCOMPARE(store.state(), WorkerState::Finished);
        QCOMPARE(store.info()->parameters, 612345);
        QCOMPARE(store.lastCheckpoint()->best, true);
    }

    void whatWasLaterThanTheCheckpointIsSupersededByAResume()
    {
        RunStore store;
        for (const std::int64_t step : {100, 200, 300, 400}) {
            store.apply(metricsAt(step, double(step)));
            store.apply(tradeAt(step));
        }
        const auto generation = store.tradeGeneration();
        store.apply(Hello{});
        store.apply(Resumed{200, "checkpoints/step-200"});
        QCOMPARE(store.series("policy_loss")->x(), (std::vector<double>{100, 200}));
        QCOMPARE(store.trades().size(), std::size_t{2});
        QVERIFY(store.tradeGeneration() != generation);
        QVERIFY(!store.metrics()); // the latest iteration is not known any more
        store.apply(metricsAt(300, 7.0));
        QCOMPARE(store.series("policy_loss")->x(), (std::vector<double>{100, 200, 300}));
        QCOMPARE(store.series("policy_loss")->last(), 7.0);
    }

    // With forecast.adapt a horizon moves: what the evaluation at 200 no longer tells of is gone once the run goes on.
    void aHorizonThatWasLeftIsForgotten()
    {
        RunStore store;
        for (const auto& [step, bars] : {std::pair{100, 2}, std::pair{100, 8}, std::pair{200, 1}, std::pair{200, 8}}) {
            Forecast forecast;
            forecast.step = step;
            forecast.horizonBars = bars;
            Calibration calibration;
            calibration.step = step;
            calibration.horizonBars = bars;
            store.apply(forecast);
            store.apply(calibration);
            if (bars == 8)
                store.apply(metricsAt(step + 50, 1.0));
        }
        QCOMPARE(store.forecasts().size(), std::size_t{2});
        QVERIFY(store.forecasts().contains(1) && store.forecasts().contains(8));
        QVERIFY(store.calibrations().size() == 2 && store.calibrations().contains(1) && store.calibrations().contains(8));
    }

    void aValueThatIsAbsentIsNotZero()
    {
        RunStore store;
        store.apply(metricsAt(100, 1.0));
        Metrics none = metricsAt(200, 0.0);
        none.values.clear();
        store.apply(none);
        QCOMPARE(store.series("policy_loss")->size(), std::size_t{1});
        QVERIFY(!store.latest("policy_loss"));
        store.apply(metricsAt(300, std::nan("")));
        QVERIFY(!store.latest("policy_loss"));
        QVERIFY(std::isnan(store.series("policy_loss")->last()));
    }

    void memoryIsBounded()
    {
        RunStore store;
        for (int i = 0; i < 20000; ++i) {
            store.apply(tradeAt(i));
            store.apply(Notice{"info", "x", "y"});
            Metrics m = metricsAt(i, 1.0);
            m.values.emplace_back("invented_" + std::to_string(i), 1.0);
            store.apply(m);
        }
        QCOMPARE(store.trades().size(), RunStore::kMaxTrades);
        QCOMPARE(store.trades().back().number, std::uint64_t{19999});
        QCOMPARE(store.notices().size(), RunStore::kMaxNotices);
        QVERIFY(store.series("invented_5"));
        QVERIFY(!store.series("invented_5000"));
        QVERIFY(store.series("policy_loss")->size() < Series::kMaxPoints);
    }

    void everyChangeIsSeen()
    {
        RunStore store;
        std::uint64_t last = store.revision();
        for (const Event& event : test::recordedEvents({.iterations = 11})) {
            store.apply(event);
            QVERIFY(store.revision() > last);
            last = store.revision();
        }
    }
};

BTCAI_GUI_TEST(RunStoreTest)
#include "tst_run_store.moc"
