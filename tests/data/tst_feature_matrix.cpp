#include <bit>
#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/features/FeatureKernel.h"
#include "data/features/FeatureMatrix.h"
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

/// Bars with holes: single ones, long ones, one across row 1024 (where the batch changes blocks).
BarSeries seriesWithGaps()
{
    const std::vector<Bar> all = wanderingBars(2500);
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (i % 37 != 5 && (i <= 600 || i >= 650) && (i <= 1000 || i >= 1040))
            bars.push_back(all[i]);
    return BarSeries::fromBars("X", 300, bars);
}

} // namespace

class TestFeatureMatrix : public QObject {
    Q_OBJECT

private slots:
    // Live trading pushes bar by bar; the batch must give those very bits, on gaps the last value known.
    void batchEqualsStreaming()
    {
        const BarSeries series = seriesWithGaps();
        QVERIFY(series.presentCount() < series.size());
        const std::vector<std::string> names = allNames();
        const FeatureMatrix matrix = FeatureMatrix::compute(series, names);
        QCOMPARE(matrix.rows(), series.size());
        QCOMPARE(matrix.names(), names);
        for (std::size_t j = 0; j < names.size(); ++j) {
            const auto kernel = findFeature(names[j]).make(300);
            float last = 0.0F;
            for (std::size_t i = 0; i < series.size(); ++i) {
                if (const auto bar = series.bar(i))
                    last = static_cast<float>(kernel->push(*bar));
                const float expected = i < matrix.warmUp() ? 0.0F : last;
                QVERIFY2(std::bit_cast<std::uint32_t>(matrix.row(i)[j]) == std::bit_cast<std::uint32_t>(expected),
                         fmt::format("{} at row {}", names[j], i).c_str());
            }
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
        const auto failure = failureOf([&] { FeatureMatrix::compute(BarSeries::fromBars("X", 300, bars), std::vector<std::string>{"SMA_20"}); });
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
