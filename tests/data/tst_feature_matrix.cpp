#include <bit>
#include <cmath>
#include <cstring>
#include <functional>

#include <QtTest>
#include <rapidcheck.h>

#include "DataTestSupport.h"
#include "base/Rng.h"
#include "data/features/FeatureKernel.h"
#include "data/features/FeatureMatrix.h"
#include "data/features/FeatureStream.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

std::vector<std::string> allNames()
{
    std::vector<std::string> names;
    for (const FeatureInfo& info : featureCatalog())
        names.push_back(info.name);
    return names;
}

/// The features that are valid after at most so many present bars of 5 minutes.
std::vector<std::string> namesUpTo(int warmUpBars)
{
    std::vector<std::string> names;
    for (const FeatureInfo& info : featureCatalog())
        if (info.warmUpBars(300) <= warmUpBars)
            names.push_back(info.name);
    return names;
}

/// Bars of which some are missing, by a rule: single ones, runs, all of a stretch.
BarSeries seriesWithGaps(const std::function<bool(std::size_t)>& missing, std::size_t count = 2500)
{
    const std::vector<Bar> all = wanderingBars(count);
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!missing(i))
            bars.push_back(all[i]);
    return BarSeries::fromBars("X", 300, bars);
}

/// Settlements every 8 hours, two of them inside bars, one before the first bar.
FundingSeries fundingOf(const BarSeries& series)
{
    std::vector<FundingRate> rates{{series.startTime() - 1, 0.0005}};
    for (std::int64_t time = series.startTime() + 900; time < series.timestamp(series.size()); time += 28'800)
        rates.push_back({time + (rates.size() % 9 == 4 ? 17 : 0), 0.0001 * static_cast<double>(rates.size() % 7) - 0.0003});
    return {"X", rates};
}

/// The first cell of the matrix that is not what pushing bar by bar gives, to the bit; on gaps the last value known.
std::string firstDifferenceFromStreaming(const BarSeries& series, const FundingSeries& funding, const FeatureMatrix& matrix)
{
    FeatureStream stream(series.intervalSeconds(), matrix.names());
    std::vector<double> values(matrix.columns());
    std::vector<float> last(matrix.columns(), 0.0F);
    std::size_t settled = 0;
    for (std::size_t i = 0; i < series.size(); ++i) {
        if (const auto bar = series.bar(i)) {
            for (; settled < funding.size() && funding.rates()[settled].timestamp <= bar->timestamp + 300; ++settled)
                stream.settle(funding.rates()[settled]);
            stream.push(*bar, values);
            std::ranges::transform(values, last.begin(), [](double v) { return static_cast<float>(v); });
        }
        for (std::size_t j = 0; j < last.size(); ++j) {
            const float expected = i < matrix.warmUp() ? 0.0F : last[j];
            if (std::bit_cast<std::uint32_t>(matrix.row(i)[j]) != std::bit_cast<std::uint32_t>(expected))
                return fmt::format("{} at row {}: {} instead of {}", matrix.names()[j], i, matrix.row(i)[j], expected);
        }
    }
    return {};
}

} // namespace

class TestFeatureMatrix : public QObject {
    Q_OBJECT

private slots:
    // Live trading pushes bar by bar; the batch must give those very bits. Two parts: the daily features leave but few rows of a
    // short history, so they come alone on a long one.
    void batchEqualsStreaming()
    {
        // A hole lies across row 1024, where the batch changes blocks.
        const auto holes = [](std::size_t i) { return i % 37 == 5 || (i > 600 && i < 650) || (i > 1000 && i < 1040); };
        const std::vector<std::string> quick = namesUpTo(1000);
        const BarSeries series = seriesWithGaps(holes);
        QVERIFY(quick.size() > 150 && series.presentCount() < series.size());
        const FundingSeries funding = fundingOf(series);
        const FeatureMatrix matrix = FeatureMatrix::compute(series, quick, {.funding = &funding});
        QCOMPARE(matrix.rows(), series.size());
        QCOMPARE(matrix.names(), quick);
        QCOMPARE(firstDifferenceFromStreaming(series, funding, matrix), std::string());

        const BarSeries longer = seriesWithGaps(holes, 7000);
        const FeatureMatrix all = FeatureMatrix::compute(longer, allNames(), {.funding = &funding});
        QVERIFY(all.warmUp() + 500 < all.rows());
        QCOMPARE(firstDifferenceFromStreaming(longer, funding, all), std::string());
    }

    void batchEqualsStreamingWhateverIsMissing()
    {
        const std::vector<std::string> names = namesUpTo(400);
        QVERIFY(rc::check("a matrix over any mask equals its stream", [&] {
            const auto share = *rc::gen::inRange(0, 100);          // percent of bars missing
            const auto run = *rc::gen::inRange<std::size_t>(1, 80); // gaps begin and end on multiples of it
            const auto count = *rc::gen::inRange<std::size_t>(1, 1800);
            const auto seed = *rc::gen::arbitrary<std::uint64_t>();
            const BarSeries series = seriesWithGaps(
                [&](std::size_t i) { return i > 0 && Rng(seed, "mask", i / run).below(100) < static_cast<std::uint64_t>(share); }, count);
            const FundingSeries funding = fundingOf(series);
            const FeatureMatrix matrix = FeatureMatrix::compute(series, names, {.funding = &funding});
            const std::string difference = firstDifferenceFromStreaming(series, funding, matrix);
            RC_LOG(difference);
            RC_ASSERT(difference.empty());
        }));
    }

    // A kernel's own batch entry, in pieces of any length, against its push, in double.
    void runEqualsPush()
    {
        const std::vector<Bar> bars = wanderingBars(6500);
        const BarTable table(bars);
        for (const FeatureInfo& info : featureCatalog()) {
            const auto pushed = info.make(300), run = info.make(300);
            std::vector<double> values(bars.size());
            std::size_t done = 0;
            for (std::size_t length = 0; done < bars.size(); length = (length * 5 + 3) % 701) {
                const std::size_t count = std::min(length, bars.size() - done);
                run->run(table.block().subspan(done, count), std::span(values).subspan(done, count));
                done += count;
            }
            for (std::size_t i = 0; i < bars.size(); ++i)
                QVERIFY2(std::bit_cast<std::uint64_t>(pushed->push(bars[i])) == std::bit_cast<std::uint64_t>(values[i]), info.name.c_str());
        }
    }

    // MAMA and FAMA are two lines of one core, and the bands five: worked out once, whoever asks first and however far ahead.
    void linesOfOneCoreAreThoseOfSeparateKernels()
    {
        const std::vector<std::string> names{"FAMA_0.5_0.05",     "BBANDS_LOWER_20_2", "MAMA_0.5_0.05",
                                             "BBANDS_WIDTH_20_2", "SMA_20",            "BBANDS_UPPER_20_2"};
        const std::vector<Bar> bars = wanderingBars(3000);
        const BarTable table(bars);
        FeatureStream stream(300, names);
        std::vector<std::size_t> done(names.size(), 0);
        std::vector<std::vector<double>> values(names.size(), std::vector<double>(bars.size()));
        for (std::size_t step = 0; std::ranges::min(done) < bars.size(); ++step) {
            const std::size_t column = step * 5 % names.size();
            const std::size_t count = std::min(bars.size() - done[column], (step * 37 + column * 101) % 611);
            stream.runColumn(column, table.block().subspan(done[column], count), {}, std::span(values[column]).subspan(done[column], count));
            done[column] += count;
        }
        for (std::size_t j = 0; j < names.size(); ++j) {
            const auto alone = findFeature(names[j]).make(300);
            for (std::size_t i = 0; i < bars.size(); ++i)
                QVERIFY2(std::bit_cast<std::uint64_t>(alone->push(bars[i])) == std::bit_cast<std::uint64_t>(values[j][i]), names[j].c_str());
        }
    }

    void threadsChangeNothing()
    {
        const BarSeries series = seriesWithGaps([](std::size_t i) { return i % 50 == 9; });
        const std::vector<std::string> names = namesUpTo(300);
        const FundingSeries funding = fundingOf(series);
        const FeatureMatrix one = FeatureMatrix::compute(series, names, {.funding = &funding});
        for (const std::size_t threads : {2u, 3u, 1000u}) {
            const FeatureMatrix several = FeatureMatrix::compute(series, names, {.funding = &funding, .threads = threads});
            QVERIFY(std::memcmp(one.values().data(), several.values().data(), one.values().size_bytes()) == 0);
        }
    }

    // The warm-up counts present bars: with 5 of the first 30 rows missing, the 20th bar is at row 24.
    void warmUpCountsPresentBars()
    {
        std::vector<Bar> bars = wanderingBars(60);
        bars.erase(bars.begin() + 10, bars.begin() + 15);
        const BarSeries series = BarSeries::fromBars("X", 300, bars);
        const std::vector<std::string> names{"SMA_20"};
        const FeatureMatrix matrix = FeatureMatrix::compute(series, names);
        QCOMPARE(matrix.warmUp(), std::size_t{24});
        QCOMPARE(matrix.row(23)[0], 0.0F);
        QVERIFY(matrix.row(24)[0] > 900.0F);
    }

    void tooFewBarsLeaveNoUsableRow()
    {
        const std::vector<std::string> names{"SMA_20"};
        const FeatureMatrix matrix = FeatureMatrix::compute(BarSeries::fromBars("X", 300, wanderingBars(19)), names);
        QCOMPARE(matrix.warmUp(), matrix.rows());
        QVERIFY(std::ranges::all_of(matrix.values(), [](float v) { return v == 0.0F; }));
        QCOMPARE(FeatureMatrix::compute(BarSeries("X", 300), names).rows(), std::size_t{0});
    }

    void badNamesAreRefused()
    {
        const BarSeries series = BarSeries::fromBars("X", 300, wanderingBars(30));
        auto failure = failureOf([&] { FeatureMatrix::compute(series, std::vector<std::string>{"BOP", "SMA_20", "BOP"}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("BOP") && failure->says("twice"));
        failure = failureOf([&] { FeatureMatrix::compute(series, std::vector<std::string>{"SMA_21"}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("SMA_20"));
    }

    // A price that no number of ours can hold must not become an infinity in the network's input.
    void anOverflowIsAnError()
    {
        std::vector<Bar> bars = wanderingBars(60);
        for (double Bar::*field : {&Bar::open, &Bar::high, &Bar::low, &Bar::close})
            bars[40].*field = 1e300;
        const std::vector<std::string> names{"BOP", "SMA_20"};
        const auto failure = failureOf([&] { FeatureMatrix::compute(BarSeries::fromBars("X", 300, bars), names, {.threads = 2}); });
        QVERIFY(failure && failure->kind == ErrorKind::Numeric && failure->says("SMA_20") && failure->says(std::to_string(bars[40].timestamp)));
    }

    void defaultFeaturesWorkOnTheBundledData()
    {
        const BarSeries series = loadSeries(bundledData());
        const FeatureMatrix matrix = FeatureMatrix::compute(series, defaultFeatureNames());
        QCOMPARE(matrix.rows(), std::size_t{210240});
        QCOMPARE(matrix.columns(), defaultFeatureNames().size());
        // The longest default warm-up, LOGRET_288 and RVOL_288, needs 289 present bars.
        std::size_t present = 0, row = 0;
        while (present < 289)
            present += series.present(row++) ? 1 : 0;
        QCOMPARE(matrix.warmUp(), row - 1);
        QVERIFY(std::ranges::all_of(matrix.values(), [](float v) { return std::isfinite(v); }));
    }
};

QTEST_APPLESS_MAIN(TestFeatureMatrix)
#include "tst_feature_matrix.moc"
