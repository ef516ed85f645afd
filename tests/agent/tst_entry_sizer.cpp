#include <QtTest>

#include <cmath>

#include "agent/config/ConfigFile.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/ppo/EntrySizer.h"
#include "agent/ppo/SampleAction.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1e-3, std::abs(b)); }

constexpr std::uint8_t kFlat = 0, kLong = 1, kShort = 2;

} // namespace

// How large an entry is follows from what the network says, worked by hand.
class TestEntrySizer : public QObject {
    Q_OBJECT

    MarketDataset m_dataset = makeMarketDataset(tinyConfig(), MarketData(tinySeries()), 16);
    MarketTensors m_tensors{m_dataset, {1, 4}, torch::kCPU};

    EntrySizer sizer(const std::vector<FieldOverride>& fields) const
    {
        std::vector<FieldOverride> all{{"model.horizons", "1,4"}, {"account.exposure", "0.5"}, {"costs.taker_fee_bps", "10"}, {"costs.half_spread_bps", "5"}};
        all.insert(all.end(), fields.begin(), fields.end());
        return EntrySizer(parseRunConfig("", "test", all), m_tensors);
    }
    /// Two times of one stretch; in units of the target's deviation, as a network gives them. Time 1, horizon of 4 bars: mean and deviation as asked for.
    ForecastOutput forecasts(double mean, double deviation) const
    {
        const auto scale = m_tensors.targetScale()[1];
        const auto of = [](double first, double last) {
            torch::Tensor t = torch::full({1, 2, 2}, first);
            t[0][1][1] = last;
            return t;
        };
        return {of(99.0, mean / scale), of(2.0, std::log(deviation / scale))};
    }

private slots:
    void withoutMethodOrLimitEverySizeIsFull()
    {
        QVERIFY(!sizer({}).isOn());
        QCOMPARE(sizer({}).size(std::vector<float>{0, 0}, kLong, 0, 0), 1.0);
        QVERIFY(sizer({{"sizing.method", "confidence"}}).isOn() && sizer({{"sizing.max_uncertainty", "0.1"}}).isOn());
    }

    // exp(1) / (exp(1) + 1 + exp(-1)) = 0.665241.
    void confidenceIsTheProbabilityOfTheAction()
    {
        const std::vector<float> logits{0.0F, 1.0F, -1.0F};
        QVERIFY(near(actionProbability(logits, kLong), 0.66524096));
        EntrySizer s = sizer({{"sizing.method", "confidence"}});
        s.setForecasts(forecasts(0.0, 0.01));
        QVERIFY(near(s.size(logits, kLong, 0, 1), 0.66524096));
        QVERIFY(near(s.size(logits, kShort, 0, 1), 0.09003057));
        QCOMPARE(s.size(logits, kFlat, 0, 1), 1.0);
        // With a limit of 0.04 a deviation of 0.01 takes a quarter of it; above the limit nothing is entered.
        EntrySizer limited = sizer({{"sizing.method", "confidence"}, {"sizing.max_uncertainty", "0.04"}});
        limited.setForecasts(forecasts(0.0, 0.01));
        QVERIFY(near(limited.size(logits, kLong, 0, 1), 0.75 * 0.66524096));
        limited.setForecasts(forecasts(0.0, 0.041));
        QCOMPARE(limited.size(logits, kLong, 0, 1), 0.0);
    }

    void uncertaintyAloneTakesFromTheFullSize()
    {
        EntrySizer s = sizer({{"sizing.method", "uncertainty"}, {"sizing.max_uncertainty", "0.04"}, {"sizing.uncertainty_penalty", "0.5"}});
        s.setForecasts(forecasts(0.0, 0.02));
        QVERIFY(near(s.size(std::vector<float>{0, 0}, kLong, 0, 1), 1.0 - 0.5 * 0.5));
    }

    // Half Kelly on a mean of 0.6 % less a round trip of 2 x 15 bps, 0.3 %, at a deviation of 10 %: 0.5 x 0.003 / 0.01 = 0.15 of equity, 0.3 of
    // the full size of 0.5. A short position has no edge there, and a deviation of 1 % would ask for 15 times the equity.
    void kellyFollowsTheForecast()
    {
        EntrySizer s = sizer({{"sizing.method", "full-distribution"}});
        const std::vector<float> logits{0, 0, 0};
        s.setForecasts(forecasts(0.006, 0.1));
        QVERIFY(near(s.size(logits, kLong, 0, 1), 0.3));
        QCOMPARE(s.size(logits, kShort, 0, 1), 0.0);
        s.setForecasts(forecasts(-0.006, 0.1));
        QVERIFY(near(s.size(logits, kShort, 0, 1), 0.3));
        s.setForecasts(forecasts(0.006, 0.01));
        QCOMPARE(s.size(logits, kLong, 0, 1), 1.0);
    }

    // One bar, the first horizon, when it is asked for.
    void theHorizonIsTheOneAskedFor()
    {
        EntrySizer s = sizer({{"sizing.method", "uncertainty"}, {"sizing.max_uncertainty", "0.04"}, {"sizing.horizon_bars", "1"}});
        ForecastOutput output{torch::zeros({1, 1, 2}), torch::zeros({1, 1, 2})};
        output.logDeviation[0][0][0] = std::log(0.01 / m_tensors.targetScale()[0]);
        s.setForecasts(output);
        QVERIFY(near(s.size(std::vector<float>{0, 0}, kLong, 0, 0), 0.75));
    }

    // A whole run: with a limit that no forecast keeps, nobody but buy-and-hold ever trades; training and evaluation are sized alike.
    void aRunIsSizedThroughout()
    {
        QTemporaryDir folder;
        for (const bool limited : {false, true}) {
            RunConfig config = tinyConfig();
            config.sizing.method = "confidence";
            config.sizing.maxUncertainty = limited ? 1e-9 : 0.0;
            config.model.holdBias = 0.0;
            CollectingSink sink;
            RunControl control;
            RunFolder run = RunFolder::create(std::filesystem::path(folder.path().toStdString()) / (limited ? "limited" : "free"), config);
            Trainer(run, config, sink, control, [](const RunConfig&) { return tinySeries(); }).run(false);
            const auto evaluations = sink.all<protocol::Evaluation>();
            QVERIFY(!evaluations.empty());
            const auto& rows = evaluations.back().rows;
            QCOMPARE(rows[0].turnover > 0.0, !limited);
            QVERIFY(rows[0].exposure < 0.9 && rows[2].exposure > 0.9);
        }
    }
};

QTEST_APPLESS_MAIN(TestEntrySizer)
#include "tst_entry_sizer.moc"
