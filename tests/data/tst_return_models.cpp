#include <cmath>
#include <functional>
#include <numeric>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/SyntheticMarket.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr ReturnModel kModels[] = {ReturnModel::Gaussian, ReturnModel::Gbm, ReturnModel::Garch, ReturnModel::JumpDiffusion,
                                   ReturnModel::RegimeSwitching};

std::vector<double> logReturns(const BarSeries& series)
{
    std::vector<double> values;
    for (std::size_t i = 0; i < series.size(); ++i)
        values.push_back(std::log(series.close()[i] / series.open()[i]));
    return values;
}

/// The mean of f over the values, for moments about what theory says, not about the sample's mean.
template <typename F>
double meanOf(const std::vector<double>& values, F&& f)
{
    double sum = 0.0;
    for (const double value : values)
        sum += f(value);
    return sum / static_cast<double>(values.size());
}

double autocorrelation(const std::vector<double>& values, std::size_t lag)
{
    const double mean = meanOf(values, [](double v) { return v; });
    double product = 0.0;
    double square = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        square += (values[i] - mean) * (values[i] - mean);
        if (i >= lag)
            product += (values[i] - mean) * (values[i - lag] - mean);
    }
    return product / square;
}

/// Whether a statistic agrees with theory within five standard errors, taken from 25 parts of the sample: for statistics whose own
/// spread no simple formula gives. `worth` is the largest error that would still make the test worth its name.
bool agrees(const std::vector<double>& values, double theory, double worth, const std::function<double(const std::vector<double>&)>& statistic)
{
    constexpr std::size_t kParts = 25;
    const std::size_t size = values.size() / kParts;
    std::vector<double> results;
    for (std::size_t p = 0; p < kParts; ++p)
        results.push_back(statistic({values.begin() + static_cast<std::ptrdiff_t>(p * size), values.begin() + static_cast<std::ptrdiff_t>((p + 1) * size)}));
    const double mean = meanOf(results, [](double v) { return v; });
    const double variance = meanOf(results, [mean](double v) { return (v - mean) * (v - mean); }) * kParts / (kParts - 1);
    const double error = 5.0 * std::sqrt(variance / kParts);
    if (!(std::abs(mean - theory) < error && error < worth))
        qWarning("found %.6g, theory %.6g, error %.6g", mean, theory, error);
    return std::abs(mean - theory) < error && error < worth;
}

} // namespace

class TestReturnModels : public QObject {
    Q_OBJECT

private slots:
    // Taken from the program before it knew other models: tests and figures elsewhere stand on these markets.
    void theFirstMarketIsStillTheSame()
    {
        QCOMPARE(makeSyntheticMarket({.bars = 5000, .seed = 11}).series.contentHash(),
                 std::string("441460c164f3543828f6763e5bff9823db959792c39285211525fe54665f8535"));
        const SyntheticMarketOptions other{.bars = 5000, .seed = 12, .volatility = 0.004, .driftPerBar = 0.0, .blockBars = 20, .lagBars = 5,
                                           .signalBars = 3, .scrambleSignal = true};
        QCOMPARE(makeSyntheticMarket(other).series.contentHash(), std::string("aa9aedb4b1a83bd1f52d4cb256daa367bdbe48041b1d4ebf0c8d9df23ec0178b"));
    }

    void everyModelRepeatsAndGoesOn()
    {
        std::vector<std::string> hashes;
        for (const ReturnModel model : kModels) {
            const SyntheticMarket market = makeSyntheticMarket({.bars = 600, .seed = 4, .model = model});
            hashes.push_back(market.series.contentHash());
            QCOMPARE(makeSyntheticMarket({.bars = 600, .seed = 4, .model = model}).series.contentHash(), hashes.back());
            QVERIFY(makeSyntheticMarket({.bars = 600, .seed = 5, .model = model}).series.contentHash() != hashes.back());
            QCOMPARE(makeSyntheticMarket({.bars = 900, .seed = 4, .model = model}).series.slice(0, 600).contentHash(), hashes.back());
            QCOMPARE(market.jumps.size(), model == ReturnModel::JumpDiffusion ? std::size_t{600} : std::size_t{0});
            QCOMPARE(market.regimes.size(), model == ReturnModel::RegimeSwitching ? std::size_t{600} : std::size_t{0});
            for (std::size_t i = 0; i < 600; ++i) {
                const Bar bar = *market.series.bar(i);
                QVERIFY(bar.low > 0.0 && bar.low <= std::min(bar.open, bar.close) && bar.high >= std::max(bar.open, bar.close));
                if (i > 0)
                    QCOMPARE(bar.open, market.series.close()[i - 1]);
            }
        }
        std::ranges::sort(hashes);
        QVERIFY(std::ranges::adjacent_find(hashes) == hashes.end());
    }

    // The planted signal adds sign * drift to the returns of any model and leaves all else alone; the volume tells it as ever.
    void aSignalIsPlantedIntoEveryModel()
    {
        const SyntheticMarket reference = makeSyntheticMarket({.bars = 2400, .seed = 7, .lagBars = 9});
        for (const ReturnModel model : kModels) {
            const SyntheticMarket plain = makeSyntheticMarket({.bars = 2400, .seed = 7, .driftPerBar = 0.0, .lagBars = 9, .model = model});
            const SyntheticMarket planted = makeSyntheticMarket({.bars = 2400, .seed = 7, .driftPerBar = 0.001, .lagBars = 9, .model = model});
            QVERIFY(planted.driftSign == reference.driftSign);
            QVERIFY(std::ranges::equal(planted.series.volume(), reference.series.volume()));
            const auto without = logReturns(plain.series);
            const auto with = logReturns(planted.series);
            for (std::size_t i = 0; i < with.size(); ++i)
                QVERIFY(std::abs(with[i] - without[i] - 0.001 * planted.driftSign[i]) < 1e-12);
        }
    }

    // Log returns are normal with mean g - s^2 / 2 and deviation s; the price is expected to grow by exp(g).
    void gbm()
    {
        const double s = 0.01;
        const double g = 0.0003;
        const double n = 200000;
        const auto r = logReturns(makeSyntheticMarket({.bars = 200000, .seed = 1, .volatility = s, .driftPerBar = 0.0, .model = ReturnModel::Gbm,
                                                       .growthPerBar = g}).series);
        const double mean = g - 0.5 * s * s;
        QVERIFY(std::abs(meanOf(r, [](double x) { return x; }) - mean) < 5.0 * s / std::sqrt(n));
        QVERIFY(std::abs(meanOf(r, [&](double x) { return (x - mean) * (x - mean); }) - s * s) < 5.0 * s * s * std::sqrt(2.0 / n));
        // The fourth moment of a normal variable is 3 s^4, its variance (105 - 9) s^8.
        QVERIFY(std::abs(meanOf(r, [&](double x) { return std::pow((x - mean) / s, 4); }) - 3.0) < 5.0 * std::sqrt(96.0 / n));
        QVERIFY(std::abs(meanOf(r, [](double x) { return std::exp(x); }) - std::exp(g)) < 5.0 * s / std::sqrt(n));
        QVERIFY(std::abs(autocorrelation(r, 1)) < 5.0 / std::sqrt(n));
    }

    // Bollerslev (1986): variance omega / (1 - a - b), here s^2; kurtosis 3 (1 - (a + b)^2) / (1 - (a + b)^2 - 2 a^2); squared returns with
    // autocorrelation a (1 - a b - b^2) / (1 - 2 a b - b^2) at lag 1, then falling by a + b a lag. For a = 0.15, b = 0.6: 3.34395,
    // 0.179348, 0.134511.
    void garch()
    {
        const double s = 0.002;
        const auto r = logReturns(makeSyntheticMarket({.bars = 500000, .seed = 2, .volatility = s, .driftPerBar = 0.0, .model = ReturnModel::Garch,
                                                       .garch = {0.15, 0.6}}).series);
        const auto square = [](double x) { return x * x; };
        QVERIFY(agrees(r, s * s, 0.02 * s * s, [&](const auto& part) { return meanOf(part, square); }));
        QVERIFY(agrees(r, 3.34395, 0.1, [&](const auto& part) {
            return meanOf(part, [](double x) { return x * x * x * x; }) / square(meanOf(part, square));
        }));
        std::vector<double> squares;
        for (const double x : r)
            squares.push_back(x * x);
        QVERIFY(agrees(squares, 0.179348, 0.02, [](const auto& part) { return autocorrelation(part, 1); }));
        QVERIFY(agrees(squares, 0.134511, 0.02, [](const auto& part) { return autocorrelation(part, 2); }));
        QVERIFY(agrees(squares, 0.134511 * 0.75, 0.02, [](const auto& part) { return autocorrelation(part, 3); }));
        QVERIFY(std::abs(autocorrelation(r, 1)) < 5.0 * std::sqrt(3.4 / 500000.0)); // returns themselves are unrelated
    }

    // Counts are Poisson; returns have mean g - s^2/2 - rate k + rate m and variance s^2 + rate (m^2 + d^2); the price is still expected to
    // grow by exp(g).
    void jumps()
    {
        const double s = 0.002, rate = 0.3, m = -0.004, d = 0.01, g = 0.0005, n = 200000;
        const SyntheticMarket market = makeSyntheticMarket({.bars = 200000, .seed = 3, .volatility = s, .driftPerBar = 0.0,
                                                            .model = ReturnModel::JumpDiffusion, .growthPerBar = g, .jump = {rate, m, d}});
        double chance = std::exp(-rate);
        double total = 0.0;
        for (std::uint32_t k = 0; k < 4; ++k) {
            const auto found = static_cast<double>(std::ranges::count(market.jumps, k)) / n;
            QVERIFY(std::abs(found - chance) < 5.0 * std::sqrt(chance * (1.0 - chance) / n));
            chance *= rate / (k + 1);
        }
        for (const std::uint32_t count : market.jumps)
            total += count;
        QVERIFY(std::abs(total / n - rate) < 5.0 * std::sqrt(rate / n));

        const auto r = logReturns(market.series);
        const double mean = g - 0.5 * s * s - rate * (std::exp(m + 0.5 * d * d) - 1.0) + rate * m;
        const double variance = s * s + rate * (m * m + d * d);
        QVERIFY(std::abs(meanOf(r, [](double x) { return x; }) - mean) < 5.0 * std::sqrt(variance / n));
        QVERIFY(agrees(r, variance, 0.05 * variance, [&](const auto& part) { return meanOf(part, [&](double x) { return (x - mean) * (x - mean); }); }));
        QVERIFY(std::abs(meanOf(r, [](double x) { return std::exp(x); }) - std::exp(g)) < 5.0 * std::sqrt(variance / n));
        // Without a jump, a bar is plain diffusion.
        double quiet = 0.0, quietCount = 0.0;
        for (std::size_t i = 0; i < r.size(); ++i)
            if (market.jumps[i] == 0) {
                const double rest = r[i] - mean + rate * m;
                quiet += rest * rest;
                ++quietCount;
            }
        QVERIFY(std::abs(quiet / quietCount - s * s) < 5.0 * s * s * std::sqrt(2.0 / quietCount));
    }

    // Two regimes with chances p = 0.02 and q = 0.05 to leave: stationary shares 5/7 and 2/7; the share found has the variance
    // (5/7)(2/7)/n (1 + c)/(1 - c), c = 1 - p - q; a stay lasts 1/p bars in the mean, with a variance of (1 - p)/p^2.
    void regimes()
    {
        const double n = 300000, p = 0.02, q = 0.05;
        const std::vector<Regime> both{{0.0001, 0.001, {1 - p, p}}, {-0.0003, 0.005, {q, 1 - q}}};
        const SyntheticMarket market = makeSyntheticMarket({.bars = 300000, .seed = 5, .driftPerBar = 0.0, .model = ReturnModel::RegimeSwitching,
                                                            .regimes = both});
        QCOMPARE(market.regimes[0], 0U);
        const double c = 1.0 - p - q;
        const auto share = static_cast<double>(std::ranges::count(market.regimes, 0U)) / n;
        QVERIFY(std::abs(share - 5.0 / 7.0) < 5.0 * std::sqrt(10.0 / 49.0 / n * (1 + c) / (1 - c)));
        double stays = 0.0;
        for (std::size_t i = 1; i < market.regimes.size(); ++i)
            stays += market.regimes[i] != 0 && market.regimes[i - 1] == 0 ? 1.0 : 0.0;
        const double length = share * n / stays;
        QVERIFY(std::abs(length - 1.0 / p) < 5.0 * std::sqrt((1 - p) / (p * p) / stays) + 1.0 / p / stays);
        const auto r = logReturns(market.series);
        for (const std::uint32_t k : {0U, 1U}) {
            std::vector<double> own;
            for (std::size_t i = 0; i < r.size(); ++i)
                if (market.regimes[i] == k)
                    own.push_back(r[i]);
            const auto size = static_cast<double>(own.size());
            const double mean = both[k].growthPerBar;
            const double s = both[k].volatility;
            QVERIFY(std::abs(meanOf(own, [](double x) { return x; }) - mean) < 5.0 * s / std::sqrt(size));
            QVERIFY(std::abs(meanOf(own, [&](double x) { return (x - mean) * (x - mean); }) - s * s) < 5.0 * s * s * std::sqrt(2.0 / size));
        }
    }

    // A doubly stochastic matrix of three regimes visits each a third of the time, and makes the transitions it names.
    void threeRegimes()
    {
        const std::vector<std::vector<double>> chances{{0.5, 0.3, 0.2}, {0.2, 0.5, 0.3}, {0.3, 0.2, 0.5}};
        SyntheticMarketOptions options{.bars = 90000, .seed = 6, .driftPerBar = 0.0, .model = ReturnModel::RegimeSwitching};
        options.regimes = {{0, 0.001, chances[0]}, {0, 0.001, chances[1]}, {0, 0.001, chances[2]}};
        const SyntheticMarket market = makeSyntheticMarket(options);
        double counts[3][3] = {};
        for (std::size_t i = 1; i < market.regimes.size(); ++i)
            ++counts[market.regimes[i - 1]][market.regimes[i]];
        for (std::size_t a = 0; a < 3; ++a) {
            const double from = counts[a][0] + counts[a][1] + counts[a][2];
            QVERIFY(std::abs(from / 90000.0 - 1.0 / 3.0) < 0.015); // five standard errors of a chain that forgets this fast
            for (std::size_t b = 0; b < 3; ++b)
                QVERIFY(std::abs(counts[a][b] / from - chances[a][b]) < 5.0 * std::sqrt(chances[a][b] * (1 - chances[a][b]) / from));
        }
    }

    void impossibleModelsAreRefused()
    {
        const auto refused = [](SyntheticMarketOptions options, std::string_view name) {
            const auto failure = failureOf([&] { makeSyntheticMarket(options); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(name);
        };
        QVERIFY(refused({.model = ReturnModel::Garch, .garch = {0.2, 0.8}}, "alpha plus beta"));
        QVERIFY(refused({.model = ReturnModel::Garch, .garch = {-0.1, 0.8}}, "alpha"));
        QVERIFY(refused({.model = ReturnModel::Garch, .garch = {0.1, std::nan("")}}, "beta"));
        QVERIFY(refused({.model = ReturnModel::JumpDiffusion, .jump = {1e9, 0, 0}}, "jump rate"));
        QVERIFY(refused({.model = ReturnModel::JumpDiffusion, .jump = {0.1, INFINITY, 0}}, "mean jump"));
        QVERIFY(refused({.model = ReturnModel::JumpDiffusion, .jump = {0.1, 0, -1}}, "deviation of jumps"));
        QVERIFY(refused({.model = ReturnModel::RegimeSwitching, .regimes = {}}, "at least one regime"));
        QVERIFY(refused({.model = ReturnModel::RegimeSwitching, .regimes = {{0, 0.1, {0.5, 0.5}}}}, "regime 1 has 2 chances"));
        QVERIFY(refused({.model = ReturnModel::RegimeSwitching, .regimes = {{0, 0.1, {0.9}}}}, "sum"));
        QVERIFY(refused({.model = ReturnModel::Gbm, .growthPerBar = std::nan("")}, "growth"));
    }
};

QTEST_APPLESS_MAIN(TestReturnModels)
#include "tst_return_models.moc"
