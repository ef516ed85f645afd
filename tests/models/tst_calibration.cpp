// Scores against integration, isotonic regression against its closed form, coverage against markets whose noise is known.
#include <cmath>
#include <memory>

#include <QtTest>

#include "base/Error.h"
#include "base/Rng.h"
#include "models/RunCalibration.h"
#include "tests/support/Failure.h"

using namespace btcai;

namespace {

bool near(double a, double b, double tolerance = 1e-9) { return std::abs(a - b) <= tolerance; }

/// Outcomes of deviation `truth`, of which the forecaster says `said`; the mean is known exactly.
std::vector<ForecastSample> market(std::size_t count, double truth, double said, std::uint64_t seed)
{
    Rng rng(seed, "calibration-test");
    std::vector<ForecastSample> samples;
    for (std::size_t i = 0; i < count; ++i) {
        const double mean = 0.5 * rng.normal();
        samples.push_back({mean, said, mean + truth * rng.normal()});
    }
    return samples;
}

IsotonicMap isotonic(const std::vector<double>& probabilities, const std::vector<int>& happened, std::size_t least = 1)
{
    const auto flags = std::make_unique<bool[]>(happened.size());
    std::ranges::copy(happened, flags.get());
    return IsotonicMap::fit(probabilities, {flags.get(), happened.size()}, least);
}

} // namespace

class TestCalibration : public QObject {
    Q_OBJECT

private slots:
    // CRPS is the integral of (F(x) - [x >= outcome])^2.
    void crpsIsItsIntegral()
    {
        for (const ForecastSample& sample : {ForecastSample{0, 1, 0}, ForecastSample{0.3, 2, -1.7}, ForecastSample{-1, 0.25, 1}}) {
            double integral = 0.0;
            const double step = 1e-4;
            for (double x = -30.0; x < 30.0; x += step) {
                const double difference = 0.5 * std::erfc(-(x - sample.mean) / sample.deviation / std::sqrt(2.0)) - (x >= sample.outcome ? 1.0 : 0.0);
                integral += difference * difference * step;
            }
            QVERIFY2(near(forecastCrps(sample), integral, 2e-4), qPrintable(QString::number(integral)));
        }
    }

    // 0, 1 of two deviations: 15.87 % lie below minus one deviation.
    void probabilityOfGoingUp()
    {
        QVERIFY(near(upProbability(0.0, 3.0), 0.5));
        QVERIFY(near(upProbability(2.0, 2.0), 0.8413447460685429));
        QVERIFY(near(upProbability(-2.0, 2.0), 0.15865525393145707));
    }

    // The least-squares monotone fit at i is max over j <= i of min over k >= i of the mean of j..k (Robertson, Wright and Dykstra 1988).
    void isotonicRegressionIsItsMinMaxFormula()
    {
        Rng rng(3, "isotonic-test");
        for (int round = 0; round < 50; ++round) {
            const std::size_t count = 1 + rng.below(12);
            std::vector<double> at;
            std::vector<int> happened;
            for (std::size_t i = 0; i < count; ++i) {
                at.push_back((static_cast<double>(i) + 0.5) / 12.0);
                happened.push_back(rng.uniform() < at.back() ? 1 : 0);
            }
            const IsotonicMap map = isotonic(at, happened);
            std::vector<double> expected(count);
            for (std::size_t i = 0; i < count; ++i) {
                double best = 0.0;
                for (std::size_t j = 0; j <= i; ++j) {
                    double least = 1.0;
                    for (std::size_t k = i; k < count; ++k) {
                        double sum = 0.0;
                        for (std::size_t t = j; t <= k; ++t)
                            sum += happened[t];
                        least = std::min(least, sum / static_cast<double>(k - j + 1));
                    }
                    best = std::max(best, least);
                }
                expected[i] = best;
            }
            // Read off at the centres of the steps, where nothing is interpolated.
            for (std::size_t i = 0; i < count;) {
                std::size_t end = i;
                double centre = 0.0;
                for (; end < count && expected[end] == expected[i]; ++end)
                    centre += at[end];
                QVERIFY(near(map(centre / static_cast<double>(end - i)), expected[i]));
                i = end;
            }
        }
    }

    // Samples of one probability are one step; small steps are pooled with their neighbours: (0.1: 0), (0.2: 0, 1), (0.9: 1, 1, 1).
    void isotonicStepsAreLargeEnough()
    {
        const std::vector<double> at{0.1, 0.2, 0.2, 0.9, 0.9, 0.9};
        const std::vector<int> happened{0, 1, 0, 1, 1, 1};
        const IsotonicMap fine = isotonic(at, happened);
        QVERIFY(near(fine(0.1), 0.0) && near(fine(0.2), 0.5) && near(fine(0.9), 1.0) && near(fine(0.55), 0.75) && near(fine(0.0), 0.0));
        const IsotonicMap coarse = isotonic(at, happened, 3); // the first three: centre 1/6, one of three
        QVERIFY(near(coarse(0.5 / 3.0), 1.0 / 3.0) && near(coarse(0.9), 1.0));
        const IsotonicMap one = isotonic(at, happened, 100);
        QVERIFY(near(one(0.0), 4.0 / 6.0) && near(one(1.0), 4.0 / 6.0));
        QCOMPARE(IsotonicMap()(0.3), 0.3);
    }

    // Scores 1 ... 20: the interval of 90 % is the ceil(21 * 0.9) = 19th, of 50 % the ceil(10.5) = 11th; 96 % needs more samples.
    void conformalIntervalsByHand()
    {
        std::vector<ForecastSample> samples;
        for (int i = 1; i <= 20; ++i)
            samples.push_back({0.0, 2.0, (i % 2 == 0 ? 2.0 : -2.0) * i});
        const auto calibration = ForecastCalibration::fit(samples);
        QVERIFY(near(calibration.intervalFactor(0.9), 19.0));
        QVERIFY(near(calibration.intervalFactor(0.5), 11.0));
        QVERIFY(std::isinf(calibration.intervalFactor(0.96)));
        QCOMPARE(calibration.intervalFactor(0.0), 0.0);
        // Mean of i^2 for 1 ... 20 is 20 * 21 * 41 / 6 / 20 = 143.5.
        QVERIFY(near(calibration.deviationFactor(), std::sqrt(143.5)));
    }

    // The network claims half or twice the noise; after calibration intervals hold what they say, the deviation is true within 5 % and the
    // score is that of the honest forecast.
    void knownNoiseIsFound()
    {
        for (const double said : {0.01, 0.04}) {
            const double truth = 0.02;
            const auto validation = market(5000, truth, said, 1);
            const auto fresh = market(5000, truth, said, 2);
            const auto calibration = ForecastCalibration::fit(validation);
            QVERIFY(std::abs(calibration.deviationFactor() * said / truth - 1.0) < 0.05);
            const CalibrationReport report = measureCalibration(calibration, fresh, validation);
            QVERIFY(near(report.deviationRatio, truth / said, 0.05 * truth / said));
            QCOMPARE(report.coverage.size(), std::size_t{4});
            for (const CoverageAt& at : report.coverage) {
                QVERIFY2(near(at.calibrated, at.level, 0.02) && near(at.running, at.level, 0.02), qPrintable(QString::number(at.calibrated)));
                QVERIFY(said < truth ? at.raw < at.level - 0.1 : at.raw > at.level + 0.02);
            }
            // The expected CRPS of an honest Gaussian is its deviation over sqrt(pi).
            QVERIFY(near(report.crps, truth / std::sqrt(std::acos(-1.0)), 0.02 * truth));
            QVERIFY(report.crpsSkill > 0.9); // the mean explains 0.5^2 of 0.5^2 + 0.02^2
        }
    }

    // Too sure of the direction: said 0.9, true 0.6. The calibrated probability tells it, and the error goes.
    void overconfidenceIsTakenBack()
    {
        Rng rng(5, "calibration-test");
        const auto draw = [&](std::size_t count) {
            std::vector<ForecastSample> samples;
            for (std::size_t i = 0; i < count; ++i) {
                const double mean = (i % 2 == 0 ? 1.0 : -1.0) * 1.2815515655; // 90 % or 10 %
                samples.push_back({mean, 1.0, (rng.uniform() < 0.6 ? 1.0 : -1.0) * mean});
            }
            return samples;
        };
        const auto validation = draw(4000);
        const auto calibration = ForecastCalibration::fit(validation);
        QVERIFY(near(calibration.upProbability(1.2815515655, 1.0), 0.6, 0.03) && near(calibration.upProbability(-1.2815515655, 1.0), 0.4, 0.03));
        const CalibrationReport report = measureCalibration(calibration, draw(4000), validation);
        QVERIFY(near(report.ece, 0.3, 0.03) && report.calibratedEce < 0.03);
        std::size_t counted = 0;
        for (const ReliabilityBin& bin : report.reliability)
            counted += bin.count;
        QCOMPARE(counted, std::size_t{4000});
    }

    // The noise doubles after the calibration: fixed intervals of 90 % hold 59 % (1.645 / 2 deviations), steered ones learn of it.
    void runningCoverageFollowsADrift()
    {
        const auto validation = market(4000, 1.0, 1.0, 7);
        const auto drifted = market(20'000, 2.0, 1.0, 8);
        const auto calibration = ForecastCalibration::fit(validation);
        for (const std::size_t overlap : {std::size_t{1}, std::size_t{12}}) {
            const CalibrationReport report = measureCalibration(calibration, drifted, validation, overlap);
            QVERIFY(near(report.coverage[2].calibrated, 0.59, 0.02));
            QVERIFY2(near(report.coverage[2].running, 0.9, 0.02), qPrintable(QString::number(report.coverage[2].running)));
        }
        // By hand: a miss moves the level asked by rate * level, a hit back by rate * (1 - level).
        RunningCoverage running(0.9, 0.1);
        running.observe(false);
        QVERIFY(near(running.asked(), 0.99));
        running.observe(true);
        QVERIFY(near(running.asked(), 0.98) && near(running.covered(), 0.5));
        running.observe(false);
        QCOMPARE(running.asked(), 1.0); // never above
    }

    void itSurvivesItsFile()
    {
        const auto calibration = ForecastCalibration::fit(market(3000, 1.0, 0.7, 9));
        const auto read = ForecastCalibration::fromJson(Json::parse(calibration.toJson().dump()));
        QVERIFY(read == calibration);
        QCOMPARE(read.intervalFactor(0.9), calibration.intervalFactor(0.9));
        QCOMPARE(read.upProbability(0.3, 1.0), calibration.upProbability(0.3, 1.0));
        for (const char* damaged : {"{}", R"({"deviation_factor":-1,"count":20,"up":{"at":[],"value":[]},"scores":[1]})",
                                    R"({"deviation_factor":1,"count":20,"up":{"at":[0.1],"value":[2]},"scores":[1]})",
                                    R"({"deviation_factor":1,"count":20,"up":{"at":[0.5,0.1],"value":[0,1]},"scores":[1]})",
                                    R"({"deviation_factor":1,"count":20,"up":{"at":[],"value":[]},"scores":[2,1]})"})
            QVERIFY_THROWS_EXCEPTION(Error, ForecastCalibration::fromJson(Json::parse(damaged)));
    }

    void aRunsCalibrationSurvivesItsFile()
    {
        const RunCalibration run{.step = 4096, .dataHash = "ab", .horizons = {{1, 0.1 / 3.0, ForecastCalibration::fit(market(500, 1.0, 0.7, 9))}, {12, 0.02, {}}}};
        const Json json = Json::parse(run.toJson().dump());
        const RunCalibration read = RunCalibration::fromJson(json);
        QVERIFY(read == run && read.find(1)->calibration.isFitted() && !read.find(12)->calibration.isFitted() && read.find(2) == nullptr);
        const auto refused = [&](const char* place, const Json& value, ErrorKind kind) {
            Json other = json;
            other[Json::json_pointer(place)] = value;
            const auto failure = test::failureOf([&] { RunCalibration::fromJson(other); });
            return failure && failure->kind == kind;
        };
        QVERIFY(refused("/format", 2, ErrorKind::Unsupported));
        QVERIFY(refused("/step", "x", ErrorKind::Corrupt) && refused("/horizons/0/target_scale", 0.0, ErrorKind::Corrupt));
        QVERIFY(refused("/horizons/0/calibration/count", 0, ErrorKind::Corrupt) && refused("/horizons", 7, ErrorKind::Corrupt));
    }

    // A probability that is true and says little, 48 to 52 %, is left as it is but for rare draws: a map of 1,500 outcomes would put steps of noise in
    // its place, five points and more.
    void anHonestProbabilityIsLeftAsItIs()
    {
        int changed = 0;
        for (std::uint64_t seed = 1; seed <= 40; ++seed) {
            Rng rng(seed, "honest-test");
            std::vector<ForecastSample> samples;
            for (int i = 0; i < 1500; ++i) {
                const double mean = 0.05 * (2.0 * rng.uniform() - 1.0);
                samples.push_back({mean, 1.0, mean + rng.normal()});
            }
            const auto calibration = ForecastCalibration::fit(samples);
            changed += std::abs(calibration.upProbability(0.05, 1.0) - upProbability(0.05, calibration.deviationFactor())) > 1e-9 ? 1 : 0;
        }
        QVERIFY2(changed <= 12, qPrintable(QString::number(changed)));
    }

    void whatCannotBeCalibratedIsRefused()
    {
        QVERIFY_THROWS_EXCEPTION(Error, ForecastCalibration::fit(market(19, 1.0, 1.0, 1)));
        auto samples = market(50, 1.0, 1.0, 1);
        samples[7].deviation = 0.0;
        QVERIFY_THROWS_EXCEPTION(Error, ForecastCalibration::fit(samples));
        samples[7] = {std::nan(""), 1.0, 0.0};
        QVERIFY_THROWS_EXCEPTION(Error, ForecastCalibration::fit(samples));
    }
};

QTEST_GUILESS_MAIN(TestCalibration)
#include "tst_calibration.moc"
