#include <algorithm>
#include <cmath>
#include <cstring>

#include <QtTest>

#include "DataTestSupport.h"
#include "base/Rng.h"
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

std::vector<std::pair<float, float>> drawnRows(std::size_t count, std::uint64_t seed)
{
    Rng rng(seed, "test");
    std::vector<std::pair<float, float>> rows;
    for (std::size_t i = 0; i < count; ++i)
        rows.emplace_back(static_cast<float>(std::exp(2.0 * rng.normal())), rng.below(4) == 0 ? 1.0F : 0.0F); // skewed; a rare flag
    return rows;
}

std::vector<float> scoresOf(const Normalizer& normalizer, FeatureMatrix matrix, std::size_t column)
{
    normalizer.apply(matrix);
    std::vector<float> scores;
    for (std::size_t i = 0; i < matrix.rows(); ++i)
        scores.push_back(matrix.row(i)[column]);
    return scores;
}

constexpr NormalizerKind kAllKinds[] = {NormalizerKind::ZScore, NormalizerKind::Robust, NormalizerKind::QuantileUniform,
                                        NormalizerKind::QuantileNormal};

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

    // As the program wrote it before there were other kinds: it must load, with the same hash, and be written alike.
    void aZScoreOfTheFirstVersionStays()
    {
        const std::string text = R"({"format":"btcai-normalizer","version":1,"clip":4.0,"names":["BOP","UPPER_WICK_SHARE"],"mean":[5.0,3.0],)"
                                 R"("deviation":[2.0,1.0],"hash":"19b2f19c9aee23793760c2edde0dbc42f22bb7f85a53323404dd8a2548e7e18d"})";
        const Normalizer old = Normalizer::fromJson(parseJson(text, "test"));
        QVERIFY(old.kind() == NormalizerKind::ZScore);
        QCOMPARE(old.toJson().dump(), text);
        const Normalizer now = Normalizer::fit(matrixOf({{2, 3}, {4, 3}, {4, 3}, {4, 3}, {5, 3}, {5, 3}, {7, 3}, {9, 3}}), 0, 8, 4.0);
        QCOMPARE(now.toJson().dump(), text);
    }

    void robustByHand()
    {
        // 1 2 3 4 1000: median 3, quartiles 2 and 4, so 2 / 1.34898 = 1.48260 takes the place of the deviation.
        // 0 0 0 0 1: the quartiles are equal; the population deviation is 0.4.
        const FeatureMatrix matrix = matrixOf({{1, 0}, {2, 0}, {3, 0}, {4, 0}, {1000, 1}});
        const Normalizer normalizer = Normalizer::fit(matrix, 0, 5, NormalizerOptions{NormalizerKind::Robust, 5.0});
        QCOMPARE(normalizer.mean()[0], 3.0);
        QVERIFY(std::abs(normalizer.deviation()[0] - 1.482602218505602) < 1e-12);
        QCOMPARE(normalizer.mean()[1], 0.0);
        QVERIFY(std::abs(normalizer.deviation()[1] - 0.4) < 1e-12);
        const auto scores = scoresOf(normalizer, matrix, 0);
        QVERIFY(std::abs(scores[0] + 1.3489795F) < 1e-6F);
        QCOMPARE(scores[4], 5.0F); // clipped
    }

    void quantilesByHand()
    {
        // 129 different values are their own quantiles: row k has the score 2 k / 128 - 1.
        std::vector<std::pair<float, float>> rows;
        for (int k = 0; k < 129; ++k)
            rows.emplace_back(static_cast<float>(k * k), k < 64 ? 0.0F : 1.0F);
        const FeatureMatrix matrix = matrixOf(rows);
        const Normalizer uniform = Normalizer::fit(matrix, 0, 129, NormalizerOptions{NormalizerKind::QuantileUniform, 5.0});
        const auto scores = scoresOf(uniform, matrix, 0);
        for (std::size_t k = 0; k < 129; ++k)
            QVERIFY(std::abs(scores[k] - (static_cast<float>(k) / 64.0F - 1.0F)) < 1e-6F);
        const std::vector<float> in{-5, 0, 20000, 0, 20.5F, 0, 9, 1};
        std::vector<float> out(in.size());
        uniform.applyRow(in, out);
        QCOMPARE(out[0], -1.0F); // beyond the ends
        QCOMPARE(out[2], 1.0F);
        QVERIFY(std::abs(out[4] - (4.5F / 64.0F - 1.0F)) < 1e-6F); // halfway from 16 to 25
        QCOMPARE(out[6], 3.0F / 64.0F - 1.0F);
        // The flag is 0 in knots 0 to 63 (middle 31.5) and 1 in knots 64 to 128 (middle 96).
        QCOMPARE(out[1], 31.5F / 64.0F - 1.0F);
        QCOMPARE(out[7], 0.5F);
    }

    // Scores of what was fitted are spread as they should be: limits of five standard errors and the width of a knot.
    void quantileScoresAreSpreadAsPromised()
    {
        const std::size_t count = 20000;
        const FeatureMatrix matrix = matrixOf(drawnRows(count, 3));
        const auto uniform = scoresOf(Normalizer::fit(matrix, 0, count, NormalizerOptions{NormalizerKind::QuantileUniform, 5.0}), matrix, 0);
        const auto normal = scoresOf(Normalizer::fit(matrix, 0, count, NormalizerOptions{NormalizerKind::QuantileNormal, 5.0}), matrix, 0);
        for (int k = 1; k < 20; ++k) {
            const double share = k / 20.0;
            const auto below = [](const std::vector<float>& scores, double limit) {
                return static_cast<double>(std::ranges::count_if(scores, [limit](float s) { return static_cast<double>(s) < limit; }))
                       / static_cast<double>(scores.size());
            };
            QVERIFY(std::abs(below(uniform, 2.0 * share - 1.0) - share) < 0.01);
            const double limit = 0.4 * (k - 10);
            QVERIFY(std::abs(below(normal, limit) - 0.5 * std::erfc(-limit / std::sqrt(2.0))) < 0.01);
        }
    }

    // Middle of the ranks: three quarters of the rows are 0, so 0 stands at a share of 3/8, 1 at 7/8.
    void aFlagGetsTheMiddleOfItsRanks()
    {
        const std::size_t count = 40000;
        const FeatureMatrix matrix = matrixOf(drawnRows(count, 4));
        const Normalizer normalizer = Normalizer::fit(matrix, 0, count, NormalizerOptions{NormalizerKind::QuantileNormal, 5.0});
        const std::vector<float> in{1, 0, 1, 1};
        std::vector<float> out(4);
        normalizer.applyRow(in, out);
        QVERIFY(std::abs(out[1] + 0.3186) < 0.03); // the normal score of 0.375
        QVERIFY(std::abs(out[3] - 1.1503) < 0.05); // and of 0.875
    }

    void everyKindKeepsTheOrderAndTheLimits()
    {
        const std::size_t count = 3000;
        const FeatureMatrix matrix = matrixOf(drawnRows(count, 5));
        for (const NormalizerKind kind : kAllKinds) {
            const Normalizer normalizer = Normalizer::fit(matrix, 100, 2000, NormalizerOptions{kind, 2.5});
            const auto scores = scoresOf(normalizer, matrix, 0);
            std::vector<std::pair<float, float>> pairs;
            for (std::size_t i = 0; i < count; ++i)
                pairs.emplace_back(matrix.row(i)[0], scores[i]);
            std::ranges::sort(pairs);
            for (std::size_t i = 1; i < count; ++i)
                QVERIFY(pairs[i].second >= pairs[i - 1].second);
            QVERIFY(pairs.front().second >= -2.5F && pairs.back().second <= 2.5F);
        }
    }

    void everyKindIsFrozenHashedAndRoundTrips()
    {
        const auto rows = drawnRows(500, 6);
        auto changed = rows;
        for (std::size_t i = 400; i < 500; ++i)
            changed[i] = {1e6F, 3.0F};
        std::vector<std::string> hashes;
        for (const NormalizerKind kind : kAllKinds) {
            const NormalizerOptions options{kind, 5.0};
            const Normalizer normalizer = Normalizer::fit(matrixOf(rows), 10, 400, options);
            QCOMPARE(Normalizer::fit(matrixOf(changed), 10, 400, options).hash(), normalizer.hash());
            hashes.push_back(normalizer.hash());
            const Normalizer copy = Normalizer::fromJson(parseJson(normalizer.toJson().dump(), "test"));
            QCOMPARE(copy.hash(), normalizer.hash());
            QVERIFY(copy.kind() == kind);
            QVERIFY(scoresOf(copy, matrixOf(changed), 0) == scoresOf(normalizer, matrixOf(changed), 0));
            QVERIFY(scoresOf(copy, matrixOf(changed), 1) == scoresOf(normalizer, matrixOf(changed), 1));
            QVERIFY(normalizerKindFrom(normalizerKindName(kind)) == kind);
        }
        std::ranges::sort(hashes);
        QVERIFY(std::ranges::adjacent_find(hashes) == hashes.end());
        const auto failure = failureOf([] { normalizerKindFrom("minmax"); });
        QVERIFY(failure && failure->says("minmax") && failure->says("quantile-normal"));
    }

    void aConstantColumnIsOnlyShifted()
    {
        const FeatureMatrix matrix = matrixOf(std::vector<std::pair<float, float>>(300, {0.1F, 7.0F}));
        for (const NormalizerKind kind : kAllKinds) {
            const Normalizer normalizer = Normalizer::fit(matrix, 0, 300, NormalizerOptions{kind, 5.0});
            const std::vector<float> in{0.1F, 7.0F, 0.1F, 8.5F, 0.1F, -100.0F};
            std::vector<float> out(6);
            normalizer.applyRow(in, out);
            QVERIFY(std::abs(out[0]) < 1e-6F);
            QCOMPARE(out[1], 0.0F);
            QCOMPARE(out[3], 1.5F);
            QCOMPARE(out[5], -5.0F);
        }
    }

    // Gathered rows are normalised to the bits of the matrix that is normalised as a whole.
    void rowsAndMatrixGiveTheSameBits()
    {
        const std::size_t count = 700;
        for (const NormalizerKind kind : kAllKinds) {
            const FeatureMatrix raw = matrixOf(drawnRows(count, 7));
            FeatureMatrix whole = raw;
            const Normalizer normalizer = Normalizer::fit(raw, 0, 300, NormalizerOptions{kind, 5.0});
            normalizer.apply(whole);
            std::vector<float> rows(count * 2);
            normalizer.applyRow(raw.values(), rows);
            QVERIFY(std::memcmp(rows.data(), whole.values().data(), rows.size() * sizeof(float)) == 0);
            std::vector<float> one(2);
            normalizer.applyRow(raw.row(13), one);
            QVERIFY(std::memcmp(one.data(), whole.row(13).data(), 2 * sizeof(float)) == 0);
            QVERIFY(failureOf([&] { normalizer.applyRow(raw.row(13), std::span(one).first(1)); }));
            QVERIFY(failureOf([&] { normalizer.applyRow(raw.row(13).first(1), std::span(one).first(1)); }));
        }
    }

    // As a cross-validation does: two ranges give what one matrix of just these rows gives.
    void severalRangesAreFittedAsOne()
    {
        const auto rows = drawnRows(100, 8);
        auto cut = std::vector(rows.begin() + 10, rows.begin() + 30);
        cut.insert(cut.end(), rows.begin() + 60, rows.begin() + 95);
        const std::vector<RowRange> ranges{{10, 30}, {60, 95}};
        for (const NormalizerKind kind : kAllKinds) {
            const NormalizerOptions options{kind, 5.0};
            QCOMPARE(Normalizer::fit(matrixOf(rows), ranges, options).hash(), Normalizer::fit(matrixOf(cut), 0, 55, options).hash());
        }
        QVERIFY(failureOf([&] { Normalizer::fit(matrixOf(rows), std::span<const RowRange>(), NormalizerOptions()); }));
    }

    void tamperingWithQuantilesIsRefused()
    {
        const Json good = Normalizer::fit(matrixOf(drawnRows(300, 9)), 0, 300, NormalizerOptions{NormalizerKind::QuantileUniform, 5.0}).toJson();
        QVERIFY(!failureOf([&] { Normalizer::fromJson(good); }));
        std::vector<Json> bad(6, good);
        bad[0]["quantiles"][5] = -1e9;
        bad[1]["kind"] = "quantile-normal";
        bad[2]["kind"] = "min-max";
        bad[3].erase("kind");
        bad[4]["version"] = 3;
        bad[5]["quantiles"].erase(0);
        for (const Json& json : bad) {
            const auto failure = failureOf([&] { Normalizer::fromJson(json); });
            QVERIFY2(failure && failure->kind == ErrorKind::Corrupt, json.dump().substr(0, 200).c_str());
        }
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
