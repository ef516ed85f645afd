// A live decision is that of the batch: same bars, same numbers, same action.
#include <cmath>
#include <limits>

#include <QTest>

#include "agent/config/RunConfig.h"
#include "agent/decision/LiveDecision.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/SampleAction.h"
#include "base/Error.h"
#include "base/Rng.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"
#include "tests/support/Failure.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;
using torch::Tensor;

namespace {

constexpr std::int64_t kRows = 500; ///< compared

/// A market in which single bars, a run longer than a token and one longer than the convolution's 64 rows are missing.
BarSeries seriesWithGaps()
{
    const BarSeries whole = makeSyntheticMarket({.bars = 6000, .seed = 5}).series;
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const std::size_t left = whole.size() - i;
        const bool missing = i % 37 == 5 || (left > 369 && left <= 380) || (left > 180 && left <= 250);
        if (!missing)
            bars.push_back(*whole.bar(i));
    }
    return BarSeries::fromBars(whole.instrument(), whole.intervalSeconds(), bars);
}

/// A dataset, a network whose outputs are far apart, and what the batch makes of rows [start, start + kRows).
struct Batch {
    explicit Batch(RunConfig settings) : config(std::move(settings))
    {
        setThreads(1);
        const auto privateSize = static_cast<std::int64_t>(TradingEnv::kObservationSize);
        auto sizes = agentNetworkOptions(config, 1, privateSize, 2);
        sizes.holdBias = 0.0;
        const auto context = static_cast<std::size_t>(MarketEncoder(sizes.encoder)->contextRows());
        dataset = makeMarketDataset(config, {series}, context);
        sizes.encoder.features = static_cast<std::int64_t>(dataset.features.columns());
        network = makeAgentNetwork(sizes, 3);
        torch::NoGradGuard guard;
        network->named_parameters()["policy_out.weight"].mul_(100.0); // the initial ones leave all actions nearly equal
        if (config.model.selectFeatures)
            network->named_parameters()["encoder.select_out.weight"].normal_(); // the initial ones leave features as they are
        Rng rng(1, "state", 0, 0);
        for (std::int64_t i = 0; i < kRows * privateSize; ++i)
            states.push_back(static_cast<float>(rng.normal()));

        const std::int64_t patch = config.model.patchBars;
        start = (static_cast<std::int64_t>(series.size()) - kRows) / patch * patch;
        const MarketTensors tensors(dataset, forecastHorizons(config), torch::kCPU);
        encoding = network->encoder()(tensors.stretches({start}, network->encoder()->contextRows(), kRows));
        heads = network->heads(encoding.embedding, network->recall(torch::from_blob(states.data(), {1, kRows, 1, privateSize})).state);
        forecast = network->forecast(encoding.embedding);
    }

    LiveDecision live() { return {network, dataset.normalizer, series.startTime(), series.intervalSeconds()}; }
    std::span<const float> state(std::int64_t i) const
    {
        return std::span(states).subspan(static_cast<std::size_t>(i) * TradingEnv::kObservationSize,
                                         TradingEnv::kObservationSize);
    }

    RunConfig config;
    BarSeries series = seriesWithGaps();
    MarketDataset dataset;
    AgentNetwork network{nullptr};
    std::vector<float> states;
    std::int64_t start = 0;
    MarketEncoding encoding;
    HeadOutput heads;
    ForecastOutput forecast;
};

void pushRow(LiveDecision& live, const BarSeries& series, std::size_t row)
{
    if (const auto bar = series.bar(row))
        live.push(*bar);
    else
        live.pushMissing();
}

double furthest(const Tensor& a, const Tensor& b)
{
    return (a.reshape({-1}) - b.reshape({-1})).abs().max().item<double>();
}

} // namespace

class LiveDecisionTest : public QObject {
    Q_OBJECT
private slots:
    /// With recurrence an account brings its memory along; whoever brings none begins anew at each row.
    void remembersAsTheBatchDoes()
    {
        RunConfig config = tinyConfig();
        config.model.recurrentWidth = 6;
        Batch batch(config);
        LiveDecision live = batch.live();
        for (std::size_t row = 0; row < static_cast<std::size_t>(batch.start); ++row)
            pushRow(live, batch.series, row);
        Tensor memory;
        double forgetful = 0.0;
        for (std::int64_t i = 0; i < kRows; ++i) {
            pushRow(live, batch.series, static_cast<std::size_t>(batch.start + i));
            const Decision decision = live.decide(batch.state(i), memory);
            memory = decision.memory;
            QVERIFY(std::abs(decision.value - batch.heads.value[0][i].item<float>()) < 1e-5);
            QVERIFY(furthest(torch::tensor(decision.logits), batch.heads.logits[0][i]) < 1e-4);
            forgetful = std::max(forgetful, std::abs(static_cast<double>(live.decide(batch.state(i)).value) - decision.value));
        }
        QVERIFY(forgetful > 1e-3);
        const auto failure = failureOf([&] { live.decide(batch.state(0), torch::zeros({3})); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("memory of 3 numbers"));
    }

    void equalsTheBatchAtEveryRow_data()
    {
        QTest::addColumn<bool>("cnn");
        QTest::addColumn<bool>("lstm");
        QTest::addColumn<bool>("transformer");
        QTest::addColumn<bool>("selectFeatures");
        QTest::addColumn<int>("patch");
        QTest::addColumn<int>("every"); // row that is decided at
        QTest::addColumn<int>("inARow");
        QTest::newRow("all branches") << true << true << true << false << 4 << 1 << 1;
        QTest::newRow("all branches, a token longer than the convolution reads") << true << true << true << false << 80 << 1 << 1;
        QTest::newRow("now and then") << true << true << true << false << 4 << 7 << 1;
        QTest::newRow("seldom") << true << true << true << false << 4 << 97 << 1;
        QTest::newRow("in pairs, and then not for tokens") << true << true << true << false << 4 << 11 << 2;
        QTest::newRow("feature gates") << true << true << true << true << 4 << 1 << 1;
        QTest::newRow("convolution") << true << false << false << false << 4 << 1 << 1;
        QTest::newRow("LSTM") << false << true << false << false << 4 << 1 << 1;
        QTest::newRow("Transformer") << false << false << true << false << 4 << 1 << 1;
    }
    /// All rows of the series go through the live path, from its first bar on; the last 500 are decided at.
    void equalsTheBatchAtEveryRow()
    {
        QFETCH(bool, cnn);
        QFETCH(bool, lstm);
        QFETCH(bool, transformer);
        QFETCH(bool, selectFeatures);
        QFETCH(int, patch);
        QFETCH(int, every);
        QFETCH(int, inARow); // what is read ahead after the first of two is of no use once tokens were passed over
        RunConfig config = tinyConfig();
        config.model.useCnn = cnn;
        config.model.useLstm = lstm;
        config.model.useTransformer = transformer;
        config.model.selectFeatures = selectFeatures;
        config.model.patchBars = patch;
        config.model.lookbackBars = 4 * patch;
        Batch batch(config);
        LiveDecision live = batch.live();
        for (std::size_t row = 0; row < static_cast<std::size_t>(batch.start); ++row)
            pushRow(live, batch.series, row);
        const Tensor logits = batch.heads.logits.detach().contiguous();
        std::array<int, 2> taken{};
        int missing = 0;
        for (std::int64_t i = 0; i < kRows; ++i) {
            const auto row = static_cast<std::size_t>(batch.start + i);
            pushRow(live, batch.series, row);
            if (i % every >= inARow)
                continue;
            const Decision decision = live.decide(batch.state(i));
            const auto at = qPrintable(QString("row %1").arg(row));
            QVERIFY2(furthest(decision.z, batch.encoding.embedding[0][i]) < 1e-5, at);
            QVERIFY2(furthest(decision.gates, batch.encoding.gates[0][i]) < 1e-5, at);
            QVERIFY2(furthest(decision.forecast.mean, batch.forecast.mean[0][i]) < 1e-5, at);
            QVERIFY2(furthest(decision.forecast.logDeviation, batch.forecast.logDeviation[0][i]) < 1e-5, at);
            QVERIFY2(std::abs(decision.value - batch.heads.value[0][i].item<float>()) < 1e-5, at);
            const float* const expected = logits.data_ptr<float>() + 2 * i;
            QVERIFY2(std::abs(decision.logits[0] - expected[0]) < 1e-4 &&
                         std::abs(decision.logits[1] - expected[1]) < 1e-4,
                     at);
            QCOMPARE(int(decision.action), int(argmaxAction({expected, 2})));
            QCOMPARE(decision.closeTime, batch.series.timestamp(row) + batch.series.intervalSeconds());
            QCOMPARE(decision.barMissing, !batch.series.present(row));
            ++taken[decision.action];
            missing += decision.barMissing ? 1 : 0;
        }
        QVERIFY(taken[0] > 0 && taken[1] > 0);
        if (every == 1)
            QVERIFY(missing > 80);
    }

    /// By the calibration of a checkpoint alone, as the batch sizes by its data and the same calibration.
    void sizesAreThoseOfTheBatch()
    {
        RunConfig config = tinyConfig();
        config.sizing.method = "uncertainty";
        config.sizing.maxUncertainty = 0.05;
        Batch batch(config);
        const MarketTensors tensors(batch.dataset, forecastHorizons(config), torch::kCPU);
        std::vector<ForecastSample> samples;
        for (int i = 0; i < 200; ++i)
            samples.push_back({0.0, 1.0, i % 2 == 0 ? 1.5 : -1.5});
        const RunCalibration calibration{.step = 0, .dataHash = {}, .horizons = {{4, tensors.targetScale()[1], ForecastCalibration::fit(samples)}}};
        EntrySizer sizer(config, tensors);
        sizer.calibrate(calibration);
        sizer.setForecasts(batch.forecast);
        LiveDecision live{batch.network, batch.dataset.normalizer, batch.series.startTime(), batch.series.intervalSeconds(), EntrySizer(config, calibration)};
        int entries = 0;
        for (std::size_t row = 0; row < static_cast<std::size_t>(batch.start + 100); ++row) {
            pushRow(live, batch.series, row);
            if (row < static_cast<std::size_t>(batch.start))
                continue;
            const auto i = static_cast<std::int64_t>(row) - batch.start;
            const Decision decision = live.decide(batch.state(i));
            QVERIFY(std::abs(decision.size - sizer.size(decision.logits, decision.action, 0, i)) < 1e-5);
            entries += decision.size < 1.0 ? 1 : 0;
        }
        QVERIFY(entries > 10);
    }

    /// Rows that only a later bar tells to be missing.
    void barsThatNeverCameAreMissingRows()
    {
        Batch batch(tinyConfig());
        LiveDecision told = batch.live(), silent = batch.live();
        for (std::size_t row = 0; row < batch.series.size(); ++row) {
            pushRow(told, batch.series, row);
            if (const auto bar = batch.series.bar(row))
                silent.push(*bar);
        }
        QVERIFY(batch.series.present(batch.series.size() - 1));
        QVERIFY(torch::equal(told.decide(batch.state(0)).z, silent.decide(batch.state(0)).z));
    }

    /// It can first decide at the first row that training may use; it counts down to it by one a bar.
    void itSaysWhenItIsReady()
    {
        Batch batch(tinyConfig());
        LiveDecision live = batch.live();
        const BarSeries whole = tinySeries();
        const std::int64_t rows = live.rowsUntilReady();
        const auto patch = static_cast<std::size_t>(batch.config.model.patchBars);
        const std::size_t warm = FeatureMatrix::warmUpRow(whole, batch.dataset.features.names());
        const auto context = static_cast<std::size_t>(batch.network->encoder()->contextRows());
        QCOMPARE(static_cast<std::size_t>(rows), (warm + patch - 1) / patch * patch + context + 1);
        for (std::int64_t left = rows; left > 0; --left) {
            QCOMPARE(live.rowsUntilReady(), left);
            const auto early = failureOf([&] { live.decide(batch.state(0)); });
            QVERIFY(early && early->kind == ErrorKind::BadInput && early->says(std::to_string(left) + " more"));
            live.push(*whole.bar(static_cast<std::size_t>(rows - left)));
        }
        QCOMPARE(live.rowsUntilReady(), std::int64_t{0});
        live.decide(batch.state(0));
    }

    /// What is refused leaves no trace: the decisions after it are those of one who never saw it.
    void badBarsAreRefusedWithoutATrace()
    {
        Batch batch(tinyConfig());
        LiveDecision live = batch.live();
        auto last = static_cast<std::size_t>(batch.start + kRows - 1);
        while (!batch.series.present(last))
            --last;
        for (std::size_t row = 0; row < last; ++row)
            pushRow(live, batch.series, row);
        const Bar good = *batch.series.bar(last);
        const auto refused = [&](auto change) {
            Bar bad = good;
            change(bad);
            const auto failure = failureOf([&] { live.push(bad); });
            return failure && failure->kind == ErrorKind::BadInput;
        };
        QVERIFY(refused([](Bar& bar) { bar.timestamp += 1; }));
        QVERIFY(refused([](Bar& bar) { bar.timestamp -= 300; }));
        QVERIFY(refused([](Bar& bar) { bar.timestamp += 300LL * 5'000'001; }));
        QVERIFY(refused([](Bar& bar) { bar.close = std::numeric_limits<double>::quiet_NaN(); }));
        QVERIFY(refused([](Bar& bar) { bar.low = 0.0; }));
        QVERIFY(refused([](Bar& bar) { bar.high = 0.5 * bar.low; }));
        QVERIFY(refused([](Bar& bar) { bar.volume = -1.0; }));
        live.push(good);
        QVERIFY(furthest(live.decide(batch.state(0)).z,
                         batch.encoding.embedding[0][static_cast<std::int64_t>(last) - batch.start]) < 1e-5);

        const auto shortState = failureOf([&] { live.decide(batch.state(0).first(9)); });
        QVERIFY(shortState && shortState->kind == ErrorKind::BadInput && shortState->says("9"));
        std::vector<float> spoiled(batch.state(0).begin(), batch.state(0).end());
        spoiled[3] = std::numeric_limits<float>::quiet_NaN();
        const auto notFinite = failureOf([&] { live.decide(spoiled); });
        QVERIFY(notFinite && notFinite->kind == ErrorKind::Numeric);

        const auto otherNormalizer = failureOf([&] {
            const std::vector<std::string> names{"RSI_14", "ATR_14"};
            const FeatureMatrix matrix = FeatureMatrix::compute(batch.series, names);
            LiveDecision(batch.network, Normalizer::fit(matrix, matrix.warmUp(), matrix.rows()),
                         batch.series.startTime(), 300);
        });
        QVERIFY(otherNormalizer && otherNormalizer->kind == ErrorKind::BadInput && otherNormalizer->says("2"));
    }
};

QTEST_GUILESS_MAIN(LiveDecisionTest)
#include "tst_live_decision.moc"
