#include <QtTest>

#include "DataTestSupport.h"
#include "data/dataset/SyntheticMarket.h"

using namespace btcai;
using namespace btcai::test;

class TestSyntheticSpec : public QObject {
    Q_OBJECT

private slots:
    void whatIsNotMeantIsLeftAlone()
    {
        for (const char* text : {"", "bars.h5", "synthetic", "Synthetic:gbm", "/data/synthetic:gbm"})
            QVERIFY(!parseSyntheticSpec(text));
    }

    void everyKeyReachesItsOption()
    {
        const auto planted = parseSyntheticSpec("synthetic:planted,bars=50000,seed=18446744073709551615,start=2019-02-03,interval=60,price=250.5,"
                                                "volatility=0.003,drift=0.002,block=24,lag=7,signal-bars=3,volume-gap=1.5,scramble=yes,volume=9,"
                                                "volume-noise=0.1,phase=5,move=2,signal=order,slot=1,bell=4");
        QVERIFY(planted.has_value());
        const SyntheticMarketOptions& p = planted->options;
        QVERIFY(p.model == ReturnModel::Gaussian);
        QVERIFY(p.bars == 50000 && p.seed == 18446744073709551615ULL && p.startTime == 1549152000 && p.intervalSeconds == 60);
        QVERIFY(p.startPrice == 250.5 && p.volatility == 0.003 && p.driftPerBar == 0.002 && p.blockBars == 24 && p.lagBars == 7);
        QVERIFY(p.phaseBars == 5 && p.moveBars == 2 && p.code == SignalCode::Order && p.slotBars == 1 && p.bellBars == 4);
        QVERIFY(p.signalBars == 3 && p.volumeGap == 1.5 && p.scrambleSignal && p.baseVolume == 9.0 && p.volumeNoise == 0.1);

        const auto garch = parseSyntheticSpec("synthetic:garch,alpha=0.2,beta=0.7,growth=-1e-5");
        QVERIFY(garch && garch->options.model == ReturnModel::Garch && garch->options.garch.alpha == 0.2 && garch->options.garch.beta == 0.7);
        QVERIFY(garch->options.growthPerBar == -1e-5);
        QCOMPARE(garch->options.driftPerBar, 0.0); // no signal unless asked for
        const auto jump = parseSyntheticSpec("synthetic:jump,jump-rate=0.1,jump-mean=-0.01,jump-deviation=0.02,drift=0.001");
        QVERIFY(jump && jump->options.model == ReturnModel::JumpDiffusion && jump->options.jump.ratePerBar == 0.1);
        QVERIFY(jump->options.jump.mean == -0.01 && jump->options.jump.deviation == 0.02 && jump->options.driftPerBar == 0.001);
        const auto regime = parseSyntheticSpec("synthetic:regime,growth-1=0.1,volatility-1=0.2,stay-1=0.75,growth-2=0.3,volatility-2=0.4,stay-2=0.5");
        QVERIFY(regime && regime->options.model == ReturnModel::RegimeSwitching);
        const auto& regimes = regime->options.regimes;
        QVERIFY(regimes[0].growthPerBar == 0.1 && regimes[0].volatility == 0.2 && regimes[0].next == (std::vector{0.75, 0.25}));
        QVERIFY(regimes[1].growthPerBar == 0.3 && regimes[1].volatility == 0.4 && regimes[1].next == (std::vector{0.5, 0.5}));
        QVERIFY(parseSyntheticSpec("synthetic:gbm")->options.model == ReturnModel::Gbm);
    }

    void withoutKeysThePlantedMarketIsTheDefault()
    {
        QCOMPARE(makeSyntheticMarket(parseSyntheticSpec("synthetic:planted,bars=300")->options).series.contentHash(),
                 makeSyntheticMarket({.bars = 300}).series.contentHash());
        for (const char* model : {"gbm", "garch", "jump", "regime"})
            QCOMPARE(makeSyntheticMarket(parseSyntheticSpec(fmt::format("synthetic:{},bars=300", model))->options).series.size(), std::size_t{300});
    }

    void mistakesAreNamed_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("says");
        QTest::newRow("model") << "synthetic:heston" << "heston";
        QTest::newRow("no model") << "synthetic:" << "planted, gbm";
        QTest::newRow("key") << "synthetic:gbm,colour=3" << "colour";
        QTest::newRow("key of another model") << "synthetic:gbm,alpha=0.1" << "\"alpha\" is unknown to gbm";
        QTest::newRow("blank key") << "synthetic:gbm,bars seed=3" << "bars seed";
        QTest::newRow("empty key") << "synthetic:gbm,=3" << "\"\"";
        QTest::newRow("no value") << "synthetic:gbm,bars" << "key=value";
        QTest::newRow("empty part") << "synthetic:gbm,,bars=3" << "key=value";
        QTest::newRow("doubled") << "synthetic:gbm,bars=3,bars=4" << "\"bars\" is given twice";
        QTest::newRow("no number") << "synthetic:gbm,volatility=high" << "volatility: \"high\"";
        QTest::newRow("tail") << "synthetic:gbm,bars=100x" << "bars: \"100x\"";
        QTest::newRow("negative count") << "synthetic:gbm,bars=-5" << "bars: \"-5\"";
        QTest::newRow("fraction") << "synthetic:gbm,bars=1.5" << "bars: \"1.5\"";
        QTest::newRow("too many") << "synthetic:gbm,bars=100000001" << "too many";
        QTest::newRow("infinite") << "synthetic:gbm,price=inf" << "price";
        QTest::newRow("not a number") << "synthetic:gbm,price=nan" << "price";
        QTest::newRow("seed") << "synthetic:gbm,seed=18446744073709551616" << "seed";
        QTest::newRow("time") << "synthetic:gbm,start=yesterday" << "start";
        QTest::newRow("flag") << "synthetic:planted,scramble=1" << "scramble";
        QTest::newRow("code") << "synthetic:planted,signal=detail" << "signal: \"detail\" is neither level nor order";
        QTest::newRow("chance") << "synthetic:regime,stay-1=1.5" << "stay-1";
    }
    void mistakesAreNamed()
    {
        QFETCH(QString, text);
        QFETCH(QString, says);
        const auto failure = failureOf([&] { parseSyntheticSpec(text.toStdString()); });
        QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says(says.toStdString()), failure ? failure->message.c_str() : "accepted");
    }
};

QTEST_APPLESS_MAIN(TestSyntheticSpec)
#include "tst_synthetic_spec.moc"
