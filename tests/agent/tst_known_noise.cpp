// Can a trained forecast be believed? On a market whose noise is known this can be measured.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <QTest>

#include "agent/evaluation/ForecastSamples.h"
#include "agent/evaluation/PlantedTask.h"
#include "base/Rng.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;

namespace {

constexpr double kNoise = 0.004;

RunConfig noiseConfig(int seed, const QString& horizons, int iterations = 30)
{
    RunConfig config = plantedConfig(seed);
    config.model.horizons = horizons.toStdString();
    config.train.accounts = 2;
    config.train.steps = config.train.stretches * config.train.rolloutBars * config.train.accounts * iterations;
    config.evaluation.sampledAccounts = 1;
    return config;
}

/// What the test part of a run on such a market says of its forecasts.
std::vector<protocol::Calibration> judgedForecasts(const BarSeries& series, int seed, int members, const QString& horizons,
                                                   const QString& distribution = "gaussian")
{
    RunConfig config = noiseConfig(seed, horizons);
    config.forecast.members = members;
    config.forecast.distribution = distribution.toStdString();
    return test::TrainingRun().train(config, false, {}, series).calibrations;
}

/// The calibrated deviation over the true one.
double deviationOverTruth(const protocol::Calibration& judged)
{
    return std::hypot(judged.aleatoric, judged.epistemic) * judged.deviationFactor / (kNoise * std::sqrt(static_cast<double>(judged.horizonBars)));
}

SyntheticMarketOptions noisyMarket(int seed, double drift, int bars)
{
    SyntheticMarketOptions market = plantedMarket(static_cast<std::uint64_t>(seed));
    market.volatility = kNoise;
    market.driftPerBar = drift;
    market.bars = static_cast<std::size_t>(bars);
    return market;
}

/// The same market with noise of the same deviation that is a Student-t of 5 degrees of freedom.
BarSeries heavyTailed(const SyntheticMarketOptions& options)
{
    constexpr int degrees = 5;
    const SyntheticMarket market = makeSyntheticMarket(options);
    std::vector<Bar> bars;
    double close = options.startPrice;
    for (std::size_t row = 0; row < market.series.size(); ++row) {
        Rng rng(options.seed, "heavy-tails", row);
        double square = 0.0;
        for (int k = 0; k < degrees; ++k)
            square += std::pow(rng.normal(), 2);
        const double noise = rng.normal() * std::sqrt((degrees - 2) / square); // t sqrt((degrees - 2) / degrees)
        Bar bar = market.series.bar(row).value();
        bar.open = std::exchange(close, close * std::exp(market.driftSign[row] * options.driftPerBar + kNoise * noise));
        bar.close = close;
        bar.high = std::max(bar.open, bar.close);
        bar.low = std::min(bar.open, bar.close);
        bars.push_back(bar);
    }
    return BarSeries::fromBars("HEAVY", options.intervalSeconds, bars);
}

/// A market with the deviation of each bar's log return.
struct KnownVolatility {
    BarSeries series;
    std::vector<double> deviation;
};

/// Over the day the deviation goes from half of kNoise to half as much again.
KnownVolatility byTheHour()
{
    KnownVolatility market;
    std::vector<Bar> bars;
    double close = 10'000.0;
    for (std::size_t row = 0; row < 120'000; ++row) {
        market.deviation.push_back(kNoise * (1.0 + 0.5 * std::sin(2.0 * M_PI * static_cast<double>(row % 288) / 288.0)));
        const double open = std::exchange(close, close * std::exp(market.deviation.back() * Rng(1, "by-the-hour", row).normal()));
        bars.push_back({1'514'764'800 + 300 * static_cast<std::int64_t>(row), open, std::max(open, close), std::min(open, close), close, 500.0});
    }
    market.series = BarSeries::fromBars("HOURS", 300, bars);
    return market;
}

/// GARCH(1,1), whose deviation follows from the returns before: sigma[t]^2 = omega + alpha e[t-1]^2 + beta sigma[t-1]^2.
KnownVolatility clustered()
{
    const SyntheticMarketOptions options{.bars = 120'000, .volatility = kNoise, .driftPerBar = 0.0, .model = ReturnModel::Garch, .garch = {.alpha = 0.15, .beta = 0.8}};
    KnownVolatility market{makeSyntheticMarket(options).series, {}};
    const auto& [alpha, beta] = options.garch;
    double variance = kNoise * kNoise;
    for (std::size_t row = 0; row < options.bars; ++row) {
        market.deviation.push_back(std::sqrt(variance));
        const Bar bar = market.series.bar(row).value();
        variance = kNoise * kNoise * (1.0 - alpha - beta) + alpha * std::pow(std::log(bar.close / bar.open), 2) + beta * variance;
    }
    return market;
}

/// Root mean square of the calibrated deviations over that of the true ones: a quarter of the test part's rows each, the calmest first.
std::array<double, 4> deviationOverTruthByQuarter(const RunConfig& config, const KnownVolatility& market)
{
    test::TrainingRun run;
    const TrainingResult result = run.train(config, false, {}, market.series);
    const Checkpoint checkpoint = readCheckpoint(run.finalCheckpoint());
    AgentNetwork network = makeAgentNetwork(agentNetworkOptions(config, static_cast<std::int64_t>(checkpoint.normalizer.names().size()),
                                                                static_cast<std::int64_t>(TradingEnv::kObservationSize), 2), config.seed);
    loadWeights(run.finalCheckpoint(), network, nullptr);
    const MarketDataset dataset = makeMarketDataset(config, {market.series}, static_cast<std::size_t>(network->encoder()->contextRows()), &checkpoint.normalizer);
    const HorizonSamples judged = forecastRows(network, MarketTensors(dataset, forecastHorizons(config), torch::kCPU), dataset.split.test).at(0);
    std::vector<std::pair<double, double>> pairs; // true, forecast
    for (std::size_t i = 0; i < judged.rows.size(); ++i)
        pairs.emplace_back(market.deviation[judged.rows[i] + 1], judged.samples[i].deviation * result.calibrations.at(0).deviationFactor);
    std::ranges::sort(pairs);
    std::array<double, 4> ratios{};
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
        double truth = 0.0, said = 0.0;
        for (std::size_t i = quarter * pairs.size() / 4; i < (quarter + 1) * pairs.size() / 4; ++i) {
            truth += pairs[i].first * pairs[i].first;
            said += pairs[i].second * pairs[i].second;
        }
        ratios[quarter] = std::sqrt(said / truth);
    }
    return ratios;
}

void report(const protocol::Calibration& judged)
{
    QString coverage;
    for (const auto& at : judged.coverage)
        coverage += QString(" %1 %2/%3").arg(at.level).arg(at.raw, 0, 'f', 4).arg(at.calibrated, 0, 'f', 4);
    const double ratio = deviationOverTruth(judged);
    qInfo("%lld bars: deviation / truth %.4f as forecast, %.4f calibrated; epistemic / aleatoric %.4f; CRPS over the noise %.5f; coverage%s",
          static_cast<long long>(judged.horizonBars), ratio / judged.deviationFactor, ratio, judged.epistemic / judged.aleatoric, judged.crps / kNoise,
          qPrintable(coverage));
}

void checkCalibrated(const protocol::Calibration& judged)
{
    QVERIFY2(std::abs(deviationOverTruth(judged) - 1.0) < 0.05, "the deviation is not within 5 % of the truth");
    for (const auto& at : judged.coverage)
        QVERIFY2(std::abs(at.calibrated - at.level) < 0.02, "a coverage is not within 2 points of its level");
}

} // namespace

class KnownNoiseTest : public QObject {
    Q_OBJECT

private slots:
    void coverageAndDeviationAreTrue_data()
    {
        QTest::addColumn<int>("seed");
        QTest::addColumn<int>("members");
        QTest::addColumn<double>("drift");
        QTest::addColumn<QString>("horizons");
        QTest::addColumn<int>("bars");
        QTest::newRow("planted signal") << 1 << 3 << 0.002 << "1" << 120'000;
        if (!qEnvironmentVariableIsSet("BTCAI_LONG_TESTS"))
            return;
        for (int seed = 2; seed <= 4; ++seed)
            for (const int members : {1, 3})
                QTest::addRow("planted signal, seed %d, %d forecasts", seed, members) << seed << members << 0.002 << "1" << 120'000;
        QTest::newRow("noise alone, to four bars") << 1 << 3 << 0.0 << "1,4" << 300'000;
    }
    /// Of a bar's return noise has a deviation of 0.4 %; a planted drift of 0.2 % either way makes 0.447 % of it for whoever does not see the signal,
    /// 12 % too much. So only a forecast that has learned the signal comes within 5 % of the truth. Noise alone grows with the root of the
    /// horizon. On the 18,000 bars of the test part a share of 50 % has a standard error of 0.37 points, of the calibration's 18,000 as much.
    void coverageAndDeviationAreTrue()
    {
        QFETCH(int, seed);
        QFETCH(int, members);
        QFETCH(double, drift);
        QFETCH(QString, horizons);
        QFETCH(int, bars);
        const auto calibrations = judgedForecasts(makeSyntheticMarket(noisyMarket(seed, drift, bars)).series, seed, members, horizons);
        QCOMPARE(calibrations.size(), static_cast<std::size_t>(horizons.count(',') + 1));
        for (const protocol::Calibration& judged : calibrations) {
            report(judged);
            checkCalibrated(judged);
        }
    }

    void noiseOfHeavyTails_data()
    {
        QTest::addColumn<QString>("distribution");
        QTest::addColumn<double>("rawWithin");
        QTest::newRow("student-t") << "student-t" << 0.03;
        if (!qEnvironmentVariableIsSet("BTCAI_LONG_TESTS"))
            return;
        QTest::newRow("gaussian") << "gaussian" << 1.0;
        QTest::newRow("quantiles") << "quantiles" << 0.03;
    }
    /// Noise of a Student-t with 5 degrees of freedom. Calibrated, every distribution holds what it says; those that can learn the tails hold it, to 3 points, as
    /// forecast too. The Gaussian can't: of such noise 75 % lies within the middle 68.3 % that its deviation claims, 58 % within the middle 50 %.
    void noiseOfHeavyTails()
    {
        QFETCH(QString, distribution);
        QFETCH(double, rawWithin);
        const auto calibrations = judgedForecasts(heavyTailed(noisyMarket(1, 0.002, 120'000)), 1, 1, "1", distribution);
        QCOMPARE(calibrations.size(), std::size_t{1});
        report(calibrations[0]);
        checkCalibrated(calibrations[0]);
        for (const auto& at : calibrations[0].coverage)
            QVERIFY2(std::abs(at.raw - at.level) < rawWithin, qPrintable(QString("as forecast %1 held %2").arg(at.level).arg(at.raw)));
        if (distribution == "gaussian")
            QVERIFY(calibrations[0].coverage[0].raw > 0.54);
    }

    void volatilityThatChangesIsFollowed_data()
    {
        QTest::addColumn<bool>("clusters");
        QTest::addColumn<int>("iterations");
        QTest::addColumn<double>("within");
        QTest::newRow("by the hour") << false << 90 << 0.05;
        if (!qEnvironmentVariableIsSet("BTCAI_LONG_TESTS"))
            return;
        QTest::newRow("by the hour, longer") << false << 300 << 0.02;
        QTest::newRow("in clusters") << true << 300 << 0.1;
    }
    /// In calm quarters as in stormy ones the deviation is true to 5 %. A forecast of the same deviation every time is 92 % too wide in the calmest quarter of
    /// the hours and 27 % too narrow in the stormiest. In clusters the truth is a sum over all returns before, which the network has to find from squares that say
    /// little each: there it is true to 10 %.
    void volatilityThatChangesIsFollowed()
    {
        QFETCH(bool, clusters);
        QFETCH(int, iterations);
        QFETCH(double, within);
        const auto ratios = deviationOverTruthByQuarter(noiseConfig(1, "1", iterations), clusters ? clustered() : byTheHour());
        qInfo("deviation / truth, calm to stormy: %.4f %.4f %.4f %.4f", ratios[0], ratios[1], ratios[2], ratios[3]);
        for (const double ratio : ratios)
            QVERIFY2(std::abs(ratio - 1.0) < within, "the deviation is too far from the truth");
    }

    /// The control: where the volume tells nothing, prices tell of the drift late, and more of it is noise to the agent. It says so.
    void whatCannotBeSeenIsNoise()
    {
        SyntheticMarketOptions market = noisyMarket(1, 0.002, 120'000);
        market.scrambleSignal = true;
        const protocol::Calibration judged = judgedForecasts(makeSyntheticMarket(market).series, 1, 1, "1").at(0);
        qInfo("deviation / truth %.4f", deviationOverTruth(judged));
        QVERIFY(deviationOverTruth(judged) > 1.05 && deviationOverTruth(judged) < 1.13);
    }
};

QTEST_GUILESS_MAIN(KnownNoiseTest)
#include "tst_known_noise.moc"
