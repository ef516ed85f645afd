#include <bit>
#include <cmath>

#include <QtTest>

#include "data/features/Rolling.h"

using namespace btcai;

namespace {

std::vector<double> noise(std::size_t count)
{
    std::vector<double> values;
    std::uint32_t state = 12345;
    for (std::size_t i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        values.push_back(static_cast<double>(state >> 8) / 16777216.0);
    }
    return values;
}

/// Every rolling building block over windows of this size against a plain pass over each window.
template <std::size_t window>
void foldsOf()
{
    const std::vector<double> values = noise(200);
    RollingSum<window> sum;
    RollingMax<window> greatest;
    RollingMin<window> smallest;
    RollingMoments<window> moments;
    RollingPairMoments<window> pairs;
    RollingRamp<window> ramp;
    RollingSums<2, window> sums;
    const auto other = [&](std::size_t k) { return values[(k * 7) % values.size()]; };
    for (std::size_t i = 0; i < values.size(); ++i) {
        sum.push(values[i]);
        greatest.push(values[i]);
        smallest.push(values[i]);
        moments.push(values[i]);
        pairs.push({values[i], other(i)});
        ramp.push(values[i]);
        sums.push({values[i], other(i)});
        QCOMPARE(sum.full(), i + 1 >= window);
        if (!sum.full())
            continue;
        double total = 0, otherTotal = 0, weighted = 0, squares = 0, products = 0, high = -1, low = 2;
        for (std::size_t k = i + 1 - window; k <= i; ++k) {
            total += values[k];
            otherTotal += other(k);
            weighted += static_cast<double>(k + window - i) * values[k];
            high = std::max(high, values[k]);
            low = std::min(low, values[k]);
        }
        const double mean = total / static_cast<double>(window);
        const double otherMean = otherTotal / static_cast<double>(window);
        for (std::size_t k = i + 1 - window; k <= i; ++k) {
            squares += (values[k] - mean) * (values[k] - mean);
            products += (values[k] - mean) * (other(k) - otherMean);
        }
        QVERIFY(std::abs(sum.value() - total) < 1e-12);
        QVERIFY(std::abs(sums.value(1) - otherTotal) < 1e-12);
        QVERIFY(std::abs(ramp.value().weighted - weighted) < 1e-10);
        QCOMPARE(greatest.value(), high);
        QCOMPARE(smallest.value(), low);
        QVERIFY(std::abs(moments.value().mean - mean) < 1e-12);
        QVERIFY(std::abs(moments.value().squares - squares) < 1e-11);
        QVERIFY(std::abs(pairs.value().squaresX - squares) < 1e-11);
        QVERIFY(std::abs(pairs.value().products - products) < 1e-11);
    }
}

/// Pieces of 1, 2, ... values, then as many as a window and a half, two and a half, ...: they begin and end at every place of a block.
template <typename Run>
void inPieces(std::size_t count, std::size_t window, Run run)
{
    for (std::size_t done = 0, length = 0; done < count; done += length) {
        length = std::min(count - done, length < window + 2 ? length + 1 : length + window + window / 2);
        run(done, length);
    }
}

/// What run() gives over pieces of any length against push(), to the bit.
template <std::size_t window>
void runsOf()
{
    const std::vector<double> values = noise(20 * window + 300);
    const auto other = [&](std::size_t k) { return values[(k * 7) % values.size()]; };
    RollingSum<window> sum, pushedSum;
    RollingMoments<window> moments, pushedMoments;
    RollingPairMoments<window> pairs, pushedPairs;
    RollingRamp<window> ramp, pushedRamp;
    RollingRamp<window, false> bareRamp;
    std::size_t given = 0;
    inPieces(values.size(), window, [&](std::size_t done, std::size_t length) {
        const auto read = [&](std::size_t i) { return values[done + i]; };
        const std::size_t early = sum.early(length);
        std::vector<double> weighted;
        ramp.run(length, read, [&](std::size_t, const Ramp& now) { weighted.push_back(now.weighted); });
        bareRamp.run(length, read, [&](std::size_t i, const Ramp& now) { QCOMPARE(now.weighted, weighted[i]); });
        sum.run(length, read, [&](std::size_t i, double now) {
            pushedSum.push(read(i));
            pushedRamp.push(read(i));
            QCOMPARE(std::bit_cast<std::uint64_t>(now), std::bit_cast<std::uint64_t>(pushedSum.value()));
            QCOMPARE(std::bit_cast<std::uint64_t>(weighted[i]), std::bit_cast<std::uint64_t>(pushedRamp.value().weighted));
            QCOMPARE(i >= early, pushedSum.full());
            ++given;
        });
        moments.run(length, read, [&](std::size_t i, const Moments& now) {
            pushedMoments.push(read(i));
            QCOMPARE(std::bit_cast<std::uint64_t>(now.squares), std::bit_cast<std::uint64_t>(pushedMoments.value().squares));
            QCOMPARE(std::bit_cast<std::uint64_t>(now.mean), std::bit_cast<std::uint64_t>(pushedMoments.value().mean));
        });
        pairs.run(length, [&](std::size_t i) { return Pair{read(i), other(done + i)}; }, [&](std::size_t i, const PairMoments& now) {
            pushedPairs.push({read(i), other(done + i)});
            QCOMPARE(std::bit_cast<std::uint64_t>(now.products), std::bit_cast<std::uint64_t>(pushedPairs.value().products));
        });
    });
    QCOMPARE(given, values.size());
    QCOMPARE(sum.value(), pushedSum.value());
}

} // namespace

class TestRolling : public QObject {
    Q_OBJECT

private slots:
    void foldsEqualAPassOverTheWindow()
    {
        foldsOf<1>();
        foldsOf<2>();
        foldsOf<3>();
        foldsOf<7>();
        foldsOf<20>();
        foldsOf<64>();
    }

    void runsInPiecesEqualPushes()
    {
        runsOf<1>();
        runsOf<2>();
        runsOf<3>();
        runsOf<20>();
        runsOf<48>();
    }

    // A running sum that subtracts would keep 64 for ever after.
    void aHugeValueLeavesNoTrace()
    {
        RollingSum<5> sum;
        for (const double value : {1.0, 1e18, 3.0, -1e300})
            sum.push(value);
        for (int i = 0; i < 5; ++i)
            sum.push(0.1);
        QVERIFY(std::abs(sum.value() - 0.5) < 1e-15);
        for (int i = 0; i < 5; ++i)
            sum.push(0.0);
        QCOMPARE(sum.value(), 0.0);
    }

    // Deviations of 1 around 1e9: the sum of squares less the square of the sum would be off by more than the answer.
    void momentsDoNotCancel()
    {
        RollingMoments<4> moments;
        for (int i = 0; i < 4001; ++i)
            moments.push(1e9 + (i % 2 == 0 ? 1.0 : -1.0));
        QVERIFY(std::abs(moments.value().squares - 4.0) < 1e-6);
        QCOMPARE(moments.value().mean, 1e9);
    }

    // 1, 2 and 1e9: the far one begins a block and is its pivot; its distance is the spread. Worked in whole numbers: of (1, 2,
    // 1e9) the squares about the mean are 666666664666666668 2/3; then of (2, 3, 4) mean 3, squares 2.
    void aFarValueInTheWindowIsPartOfTheSpread()
    {
        RollingMoments<3> moments;
        for (const double value : {5.0, 1.0, 2.0, 1e9})
            moments.push(value);
        QVERIFY(std::abs(moments.value().squares / 666666664666666668.0 - 1.0) < 1e-14);
        for (const double value : {2.0, 3.0, 4.0})
            moments.push(value);
        QCOMPARE(moments.value().mean, 3.0);
        QCOMPARE(moments.value().squares, 2.0);
    }

    void equalValuesHaveNoSpreadAtAll()
    {
        RollingMoments<20> moments;
        RollingPairMoments<20> pairs;
        for (int i = 0; i < 50; ++i) {
            moments.push(0.1);
            pairs.push({0.1, 1e300});
        }
        QCOMPARE(moments.value().squares, 0.0);
        QCOMPARE(moments.value().mean, 0.1);
        QCOMPARE(pairs.value().squaresY, 0.0);
        QCOMPARE(pairs.value().products, 0.0);
    }

    // Values 0, 1, 2, ...: three before is 3 less, in pieces shorter and longer than the lag. The first three have none.
    void pastGivesTheValueThatManyBefore()
    {
        Past<3> past;
        std::vector<double> values(40);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<double>(i);
        std::size_t known = 0;
        inPieces(values.size(), 3, [&](std::size_t done, std::size_t length) {
            const std::size_t early = past.early(length);
            past.run(std::span(values).subspan(done, length), [&](std::size_t i, double value, double before) {
                QCOMPARE(value, static_cast<double>(done + i));
                if (i < early)
                    return;
                QCOMPARE(before, value - 3.0);
                ++known;
            });
        });
        QCOMPARE(known, values.size() - 3);
    }

    void ofEqualExtremesTheLatestCounts()
    {
        RollingFold<Dated, LatestGreatest, 3> high;
        RollingFold<Dated, LatestSmallest, 3> low;
        const double values[] = {5, 5, 1, 5, 1, 1, 1};
        const std::size_t highest[] = {0, 1, 1, 3, 3, 3, 6};
        const std::size_t lowest[] = {0, 1, 2, 2, 4, 5, 6};
        for (std::size_t i = 0; i < 7; ++i) {
            high.push({values[i], i});
            low.push({values[i], i});
            QCOMPARE(high.value().index, highest[i]);
            QCOMPARE(low.value().index, lowest[i]);
        }
    }

    void delayGivesTheValueThatManyPushesBefore()
    {
        Delay<3> delay;
        for (int i = 0; i < 20; ++i) {
            delay.push(i);
            QCOMPARE(delay.full(), i >= 3);
            if (delay.full())
                QCOMPARE(delay.oldest(), i - 3.0);
        }
    }

    void averagesWorkedByHand()
    {
        // EMA of 3: seed (2 + 4 + 6) / 3 = 4; weight 1/2: 8 -> 6, 8 -> 7. Wilder's, weight 1/3: 10 -> 6, 3 -> 5.
        Ema<3> ema;
        WilderAverage<3> wilder;
        for (const double value : {2.0, 4.0, 6.0}) {
            QVERIFY(!ema.full());
            ema.push(value);
            wilder.push(value);
        }
        QVERIFY(ema.full());
        QCOMPARE(ema.value(), 4.0);
        ema.push(8);
        QCOMPARE(ema.value(), 6.0);
        ema.push(8);
        QCOMPARE(ema.value(), 7.0);
        wilder.push(10);
        QCOMPARE(wilder.value(), 6.0);
        wilder.push(3);
        QCOMPARE(wilder.value(), 5.0);
    }
};

QTEST_APPLESS_MAIN(TestRolling)
#include "tst_rolling.moc"
