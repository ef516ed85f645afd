#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/Augmentation.h"
#include "data/dataset/SyntheticMarket.h"
#include "data/features/FeatureMatrix.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

/// Real bars with gaps.
BarSeries realBars()
{
    static const BarSeries series = loadSeries(bundledData()).slice(149000, 153000);
    return series;
}

/// Every bar opens at the last close, and none is missing.
BarSeries plainBars(std::size_t count, double volatility = 0.002)
{
    return makeSyntheticMarket({.bars = count, .seed = 21, .volatility = volatility, .driftPerBar = 0.0}).series;
}

std::vector<double> bodies(const BarSeries& series)
{
    std::vector<double> values;
    for (std::size_t i = 0; i < series.size(); ++i)
        if (series.present(i))
            values.push_back(std::log(series.close()[i] / series.open()[i]));
    return values;
}

double meanOf(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()); }

double deviationOf(const std::vector<double>& values)
{
    const double mean = meanOf(values);
    double sum = 0.0;
    for (const double value : values)
        sum += (value - mean) * (value - mean);
    return std::sqrt(sum / static_cast<double>(values.size()));
}

std::vector<double> difference(const std::vector<double>& a, const std::vector<double>& b)
{
    std::vector<double> values(a.size());
    std::ranges::transform(a, b, values.begin(), std::minus());
    return values;
}

bool areSound(const BarSeries& series)
{
    for (std::size_t i = 0; i < series.size(); ++i) {
        const auto bar = series.bar(i);
        if (bar && !(bar->low > 0.0 && bar->low <= std::min(bar->open, bar->close) && bar->high >= std::max(bar->open, bar->close)
                     && std::isfinite(bar->high) && bar->volume >= 0.0))
            return false;
    }
    return true;
}

double totalVolume(const BarSeries& series)
{
    double sum = 0.0;
    for (std::size_t i = 0; i < series.size(); ++i)
        sum += series.present(i) ? series.volume()[i] : 0.0;
    return sum;
}

const std::map<std::string, std::function<BarSeries(const BarSeries&, std::uint64_t)>> kAll = {
    {"jitter", [](const BarSeries& s, std::uint64_t seed) { return jitter(s, {.seed = seed}); }},
    {"magnitude", [](const BarSeries& s, std::uint64_t seed) { return magnitudeWarp(s, {.seed = seed}); }},
    {"time", [](const BarSeries& s, std::uint64_t seed) { return timeWarp(s, {.seed = seed}); }},
    {"bootstrap", [](const BarSeries& s, std::uint64_t seed) { return stationaryBootstrap(s, {.seed = seed}); }},
    {"flip", [](const BarSeries& s, std::uint64_t) { return signFlip(s); }},
};

} // namespace

class TestAugmentation : public QObject {
    Q_OBJECT

private slots:
    void everyKindGivesSoundBarsAndRepeats()
    {
        const BarSeries source = realBars();
        QVERIFY(source.presentCount() < source.size());
        for (const auto& [name, augment] : kAll) {
            const BarSeries result = augment(source, 5);
            QVERIFY2(areSound(result), name.c_str());
            QCOMPARE(result.size(), source.size());
            QCOMPARE(result.startTime(), source.startTime());
            QCOMPARE(result.instrument(), source.instrument());
            QVERIFY2(result.contentHash() != source.contentHash(), name.c_str());
            QCOMPARE(augment(source, 5).contentHash(), result.contentHash());
            if (name != "flip")
                QVERIFY2(augment(source, 6).contentHash() != result.contentHash(), name.c_str());
            if (name != "time" && name != "bootstrap")
                QVERIFY2(std::ranges::equal(result.mask(), source.mask()), name.c_str());
            QCOMPARE(FeatureMatrix::compute(result, std::vector<std::string>{"RSI_14"}).rows(), source.size()); // the same feature code
            QVERIFY(augment(BarSeries("X", 300), 1).empty());
        }
    }

    void withoutStrengthNothingChanges()
    {
        const BarSeries source = realBars();
        const auto close = [](double a, double b) { return std::abs(a / b - 1.0) < 1e-9; };
        for (const BarSeries& result : {jitter(source, {0.0, 0.0, 0.0, 1}), magnitudeWarp(source, {.deviation = 0.0}), timeWarp(source, {.deviation = 0.0}),
                                        signFlip(signFlip(source))}) {
            QVERIFY(std::ranges::equal(result.mask(), source.mask()));
            for (std::size_t i = 0; i < source.size(); ++i) {
                if (!source.present(i))
                    continue;
                const Bar a = *source.bar(i);
                const Bar b = *result.bar(i);
                QVERIFY2(close(a.open, b.open) && close(a.high, b.high) && close(a.low, b.low) && close(a.close, b.close), std::to_string(i).c_str());
                QVERIFY(std::abs(a.volume - b.volume) <= 1e-7 * (1.0 + a.volume));
            }
        }
    }

    // The noise that was added: mean 0 and deviation as asked, within five standard errors (0.001 / sqrt(n) and 0.001 / sqrt(2n)).
    void jitterAddsTheNoiseAskedFor()
    {
        const BarSeries source = plainBars(20000);
        const BarSeries result = jitter(source, {.returnNoise = 0.001, .wickNoise = 0.3, .volumeNoise = 0.5, .seed = 2});
        const std::vector<double> noise = difference(bodies(result), bodies(source));
        QVERIFY(std::abs(meanOf(noise)) < 5.0 * 0.001 / std::sqrt(20000.0));
        QVERIFY(std::abs(deviationOf(noise) - 0.001) < 5.0 * 0.001 / std::sqrt(40000.0));
        std::vector<double> volume;
        for (std::size_t i = 0; i < source.size(); ++i)
            volume.push_back(std::log(result.volume()[i] / source.volume()[i]));
        QVERIFY(std::abs(deviationOf(volume) - 0.5) < 5.0 * 0.5 / std::sqrt(40000.0));
        // A part is changed as the whole is, its level aside.
        const std::vector<double> part = bodies(jitter(source.slice(0, 300), {.returnNoise = 0.001, .wickNoise = 0.3, .volumeNoise = 0.5, .seed = 2}));
        for (std::size_t i = 0; i < 300; ++i)
            QVERIFY(std::abs(part[i] - bodies(result.slice(0, 300))[i]) < 1e-12);
    }

    // Returns keep their sign and are scaled by a factor that changes slowly.
    void magnitudesAreWarpedSmoothly()
    {
        const BarSeries source = plainBars(6000);
        const BarSeries result = magnitudeWarp(source, {.knotRows = 500, .deviation = 0.4, .seed = 3});
        const auto before = bodies(source);
        const auto after = bodies(result);
        double last = 0.0;
        double least = 10.0;
        double most = 0.0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            if (std::abs(before[i]) < 1e-5)
                continue; // rounding would speak louder
            const double factor = after[i] / before[i];
            QVERIFY(factor > 0.0);
            if (last > 0.0)
                QVERIFY(std::abs(std::log(factor / last)) < 0.05);
            last = factor;
            least = std::min(least, factor);
            most = std::max(most, factor);
        }
        QVERIFY(most / least > 1.3);
        QVERIFY(std::ranges::equal(result.volume(), source.volume()));
    }

    // Log factors at the knots are the normal draws themselves: over many seeds their deviation is the one asked for.
    void theWarpHasTheStrengthAskedFor()
    {
        const BarSeries source = plainBars(40);
        std::vector<double> factors;
        for (std::uint64_t seed = 0; seed < 2000; ++seed)
            factors.push_back(std::log(bodies(magnitudeWarp(source, {.knotRows = 10, .deviation = 0.3, .seed = seed}))[10] / bodies(source)[10]));
        QVERIFY(std::abs(meanOf(factors)) < 5.0 * 0.3 / std::sqrt(2000.0));
        QVERIFY(std::abs(deviationOf(factors) - 0.3) < 5.0 * 0.3 / std::sqrt(4000.0));
    }

    void warpedTimeKeepsEndsAndVolume()
    {
        for (const BarSeries& source : {plainBars(3000), realBars()}) {
            const BarSeries result = timeWarp(source, {.knotRows = 200, .deviation = 0.5, .seed = 4});
            QVERIFY(std::abs(totalVolume(result) / totalVolume(source) - 1.0) < 1e-6);
            QVERIFY(std::abs(result.open()[0] / source.open()[0] - 1.0) < 1e-12);
            QVERIFY(std::abs(result.close()[source.size() - 1] / source.close()[source.size() - 1] - 1.0) < 1e-12);
            // Every price was there: the range of the whole is kept, but for wicks cut in parts.
            const auto present = [](const BarSeries& s, auto values, auto better) {
                double best = values[0];
                for (std::size_t i = 0; i < s.size(); ++i)
                    if (s.present(i) && better(values[i], best))
                        best = values[i];
                return best;
            };
            QVERIFY(present(result, result.high(), std::greater()) <= present(source, source.high(), std::greater()) * (1 + 1e-12));
            QVERIFY(present(result, result.low(), std::less()) >= present(source, source.low(), std::less()) * (1 - 1e-12));
        }
    }

    // On a market whose log price is the time, open and close of a row tell the stretch it covers, and all else follows.
    void warpedTimeCoversStretchAfterStretch()
    {
        std::vector<Bar> bars;
        for (int i = 0; i < 8; ++i)
            bars.push_back({300 * i, std::exp(i), std::exp(i + 1), std::exp(i), std::exp(i + 1), 8.0});
        const BarSeries source = BarSeries::fromBars("X", 300, bars);
        const BarSeries result = timeWarp(source, {.knotRows = 3, .deviation = 0.5, .seed = 9});
        double from = 0.0;
        for (std::size_t i = 0; i < 8; ++i) {
            const double open = std::log(result.open()[i]);
            const double close = std::log(result.close()[i]);
            QVERIFY(std::abs(open - from) < 1e-12); // where the last stretch ended
            QVERIFY(close > open);
            QVERIFY(std::abs(result.volume()[i] - 8.0 * (close - open)) < 1e-9); // volume in proportion to the time
            QVERIFY(std::abs(std::log(result.high()[i]) - close) < 1e-12 && std::abs(std::log(result.low()[i]) - open) < 1e-12);
            from = close;
        }
        QVERIFY(std::abs(from - 8.0) < 1e-12);
    }

    // Blocks end with a chance of 1 / L, so their mean length is L. n / L blocks are expected among n rows, with a deviation of
    // sqrt(n p (1 - p)); two neighbouring rows of the source may also meet by chance, in 1 of n new blocks.
    void bootstrapBlocksHaveTheMeanLength()
    {
        const std::size_t rows = 120000;
        const BarSeries source = plainBars(rows);
        std::map<double, std::size_t> rowOf;
        for (std::size_t i = 0; i < rows; ++i)
            rowOf[source.volume()[i]] = i;
        QCOMPARE(rowOf.size(), rows); // volumes name their rows
        for (const double mean : {1.0, 5.0, 40.0}) {
            const BarSeries result = stationaryBootstrap(source, {.meanBlockRows = mean, .seed = 8});
            double blocks = 1.0;
            std::size_t wraps = 0;
            std::vector<double> starts;
            for (std::size_t i = 1; i < rows; ++i) {
                const std::size_t before = rowOf.at(result.volume()[i - 1]);
                const std::size_t now = rowOf.at(result.volume()[i]);
                if (now != (before + 1) % rows) {
                    ++blocks;
                    starts.push_back(static_cast<double>(now) / static_cast<double>(rows));
                }
                wraps += now == 0 && before == rows - 1 ? 1 : 0;
            }
            const double p = 1.0 / mean;
            QVERIFY(std::abs(blocks - p * static_cast<double>(rows)) <= 5.0 * std::sqrt(static_cast<double>(rows) * p * (1.0 - p)) + 10.0);
            QVERIFY(std::abs(meanOf(starts) - 0.5) < 5.0 / std::sqrt(12.0 * static_cast<double>(starts.size()))); // anywhere alike
        }
    }

    // Each candle is one of the source's, and the mean and deviation of the returns are those of the source (five standard errors).
    void bootstrapKeepsTheReturns()
    {
        const BarSeries source = plainBars(20000);
        const auto before = bodies(source);
        const auto after = bodies(stationaryBootstrap(source, {.meanBlockRows = 20.0, .seed = 3}));
        auto sorted = before;
        std::ranges::sort(sorted);
        for (const double body : after) {
            const auto found = std::ranges::lower_bound(sorted, body - 1e-12);
            QVERIFY(found != sorted.end() && std::abs(*found - body) < 2e-12);
        }
        QVERIFY(std::abs(meanOf(after) - meanOf(before)) < 5.0 * 0.002 / std::sqrt(20000.0));
        QVERIFY(std::abs(deviationOf(after) - deviationOf(before)) < 5.0 * 0.002 / std::sqrt(40000.0));
        const BarSeries gaps = stationaryBootstrap(realBars(), {.meanBlockRows = 20.0, .seed = 3});
        QVERIFY(gaps.presentCount() < gaps.size()); // missing bars are drawn along
    }

    void flippedByHand()
    {
        // Up 25 %, with a high of 150 and a low of 80: the flip falls to 1 / 1.25 = 0.8, its wicks exchanged.
        const std::vector<Bar> bars{{0, 100, 150, 80, 125, 7}, {300, 250, 250, 125, 125, 3}};
        const BarSeries flipped = signFlip(BarSeries::fromBars("X", 300, bars));
        const auto near = [](double a, double b) { return std::abs(a - b) < 1e-9; };
        QVERIFY(near(flipped.open()[0], 100) && near(flipped.close()[0], 80));
        QVERIFY(near(flipped.high()[0], 125)); // 100 * (100 / 80)
        QVERIFY(near(flipped.low()[0], 80 * (125.0 / 150.0)));
        QVERIFY(near(flipped.open()[1], 40) && near(flipped.close()[1], 80)); // the gap doubled the price, now it halves it
        QCOMPARE(flipped.volume()[0], 7.0);
    }

    void impossibleInputIsRefused()
    {
        const BarSeries good = plainBars(10);
        QVERIFY(failureOf([&] { jitter(good, {.returnNoise = -1.0}); }));
        QVERIFY(failureOf([&] { jitter(good, {.volumeNoise = std::nan("")}); }));
        QVERIFY(failureOf([&] { magnitudeWarp(good, {.knotRows = 0}); }));
        QVERIFY(failureOf([&] { timeWarp(good, {.deviation = INFINITY}); }));
        QVERIFY(failureOf([&] { stationaryBootstrap(good, {.meanBlockRows = 0.5}); }));
        const auto numeric = failureOf([&] { jitter(good, {.returnNoise = 1e4}); });
        QVERIFY(numeric && numeric->kind == ErrorKind::Numeric && numeric->says("row"));
        std::vector<Bar> bars = wanderingBars(9);
        bars[4].high = bars[4].low * 0.5;
        const BarSeries bad = BarSeries::fromBars("X", 300, bars);
        for (const auto& [name, augment] : kAll) {
            const auto failure = failureOf([&] { augment(bad, 1); });
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says("row 4"), name.c_str());
        }
    }
};

QTEST_APPLESS_MAIN(TestAugmentation)
#include "tst_augmentation.moc"
