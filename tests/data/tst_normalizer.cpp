#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/Normalizer.h"
#include "data/features/FeatureMatrix.h"

using namespace btcai;
using namespace btcai::test;

namespace {

const std::vector<std::string> kNames{"BOP", "UPPER_WICK_SHARE"};

/// BOP and upper wick are valid from the first bar, and any value can be put in their place.
FeatureMatrix matrixOf(const std::vector<std::pair<float, float>>& rows)
{
    FeatureMatrix matrix = FeatureMatrix::compute(BarSeries::fromBars("X", 300, wanderingBars(rows.size())), kNames);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        matrix.mutableValues()[2 * i] = rows[i].first;
        matrix.mutableValues()[2 * i + 1] = rows[i].second;
    }
    return matrix;
}

} // namespace

class TestNormalizer : public QObject {
    Q_OBJECT

private slots:
    void workedByHand()
    {
        // 2 4 4 4 5 5 7 9: mean 5, population deviation 2. The second column is constant.
        FeatureMatrix matrix = matrixOf({{2, 3}, {4, 3}, {4, 3}, {4, 3}, {5, 3}, {5, 3}, {7, 3}, {9, 3}, {100, 4}, {-100, 3}});
        const Normalizer normalizer = Normalizer::fit(matrix, 0, 8, 4.0);
        QCOMPARE(normalizer.mean()[0], 5.0);
        QCOMPARE(normalizer.deviation()[0], 2.0);
        QCOMPARE(normalizer.mean()[1], 3.0);
        QCOMPARE(normalizer.deviation()[1], 1.0);
        normalizer.apply(matrix);
        QCOMPARE(matrix.row(0)[0], -1.5F);
        QCOMPARE(matrix.row(7)[0], 2.0F);
        QCOMPARE(matrix.row(8)[0], 4.0F);  // clipped
        QCOMPARE(matrix.row(9)[0], -4.0F);
        QCOMPARE(matrix.row(8)[1], 1.0F);
        QCOMPARE(matrix.row(0)[1], 0.0F);
    }

    // 0.1 summed 1,000 times is not 100, so a deviation computed blindly would be tiny instead of none.
    void aConstantColumnGetsDeviationOne()
    {
        const FeatureMatrix matrix = matrixOf(std::vector<std::pair<float, float>>(1000, {0.1F, 1e-20F}));
        const Normalizer normalizer = Normalizer::fit(matrix, 0, 1000);
        QCOMPARE(normalizer.deviation()[0], 1.0);
        QCOMPARE(normalizer.deviation()[1], 1.0);
    }

    void laterRowsDoNotChangeTheFit()
    {
        std::vector<std::pair<float, float>> rows;
        for (int i = 0; i < 40; ++i)
            rows.emplace_back(static_cast<float>(i % 7), static_cast<float>(i % 3));
        const std::string before = Normalizer::fit(matrixOf(rows), 5, 25).hash();
        std::vector<std::pair<float, float>> changed = rows;
        for (std::size_t i = 25; i < changed.size(); ++i)
            changed[i] = {1e6F, -1e6F};
        changed[4] = {77.0F, 77.0F};
        QCOMPARE(Normalizer::fit(matrixOf(changed), 5, 25).hash(), before);
        changed[24].first += 0.5F;
        QVERIFY(Normalizer::fit(matrixOf(changed), 5, 25).hash() != before);
    }

    void jsonRoundTripIsExact()
    {
        const Normalizer normalizer = Normalizer::fit(matrixOf({{0.1F, 1}, {0.7F, 2}, {1.0F / 3.0F, 5}}), 0, 3, 3.7);
        const Normalizer copy = Normalizer::fromJson(parseJson(normalizer.toJson().dump(), "test"));
        QCOMPARE(copy.hash(), normalizer.hash());
        QCOMPARE(copy.names(), normalizer.names());
        for (std::size_t j = 0; j < 2; ++j) {
            QVERIFY(copy.mean()[j] == normalizer.mean()[j]);
            QVERIFY(copy.deviation()[j] == normalizer.deviation()[j]);
        }
    }

    void tamperingIsRefused()
    {
        const Json good = Normalizer::fit(matrixOf({{1, 1}, {2, 2}, {4, 5}}), 0, 3).toJson();
        QVERIFY(!failureOf([&] { Normalizer::fromJson(good); }));
        std::vector<Json> bad(9, good);
        bad[0]["mean"][0] = 0.25;
        bad[1]["deviation"][1] = 9.0;
        bad[2]["names"][0] = "RSI_14";
        bad[3]["clip"] = 100.0;
        bad[4]["hash"] = std::string(64, '0');
        bad[5]["format"] = "something else";
        bad[6].erase("mean");
        bad[7]["deviation"] = "text";
        bad[8]["mean"].push_back(1.0);
        bad.push_back(Json::array());
        bad.push_back(Json(7));
        for (const Json& json : bad) {
            const auto failure = failureOf([&] { Normalizer::fromJson(json); });
            QVERIFY2(failure && failure->kind == ErrorKind::Corrupt, json.dump().c_str());
        }
    }

    void refusesOtherFeaturesEmptyRangesAndNaN()
    {
        FeatureMatrix matrix = matrixOf({{1, 1}, {2, 2}, {4, 5}});
        const Normalizer normalizer = Normalizer::fit(matrix, 0, 3);
        const std::vector<std::string> swapped{kNames[1], kNames[0]};
        FeatureMatrix other = FeatureMatrix::compute(BarSeries::fromBars("X", 300, wanderingBars(3)), swapped);
        const auto failure = failureOf([&] { normalizer.apply(other); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        QVERIFY(failureOf([&] { Normalizer::fit(matrix, 1, 1); }));
        QVERIFY(failureOf([&] { Normalizer::fit(matrix, 0, 4); }));
        QVERIFY(failureOf([&] { Normalizer::fit(matrix, 0, 3, 0.0); }));
        matrix.mutableValues()[2] = std::nanf("");
        const auto numeric = failureOf([&] { Normalizer::fit(matrix, 0, 3); });
        QVERIFY(numeric && numeric->kind == ErrorKind::Numeric && numeric->says("BOP"));
    }

    void rowsBeforeTheWarmUpStayZero()
    {
        const std::vector<std::string> names{"SMA_20"};
        FeatureMatrix matrix = FeatureMatrix::compute(BarSeries::fromBars("X", 300, wanderingBars(60)), names);
        QCOMPARE(matrix.warmUp(), std::size_t{19});
        Normalizer::fit(matrix, 19, 60).apply(matrix);
        for (std::size_t i = 0; i < 19; ++i)
            QCOMPARE(matrix.row(i)[0], 0.0F);
        QVERIFY(matrix.row(19)[0] != 0.0F);
    }
};

QTEST_APPLESS_MAIN(TestNormalizer)
#include "tst_normalizer.moc"
