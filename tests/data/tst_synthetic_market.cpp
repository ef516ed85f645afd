#include <array>
#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/SyntheticMarket.h"
#include "data/features/FeatureKernel.h"
#include "data/features/FeatureMatrix.h"

using namespace btcai;
using namespace btcai::test;

namespace {

/// The correlation of x and y.
double correlation(const std::vector<double>& x, const std::vector<double>& y)
{
    const auto n = static_cast<double>(x.size());
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / std::sqrt(xx * yy);
}

/// Log volume just before each block against the sign of the block's drift.
double signalCorrelation(const SyntheticMarketOptions& options, const std::vector<std::int8_t>& signs, const BarSeries& series)
{
    std::vector<double> volume, sign;
    for (std::size_t start = options.blockBars; start + options.blockBars <= series.size(); start += options.blockBars) {
        if (start < options.lagBars + options.signalBars)
            continue;
        volume.push_back(std::log(series.volume()[start - options.lagBars - 1]));
        sign.push_back(static_cast<double>(signs[start]));
    }
    return correlation(volume, sign);
}

} // namespace

class TestSyntheticMarket : public QObject {
    Q_OBJECT

private slots:
    void barsAreSound()
    {
        const SyntheticMarketOptions options{.bars = 3000};
        const SyntheticMarket market = makeSyntheticMarket(options);
        QCOMPARE(market.series.size(), options.bars);
        QCOMPARE(market.series.presentCount(), options.bars);
        QCOMPARE(market.driftSign.size(), options.bars);
        QCOMPARE(market.series.open()[0], options.startPrice);
        for (std::size_t i = 0; i < options.bars; ++i) {
            const Bar bar = *market.series.bar(i);
            QVERIFY(bar.low <= std::min(bar.open, bar.close) && bar.high >= std::max(bar.open, bar.close));
            QVERIFY(bar.low > 0.0 && bar.volume > 0.0);
            if (i > 0)
                QCOMPARE(bar.open, market.series.close()[i - 1]);
            QCOMPARE(market.driftSign[i], market.driftSign[i - i % options.blockBars]); // one sign a block
        }
    }

    void deterministicBySeed()
    {
        const std::string hash = makeSyntheticMarket({.bars = 500, .seed = 4}).series.contentHash();
        QCOMPARE(makeSyntheticMarket({.bars = 500, .seed = 4}).series.contentHash(), hash);
        QVERIFY(makeSyntheticMarket({.bars = 500, .seed = 5}).series.contentHash() != hash);
        // A longer market begins as the shorter one does.
        QCOMPARE(makeSyntheticMarket({.bars = 700, .seed = 4}).series.slice(0, 500).contentHash(), hash);
    }

    // The mean return under a sign lies within 5 standard errors of sign * drift; both signs appear about equally often.
    void returnsFollowTheDrift()
    {
        const SyntheticMarketOptions options{.bars = 24000, .seed = 3};
        const SyntheticMarket market = makeSyntheticMarket(options);
        double sum[2] = {0, 0};
        double count[2] = {0, 0};
        for (std::size_t i = 0; i < options.bars; ++i) {
            const int side = market.driftSign[i] > 0 ? 1 : 0;
            sum[side] += std::log(market.series.close()[i] / market.series.open()[i]);
            count[side] += 1;
        }
        for (int side : {0, 1}) {
            const double expected = side == 1 ? options.driftPerBar : -options.driftPerBar;
            QVERIFY(std::abs(sum[side] / count[side] - expected) < 5.0 * options.volatility / std::sqrt(count[side]));
        }
        // 2,000 blocks: a share of 1/2 has a standard error of 0.011.
        QVERIFY(std::abs(count[1] / 24000.0 - 0.5) < 0.055);
    }

    // Signal 2 and noise 0.2 in log volume: a correlation of 1 / sqrt(1 + 0.2^2) = 0.981.
    void theVolumeKnowsTheNextBlock_data()
    {
        QTest::addColumn<int>("lag");
        QTest::newRow("at once") << 0;
        QTest::newRow("five bars before") << 5;
        QTest::newRow("more than a block before") << 31;
    }
    void theVolumeKnowsTheNextBlock()
    {
        QFETCH(int, lag);
        SyntheticMarketOptions options{.bars = 12000, .seed = 9, .lagBars = static_cast<std::size_t>(lag)};
        const SyntheticMarket market = makeSyntheticMarket(options);
        QVERIFY(std::abs(signalCorrelation(options, market.driftSign, market.series) - 0.981) < 0.01);
        // The control: same prices, but volume that tells nothing (standard error 1 / sqrt(1000) = 0.032).
        options.scrambleSignal = true;
        const SyntheticMarket control = makeSyntheticMarket(options);
        QVERIFY(std::ranges::equal(control.series.close(), market.series.close()));
        QVERIFY(control.driftSign == market.driftSign);
        QVERIFY(std::abs(signalCorrelation(options, control.driftSign, control.series)) < 0.13);
    }

    void onlyTheSignalBarsCarryTheSign()
    {
        const SyntheticMarketOptions options{.bars = 2400, .seed = 2, .blockBars = 12, .lagBars = 3, .signalBars = 2, .volumeNoise = 0.0};
        const SyntheticMarket market = makeSyntheticMarket(options);
        for (std::size_t i = 0; i + 12 < options.bars; ++i) {
            const std::size_t place = i % 12; // 12 - 3 - 2 = 7 and 8 carry the sign of the next block
            const double sign = place == 7 || place == 8 ? market.driftSign[i - place + 12] : 0.0;
            QCOMPARE(market.series.volume()[i], options.baseVolume * std::exp(sign));
        }
    }

    // Blocks begin at bars 12 b - 5: at 7, 19, 31. The 3 bars from there drift, and without noise they alone move; the bar before each knows the sign.
    void aPhaseAndAMoveShiftAndShortenTheDrift()
    {
        const SyntheticMarketOptions options{.bars = 1200, .seed = 2, .volatility = 0.0, .phaseBars = 5, .moveBars = 3, .signalBars = 1, .volumeNoise = 0.0};
        const SyntheticMarket market = makeSyntheticMarket(options);
        int rising = 0;
        for (std::size_t i = 7; i + 12 < options.bars; ++i) {
            const std::size_t place = (i - 7) % 12;
            const int sign = market.driftSign[i];
            QCOMPARE(sign == 0, place >= 3);
            QCOMPARE(sign, place < 3 ? int(market.driftSign[i - place]) : 0);
            const double move = std::log(market.series.close()[i] / market.series.open()[i]);
            QVERIFY(std::abs(move - sign * options.driftPerBar) < 1e-12);
            QCOMPARE(market.series.volume()[i], options.baseVolume * std::exp(place == 11 ? double(market.driftSign[i + 1]) : 0.0));
            rising += sign > 0 ? 1 : 0;
        }
        QVERIFY(rising > 100 && rising < 200); // of 99 blocks of 3 bars: half, 150, with a deviation of 15
    }

    // Blocks of 20 bars, told by the 4 slots of 3 bars that end 8 bars before: bars 0 to 11 tell block 1. One slot is the mark, exp(4) times the base
    // with a gap of 2, the others exp(1) or exp(-1), and the one after the mark is the sign. The mark takes each place but the last, decoys both signs.
    void thePulseAfterTheMarkTellsTheSign()
    {
        SyntheticMarketOptions options{.bars = 20 * 601, .seed = 3, .blockBars = 20, .lagBars = 8, .signalBars = 12, .code = SignalCode::Order, .slotBars = 3,
                                       .volumeNoise = 0.0};
        for (const bool scrambled : {false, true}) {
            options.scrambleSignal = scrambled;
            const SyntheticMarket market = makeSyntheticMarket(options);
            std::array<int, 4> marks{}, up{};
            int agree = 0;
            for (std::size_t block = 1; block <= 600; ++block) {
                std::array<double, 4> level{};
                for (std::size_t bar = 0; bar < 20; ++bar) {
                    const double here = std::log(market.series.volume()[20 * (block - 1) + bar] / options.baseVolume);
                    if (bar >= 12)
                        QVERIFY(std::abs(here) < 1e-12);
                    else if (bar % 3 == 0)
                        level[bar / 3] = here;
                    else
                        QCOMPARE(here, level[bar / 3]);
                }
                const auto mark = static_cast<std::size_t>(std::ranges::max_element(level) - level.begin());
                QVERIFY(mark < 3 && std::abs(level[mark] - 4.0) < 1e-12);
                for (std::size_t slot = 0; slot < 4; ++slot)
                    if (slot != mark) {
                        QVERIFY(std::abs(std::abs(level[slot]) - 1.0) < 1e-12);
                        up[slot] += level[slot] > 0.0 ? 1 : 0;
                    }
                ++marks[mark];
                agree += (level[mark + 1] > 0.0) == (market.driftSign[20 * block] > 0) ? 1 : 0;
            }
            for (std::size_t slot = 0; slot < 3; ++slot)
                QVERIFY(std::abs(marks[slot] - 200) < 60); // deviation sqrt(600 / 3 * 2 / 3) = 11.5
            QVERIFY(std::abs(up[3] - 300) < 62);           // deviation 12.2
            if (scrambled)
                QVERIFY(std::abs(agree - 300) < 62);
            else
                QCOMPARE(agree, 600);
        }
    }

    // Blocks of 12 bars that begin at bars 9, 21, ...; their signal is in bars 0 to 2, 12 to 14, ...; the bell is in the two bars before they begin.
    void theBellTellsWhenABlockBegins()
    {
        const SyntheticMarket market = makeSyntheticMarket(
            {.bars = 240, .seed = 2, .blockBars = 12, .phaseBars = 3, .lagBars = 6, .signalBars = 3, .bellBars = 2, .volumeGap = 3.0, .volumeNoise = 0.0, .baseVolume = 10.0});
        for (std::size_t i = 0; i < 240; ++i) {
            const double level = std::log(market.series.volume()[i] / 10.0);
            const std::size_t place = i % 12;
            QCOMPARE(place < 3 ? std::abs(level) : level, place < 3 ? 1.5 : place == 7 || place == 8 ? 3.0 : 0.0);
        }
    }

    void whatDoesNotFitABlockIsNamed()
    {
        const auto says = [](const SyntheticMarketOptions& options, const char* part) {
            const auto failure = failureOf([&] { makeSyntheticMarket(options); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(part);
        };
        QVERIFY(says({.blockBars = 12, .phaseBars = 12}, "a phase of 12"));
        QVERIFY(says({.blockBars = 12, .moveBars = 13}, "a move of 13"));
        QVERIFY(says({.signalBars = 5, .code = SignalCode::Order, .slotBars = 2}, "5 signal bars are not two or more whole slots of 2"));
        QVERIFY(says({.signalBars = 2, .code = SignalCode::Order, .slotBars = 2}, "2 signal bars"));
        QVERIFY(says({.blockBars = 12, .lagBars = 2, .signalBars = 4, .bellBars = 3}, "a bell of 3 bars does not fit a block of 12 with its signal of 4 that ends 2"));
        QVERIFY(says({.blockBars = 12, .lagBars = 20, .signalBars = 4, .bellBars = 9}, "a bell of 9"));
        QVERIFY(says({.blockBars = 12, .lagBars = 4, .signalBars = 4, .bellBars = 13}, "a bell of 13"));
        QVERIFY(says({.signalBars = 2, .code = SignalCode::Order, .slotBars = 0}, "slots of 0"));
    }

    void aMoveOfAWholeBlockIsTheDefault()
    {
        QCOMPARE(makeSyntheticMarket({.bars = 3000, .blockBars = 12, .moveBars = 12}).series.contentHash(),
                 makeSyntheticMarket({.bars = 3000, .blockBars = 12}).series.contentHash());
    }

    void withoutDriftThereIsNoSign()
    {
        const SyntheticMarketOptions options{.bars = 24000, .seed = 1, .driftPerBar = 0.0};
        const SyntheticMarket market = makeSyntheticMarket(options);
        QVERIFY(std::ranges::all_of(market.driftSign, [](int sign) { return sign == 0; }));
        // Returns of neighbouring bars are unrelated (standard error 0.0065).
        std::vector<double> before, after;
        for (std::size_t i = 1; i < options.bars; ++i) {
            before.push_back(std::log(market.series.close()[i - 1] / market.series.open()[i - 1]));
            after.push_back(std::log(market.series.close()[i] / market.series.open()[i]));
        }
        QVERIFY(std::abs(correlation(before, after)) < 0.033);
    }

    // What the agent is given must show the signal: the feature's correlation with the next block's sign.
    void aDefaultFeatureShowsTheSignal()
    {
        const SyntheticMarketOptions options{.bars = 12000, .seed = 6};
        const SyntheticMarket market = makeSyntheticMarket(options);
        const std::vector<std::string> names{"VOLUME_RATIO_288"};
        const std::vector<std::string> defaults = defaultFeatureNames();
        QVERIFY(std::ranges::find(defaults, names[0]) != defaults.end());
        const FeatureMatrix matrix = FeatureMatrix::compute(market.series, names);
        std::vector<double> feature, sign;
        for (std::size_t start = 300; start < options.bars; start += options.blockBars) {
            feature.push_back(static_cast<double>(matrix.row(start - 1)[0]));
            sign.push_back(static_cast<double>(market.driftSign[start]));
        }
        QVERIFY(correlation(feature, sign) > 0.95);
    }

    void impossibleOptionsAreRefused()
    {
        QVERIFY(failureOf([] { makeSyntheticMarket({.blockBars = 0}); }));
        QVERIFY(failureOf([] { makeSyntheticMarket({.blockBars = 4, .signalBars = 5}); }));
        QVERIFY(failureOf([] { makeSyntheticMarket({.volatility = -1.0}); }));
        QVERIFY(failureOf([] { makeSyntheticMarket({.driftPerBar = std::nan("")}); }));
        QVERIFY(failureOf([] { makeSyntheticMarket({.bars = 1000, .driftPerBar = 10.0}); })); // leaves the doubles
        QVERIFY(failureOf([] { makeSyntheticMarket({.startTime = 1}); }));
    }
};

QTEST_APPLESS_MAIN(TestSyntheticMarket)
#include "tst_synthetic_market.moc"
