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
        moments.push(Moments::of(values[i]));
        pairs.push(PairMoments::of(values[i], other(i)));
        ramp.push(Ramp::of(values[i]));
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
            moments.push(Moments::of(1e9 + (i % 2 == 0 ? 1.0 : -1.0)));
        QVERIFY(std::abs(moments.value().squares - 4.0) < 1e-6);
        QCOMPARE(moments.value().mean, 1e9);
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
