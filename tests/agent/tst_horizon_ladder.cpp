// Horizons that move to where forecasts are worth more: on samples whose skill is known, on noise, and in whole runs.
#include <cmath>

#include <QtTest>

#include "agent/config/Field.h"
#include "agent/evaluation/HorizonLadder.h"
#include "agent/ppo/Checkpoint.h"
#include "base/Rng.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr std::size_t kRows = 120'000;
const std::vector<std::int64_t> kLadder{1, 2, 3, 4, 6, 8, 12, 16};

/// Forecasts that explain a share of the outcome's variance, which is 1: independent from row to row.
HorizonSamples samplesOf(std::int64_t bars, double share, std::uint64_t seed)
{
    HorizonSamples samples{.horizonBars = bars, .rows = {}, .samples = {}};
    for (std::size_t row = 0; row < kRows; ++row) {
        Rng rng(seed, "ladder-test", static_cast<std::uint64_t>(bars), row);
        const double mean = std::sqrt(share) * rng.normal();
        samples.rows.push_back(row);
        samples.samples.push_back({mean, std::sqrt(1.0 - share), mean + std::sqrt(1.0 - share) * rng.normal()});
    }
    return samples;
}

std::vector<HorizonSamples> ladderOf(const std::vector<double>& shares)
{
    std::vector<HorizonSamples> ladder;
    for (std::size_t i = 0; i < shares.size(); ++i)
        ladder.push_back(samplesOf(kLadder[i], shares[i], 1));
    return ladder;
}

const std::vector<MarketRegime> kCalm(kRows, MarketRegime::Range);

/// Where the horizons are once they move no more.
std::vector<std::int64_t> settled(std::vector<std::int64_t> inUse, const std::vector<HorizonSamples>& ladder, const std::vector<MarketRegime>& regimes = kCalm)
{
    for (int look = 0; look < 20; ++look) {
        const auto moves = horizonMoves(inUse, ladder, regimes);
        if (moves.empty())
            break;
        for (const HorizonMove& move : moves)
            inUse[move.index] = move.to;
    }
    return inUse;
}

/// Closes that alternate by 1 % around noise of 0.1 %: whoever knows a bar knows the return over an odd number of bars, and of an even number nothing.
BarSeries alternating()
{
    std::vector<Bar> bars;
    double close = 10'000.0;
    for (std::int64_t row = 0; row < 20'000; ++row) {
        const double open = close;
        close = 10'000.0 * std::exp((row % 2 == 0 ? 0.005 : -0.005) + 0.001 * Rng(2, "alternating", static_cast<std::uint64_t>(row)).normal());
        bars.push_back({1'514'764'800 + 300 * row, open, std::max(open, close), std::min(open, close), close, 500.0});
    }
    return BarSeries::fromBars("ALTERNATING", 300, bars);
}

RunConfig adaptingConfig()
{
    RunConfig config = tinyConfig();
    config.model.horizons = "2,8";
    config.forecast.adapt = true;
    config.features.select = "LOGRET_1";
    config.train.rolloutBars = 128;
    config.account.episodeBars = 128;
    config.ppo.learningRate = 0.01;
    config.ppo.forecastCoefficient = 1.0;
    config.train.steps = 512 * 24;
    config.train.evaluateEvery = 4;
    config.sizing.method = "confidence";
    config.sizing.horizonBars = 2;
    return config;
}

std::vector<std::string> moves(const TrainingRun& run)
{
    std::vector<std::string> texts;
    for (const auto& notice : run.sink.all<protocol::Notice>())
        if (notice.kind == "horizon-changed")
            texts.push_back(notice.message);
    return texts;
}

} // namespace

class TestHorizonLadder : public QObject {
    Q_OBJECT

private slots:
    // Most is foreseen over 6 bars, less the farther away: from both sides the horizons go there, rung by rung, and stay. Of two the second comes first, since 16, 12, 8, 6 are
    // three moves, and 1, 2, 3, 4, 6 four; the first stops below it.
    void horizonsMoveToWhereMostIsForeseenAndStay()
    {
        const auto ladder = ladderOf({0.02, 0.06, 0.11, 0.17, 0.24, 0.16, 0.1, 0.05});
        QVERIFY((settled({1}, ladder) == std::vector<std::int64_t>{6}));
        QVERIFY((settled({16}, ladder) == std::vector<std::int64_t>{6}));
        QVERIFY((settled({6}, ladder) == std::vector<std::int64_t>{6}));
        QVERIFY((settled({1, 16}, ladder) == std::vector<std::int64_t>{4, 6}));
        const auto moves = horizonMoves(std::vector<std::int64_t>{1, 16}, ladder, kCalm);
        QCOMPARE(moves.size(), std::size_t{2});
        QVERIFY(moves[0].index == 0 && moves[0].from == 1 && moves[0].to == 2 && moves[1].index == 1 && moves[1].from == 16 && moves[1].to == 12);
        // A Gaussian forecast that explains the share R of the variance has a CRPS of sqrt(1 - R) times the climate's.
        QVERIFY(std::abs(moves[0].skillTo - (1.0 - std::sqrt(0.94))) < 0.01 && std::abs(moves[0].skillFrom - (1.0 - std::sqrt(0.98))) < 0.01);
    }

    // Over the last rung there is none, even where more and more is foreseen.
    void theLadderHasEnds()
    {
        QVERIFY((settled({1, 4}, ladderOf({0.02, 0.07, 0.12, 0.18, 0.24, 0.3, 0.36, 0.42})) == std::vector<std::int64_t>{12, 16}));
        QVERIFY((settled({12, 16}, ladderOf({0.42, 0.36, 0.3, 0.24, 0.18, 0.12, 0.07, 0.02})) == std::vector<std::int64_t>{1, 2}));
    }

    // Returns that are noise, summed over the horizons, so that outcomes overlap; forecasts that persist for days and know nothing. 100 markets, 2 horizons.
    void noiseMovesNothing()
    {
        std::size_t moves = 0;
        for (std::uint64_t market = 0; market < 100; ++market) {
            std::vector<double> price{0.0};
            std::vector<double> opinion{0.0};
            for (std::size_t row = 0; row < 4000; ++row) {
                Rng rng(market, "noise-ladder", row);
                price.push_back(price.back() + rng.normal());
                opinion.push_back(0.98 * opinion.back() + 0.2 * rng.normal());
            }
            std::vector<HorizonSamples> ladder;
            for (const std::int64_t bars : kLadder) {
                HorizonSamples samples{.horizonBars = bars, .rows = {}, .samples = {}};
                const double deviation = std::sqrt(static_cast<double>(bars));
                for (std::size_t row = 0; row + static_cast<std::size_t>(bars) < price.size(); ++row) {
                    samples.rows.push_back(row);
                    samples.samples.push_back({0.1 * deviation * opinion[row], deviation, price[row + static_cast<std::size_t>(bars)] - price[row]});
                }
                ladder.push_back(std::move(samples));
            }
            moves += horizonMoves(std::vector<std::int64_t>{2, 8}, ladder, kCalm).size();
        }
        qInfo("%zu moves in 200 looks", moves);
        QVERIFY(moves <= 1);
    }

    // Two bars ahead all is better, but while the market storms, a fifth of the time, nothing is: so it stays at one bar.
    void noRegimeIsLeftBehind()
    {
        auto ladder = ladderOf({0.05, 0.2});
        std::vector<MarketRegime> regimes(kRows, MarketRegime::Range);
        for (std::size_t row = 0; row < kRows; ++row)
            if (row / 100 % 5 == 0) {
                regimes[row] = MarketRegime::Volatile;
                ladder[1].samples[row].mean *= -0.5; // misleads there
            }
        QVERIFY(settled({1}, ladder, kCalm) == std::vector<std::int64_t>{2});
        QVERIFY(settled({1}, ladder, regimes) == std::vector<std::int64_t>{1});
    }

    // Too few blocks of the longest horizon, or too few outcomes: nothing can be said, and nothing moves.
    void littleDataMoveNothing()
    {
        auto ladder = ladderOf({0.02, 0.3});
        for (HorizonSamples& samples : ladder) {
            samples.rows.resize(300);
            samples.samples.resize(300);
        }
        QVERIFY(settled({1}, ladder) == std::vector<std::int64_t>{1});
    }

    // Powers of two and three times those, from half of the shortest to twice the longest, or as the fields say.
    void theRungsFollowFromTheConfiguration()
    {
        RunConfig config = defaultConfig(Bucket::Scalping);
        QVERIFY((forecastHorizons(config) == std::vector<std::int64_t>{1, 12, 48}));
        config.forecast.adapt = true;
        QVERIFY((forecastHorizons(config) == std::vector<std::int64_t>{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96}));
        config.model.horizons = "5,10"; // no rungs themselves
        QVERIFY((forecastHorizons(config) == std::vector<std::int64_t>{2, 3, 4, 5, 6, 8, 10, 12, 16}));
        config.forecast.leastBars = 4, config.forecast.mostBars = 10;
        QVERIFY((forecastHorizons(config) == std::vector<std::int64_t>{4, 5, 6, 8, 10}));
        config.forecast.leastBars = 6;
        QVERIFY_EXCEPTION_THROWN(validate(config), Error);
    }

    // Only odd horizons can be foreseen: the one of 2 bars goes to 1 or 3, and that of 8 stays, as do both on noise. The run tells of it, of the horizons
    // in use alone, and keeps them in its checkpoint.
    void aRunMovesToWhatCanBeForeseen()
    {
        TrainingRun run;
        const TrainingResult result = run.train(adaptingConfig(), false, {}, alternating());
        const auto told = moves(run);
        QCOMPARE(told.size(), std::size_t{1});
        QVERIFY2(told[0].starts_with("horizon 1: 2 -> 1 bars at step ") || told[0].starts_with("horizon 1: 2 -> 3 bars at step "), told[0].c_str());
        const RunCalibration calibration = readCheckpoint(run.finalCheckpoint()).calibration.value();
        QCOMPARE(calibration.inUse.size(), std::size_t{2});
        QVERIFY(calibration.inUse[0] % 2 == 1 && calibration.inUse[1] == 8);
        QVERIFY(calibration.horizons.size() == 8); // 1, 2, 3, 4, 6, 8, 12, 16
        QVERIFY((result.calibrations.size() == 2) && result.calibrations[0].horizonBars == calibration.inUse[0]);
        QCOMPARE(RunCalibration::fromJson(calibration.toJson()), calibration);

        TrainingRun noise;
        noise.train(adaptingConfig(), false, {}, smallSeries());
        QVERIFY(moves(noise).empty());
    }

    // Stopped before and after the move and resumed: the weights, byte for byte, of the run that was never interrupted; entries are sized by the horizon that moved.
    void resumedAfterAMoveIsUndisturbed()
    {
        const BarSeries series = alternating();
        TrainingRun whole;
        whole.train(adaptingConfig(), false, {}, series);
        for (const std::int64_t stop : {3, 9, 13, 21}) {
            TrainingRun run;
            TrainingHooks hooks;
            hooks.afterRollout = [&](std::int64_t iteration, RolloutBuffer&) {
                if (iteration == stop)
                    run.control.stop();
            };
            QVERIFY(run.train(adaptingConfig(), false, hooks, series).end == TrainingEnd::Stopped);
            TrainingRun rest;
            rest.path = run.path;
            rest.train(adaptingConfig(), true, {}, series);
            QVERIFY2(rest.finalWeights() == whole.finalWeights(), qPrintable(QString("stopped after %1").arg(stop)));
        }
        RunConfig other = adaptingConfig(); // what is sized by the horizon that moved is another run than what is sized by the one that did not
        other.sizing.horizonBars = 8;
        TrainingRun elsewhere;
        elsewhere.train(other, false, {}, series);
        QVERIFY(elsewhere.finalWeights() != whole.finalWeights());
    }
};

QTEST_GUILESS_MAIN(TestHorizonLadder)
#include "tst_horizon_ladder.moc"
