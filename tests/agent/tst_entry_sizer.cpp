#include <QtTest>

#include <cmath>

#include "agent/config/ConfigFile.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/evaluation/ForecastSamples.h"
#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/EntrySizer.h"
#include "agent/ppo/SampleAction.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1e-3, std::abs(b)); }

/// Of forecasts over 4 bars that said `said` where the outcomes were `truth`, in turn above and below the mean: the factor is their ratio, the
/// chance of going up one half.
RunCalibration overconfident(double said, double truth)
{
    std::vector<ForecastSample> samples;
    for (int i = 0; i < 400; ++i)
        samples.push_back({0.0, said, i % 2 == 0 ? truth : -truth});
    return {.step = 0, .dataHash = {}, .horizons = {{4, 1.0, ForecastCalibration::fit(samples)}}};
}

constexpr std::uint8_t kFlat = 0, kLong = 1, kShort = 2;

} // namespace

// How large an entry is follows from what the network says, worked by hand.
class TestEntrySizer : public QObject {
    Q_OBJECT

    MarketDataset m_dataset = makeMarketDataset(tinyConfig(), MarketData(tinySeries()), 16);
    MarketTensors m_tensors{m_dataset, {1, 4}, torch::kCPU};

    EntrySizer sizer(const std::vector<FieldOverride>& fields) const
    {
        std::vector<FieldOverride> all{{"model.horizons", "1,4"}, {"forecast.distribution", "gaussian"}, {"account.exposure", "0.5"}, {"costs.taker_fee_bps", "10"}, {"costs.half_spread_bps", "5"}};
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
        return {of(99.0, mean / scale), of(2.0, std::log(deviation / scale)), torch::zeros({1, 2, 2})};
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

    // Three situations like this one, two of which rose, and a prior of 2: for a confidence of 0.665241 in long (2 x 0.665241 + 2) / (2 + 3) = 0.666096, and for
    // one of 0.090031 in short (2 x 0.090031 + 1) / 5 = 0.236012. What is not over at the bar's close does not count.
    void similarSituationsHaveTheirSay()
    {
        const std::vector<float> logits{0.0F, 1.0F, -1.0F};
        EntrySizer s = sizer({{"sizing.method", "confidence"}, {"memory.capacity", "10"}, {"memory.prior", "2"}});
        s.setForecasts(forecasts(0.0, 0.01));
        ContextMemory memory({.capacity = 10, .neighbours = 8, .similarity = 0.9, .prior = 2.0}, 4);
        memory.add(torch::ones({3, 4}), std::vector<std::int64_t>{1000, 1000, 1300}, std::vector<double>{0.01, -0.01, 0.02});
        memory.index();
        s.remember(&memory);
        QVERIFY(!s.meanRecalled());
        s.setSituations(torch::ones({1, 2, 4}), {1000}, 300);
        QVERIFY(near(s.size(logits, kLong, 0, 1), 0.66609638));
        QVERIFY(near(s.size(logits, kShort, 0, 1), 0.23601223));
        QVERIFY(near(s.size(logits, kLong, 0, 0), (2.0 * 0.66524096 + 1.0) / 4.0)); // one bar before, two were over
        QCOMPARE(s.meanRecalled().value(), 2.5);
        s.setSituations(torch::ones({1, 2, 4}), {1000}, 300, 1299); // the second bar is no part of the data
        QVERIFY(near(s.size(logits, kLong, 0, 1), 0.66524096));
        s.setSituations(-torch::ones({1, 2, 4}), {1000}, 300); // another situation
        QVERIFY(near(s.size(logits, kLong, 0, 1), 0.66524096));
        s.remember(nullptr);
        QVERIFY(near(s.size(logits, kLong, 0, 1), 0.66524096));
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

    // The network says half of the deviation there is. The limit of 4 % takes half of the size where it took a quarter, and half Kelly, which
    // falls with the square, leaves a quarter: 0.075 of the full size instead of 0.3.
    void anOverconfidentNetworkEntersLess()
    {
        const std::vector<float> logits{0, 0, 0};
        EntrySizer limited = sizer({{"sizing.method", "uncertainty"}, {"sizing.max_uncertainty", "0.04"}});
        limited.setForecasts(forecasts(0.0, 0.01));
        QVERIFY(near(limited.size(logits, kLong, 0, 1), 0.75));
        limited.calibrate(overconfident(0.01, 0.02));
        QVERIFY(limited.isCalibrated() && near(limited.size(logits, kLong, 0, 1), 0.5));
        limited.calibrate(overconfident(0.01, 0.05)); // beyond the limit
        QCOMPARE(limited.size(logits, kLong, 0, 1), 0.0);

        EntrySizer kelly = sizer({{"sizing.method", "full-distribution"}});
        kelly.setForecasts(forecasts(0.006, 0.1));
        QVERIFY(near(kelly.size(logits, kLong, 0, 1), 0.3));
        kelly.calibrate(overconfident(0.1, 0.2));
        QVERIFY(near(kelly.size(logits, kLong, 0, 1), 0.075));
        kelly.calibrate({}); // which has not the horizon: as before
        QVERIFY(!kelly.isCalibrated() && near(kelly.size(logits, kLong, 0, 1), 0.3));
    }

    // Forecasts of half a deviation up were followed by a rise in 300 of 500 cases, of half a deviation down in 150 of 500: that is what the side
    // is worth, however sure the policy is; between the two in proportion.
    void calibratedConfidenceIsHowOftenThePriceWentThatWay()
    {
        std::vector<ForecastSample> samples;
        for (int i = 0; i < 1000; ++i)
            samples.push_back({i % 2 == 0 ? 0.005 : -0.005, 0.01, i / 2 % 10 < (i % 2 == 0 ? 6 : 3) ? 0.01 : -0.01});
        EntrySizer s = sizer({{"sizing.method", "confidence"}});
        s.calibrate({.step = 0, .dataHash = {}, .horizons = {{4, 1.0, ForecastCalibration::fit(samples)}}});
        const std::vector<float> sure{0.0F, 5.0F, 5.0F};
        for (const auto& [mean, up] : {std::pair{0.005, 0.6}, {0.0, 0.45}, {-0.005, 0.3}}) {
            s.setForecasts(forecasts(mean, 0.01));
            QVERIFY(near(s.size(sure, kLong, 0, 1), up) && near(s.size(sure, kShort, 0, 1), 1.0 - up));
        }
    }

    // Samples that are honest, so that the factor is 1: a mean of half a deviation goes up as often as its distribution says. Of a t with 3 degrees of freedom, whose
    // deviation is sqrt 3, F(x sqrt 3) = 1/2 + (x / (1 + x^2) + atan x) / pi, at x = 1/2 0.774908; of a Gaussian Phi(1/2) = 0.691462.
    void confidenceFollowsTheShapeOfTheForecast()
    {
        std::vector<ForecastSample> samples;
        for (int i = 0; i < 400; ++i)
            samples.push_back({0.0, 0.01, i % 2 == 0 ? 0.01 : -0.01});
        const RunCalibration honest{.step = 0, .dataHash = {}, .horizons = {{4, 1.0, ForecastCalibration::fit(samples)}}};
        const std::vector<float> logits{0.0F, 0.0F, 0.0F};
        std::vector<float> normal;
        for (const double score : forecastScores())
            normal.push_back(static_cast<float>(score));
        for (const auto& [distribution, parameters, up] :
             {std::tuple{"student-t", std::vector<float>{3.0F}, 0.77490757}, {"quantiles", normal, 0.69146246}, {"gaussian", std::vector<float>{}, 0.69146246}}) {
            EntrySizer s = sizer({{"sizing.method", "confidence"}, {"forecast.distribution", distribution}});
            s.calibrate(honest);
            ForecastOutput output = forecasts(0.005, 0.01);
            if (!parameters.empty())
                output.shape = torch::tensor(parameters).expand({1, 2, 2, static_cast<std::int64_t>(parameters.size())});
            s.setForecasts(output);
            QVERIFY2(std::abs(s.size(logits, kLong, 0, 1) - up) < 1e-5, distribution);
            QVERIFY(std::abs(s.size(logits, kShort, 0, 1) - (1.0 - up)) < 1e-5);
            output.mean = torch::full({1, 2, 2}, std::nanf("")); // what is not a number is no size, and no error
            s.setForecasts(output);
            QCOMPARE(s.size(logits, kLong, 0, 1), 0.0);
        }
    }

    // Live there are no data: the unit of the forecasts comes from the checkpoint.
    void aCheckpointIsEnoughToSizeBy()
    {
        RunCalibration calibration = overconfident(0.01, 0.02);
        calibration.horizons[0].targetScale = m_tensors.targetScale()[1];
        const std::vector<FieldOverride> fields{{"model.horizons", "1,4"}, {"forecast.distribution", "gaussian"}, {"sizing.method", "uncertainty"},
                                                {"sizing.max_uncertainty", "0.04"}};
        EntrySizer s(parseRunConfig("", "test", fields), calibration);
        s.setForecasts(forecasts(0.0, 0.01));
        QVERIFY(s.isCalibrated() && near(s.size(std::vector<float>{0, 0}, kLong, 0, 1), 0.5));
        QVERIFY_EXCEPTION_THROWN(EntrySizer(parseRunConfig("", "test", fields), RunCalibration{}), Error);
    }

    // The network forecasts 1, 2, 3 and 4 bars with deviations of 1, 2, 3 and 4 %, of a limit of 8 %. Sized by 4 bars that takes a half; once the horizon has become 3 bars,
    // three eighths, in training and live; and in each it is that horizon's unit.
    void aHorizonThatMovedIsTheOneToSizeBy()
    {
        const RunConfig config = parseRunConfig("", "test", std::vector<FieldOverride>{{"model.horizons", "1,4"}, {"forecast.adapt", "true"}, {"forecast.least_bars", "1"},
                                                                                       {"forecast.most_bars", "4"}, {"sizing.method", "uncertainty"},
                                                                                       {"sizing.max_uncertainty", "0.08"}});
        const MarketTensors tensors(m_dataset, forecastHorizons(config), torch::kCPU);
        RunCalibration moved{.step = 0, .dataHash = {}, .horizons = {}, .inUse = {1, 3}};
        ForecastOutput output{torch::zeros({1, 1, 4}), torch::zeros({1, 1, 4}), torch::zeros({1, 1, 4})};
        for (std::size_t h = 0; h < 4; ++h) {
            const double scale = tensors.targetScale()[h];
            moved.horizons.push_back({static_cast<std::int64_t>(h + 1), scale, {}});
            output.logDeviation[0][0][static_cast<std::int64_t>(h)] = std::log(0.01 * static_cast<double>(h + 1) / scale);
        }
        EntrySizer training(config, tensors), live(config, moved);
        training.setForecasts(output);
        QCOMPARE(training.horizonBars(), std::int64_t{4});
        QVERIFY(near(training.size(std::vector<float>{0, 0}, kLong, 0, 0), 0.5));
        training.calibrate(moved);
        for (EntrySizer* s : {&training, &live}) {
            s->setForecasts(output);
            QCOMPARE(s->horizonBars(), std::int64_t{3});
            QVERIFY(near(s->size(std::vector<float>{0, 0}, kLong, 0, 0), 0.625));
        }
    }

    // The one in a run's last checkpoint is of its last weights and of the validation part: the root mean square of what its forecasts missed by there,
    // over what they said, worked out here. With it, and 10,000 times it, the test part is traded, and not.
    void aRunKeepsTheCalibrationOfItsValidationPart()
    {
        QTemporaryDir folder;
        RunConfig config = tinyConfig();
        config.sizing.method = "uncertainty";
        config.sizing.maxUncertainty = 1.0;
        config.model.holdBias = 0.0;
        CollectingSink sink;
        RunControl control;
        RunFolder run = RunFolder::create(std::filesystem::path(folder.path().toStdString()) / "run", config);
        const TrainingResult result = Trainer(run, config, sink, control, [](const RunConfig&) { return smallSeries(); }).run(false);
        const auto latest = run.checkpoints() / findCheckpoint(run.checkpoints(), "latest").value();
        const Checkpoint checkpoint = readCheckpoint(latest);
        const auto context = static_cast<std::size_t>(MarketEncoder(agentNetworkOptions(config, 1, 1, 2).encoder)->contextRows());
        const MarketDataset dataset = makeMarketDataset(config, MarketData(smallSeries()), context, &checkpoint.normalizer);
        const MarketTensors tensors(dataset, {1, 4}, torch::kCPU);
        AgentNetwork network = makeAgentNetwork(agentNetworkOptions(config, static_cast<std::int64_t>(dataset.features.columns()),
                                                                    static_cast<std::int64_t>(TradingEnv::kObservationSize), 2), 9);
        loadWeights(latest, network, nullptr);
        const auto samples = forecastRows(network, tensors, dataset.split.validation);
        for (std::size_t h = 0; h < 2; ++h) {
            double sum = 0.0;
            for (const ForecastSample& s : samples[h].samples)
                sum += std::pow((s.outcome - s.mean) / s.deviation, 2);
            const double factor = std::sqrt(sum / static_cast<double>(samples[h].samples.size()));
            const HorizonCalibration& kept = checkpoint.calibration.value().horizons.at(h);
            QVERIFY(near(kept.calibration.deviationFactor(), factor) && std::abs(factor - 1.0) > 1e-3);
            QCOMPARE(kept.targetScale, tensors.targetScale()[h]);
        }
        const auto traded = [&](const RunCalibration* by) { return evaluatePart(network, dataset, tensors, config, "test", 0, by).evaluation.rows; };
        QVERIFY(traded(&*checkpoint.calibration) == result.test->rows);
        QVERIFY(traded(nullptr) != result.test->rows && result.test->rows[0].turnover > 0.0);
        const RunCalibration hopeless = overconfident(1.0, 10'000.0);
        QCOMPARE(traded(&hopeless)[0].turnover, 0.0);
    }

    // One bar, the first horizon, when it is asked for.
    void theHorizonIsTheOneAskedFor()
    {
        EntrySizer s = sizer({{"sizing.method", "uncertainty"}, {"sizing.max_uncertainty", "0.04"}, {"sizing.horizon_bars", "1"}});
        ForecastOutput output{torch::zeros({1, 1, 2}), torch::zeros({1, 1, 2}), torch::zeros({1, 1, 2})};
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
