// What a run is fed with: parts that never touch, features that know nothing of later bars, copies that nobody is tested on.
#include <cmath>

#include <QTemporaryDir>
#include <QTest>

#include "agent/dataset/TrainingCopies.h"
#include "agent/ppo/MarketTensors.h"
#include "base/Error.h"
#include "data/features/FeatureKernel.h"
#include "models/MarketEncoder.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;

namespace {

constexpr std::size_t kWeekRows = 2016;

BarSeries market(std::size_t bars, std::uint64_t seed = 3) { return makeSyntheticMarket({.bars = bars, .seed = seed}).series; }

/// The same bars until `cut`, others from there on.
BarSeries changedFrom(const BarSeries& series, std::size_t cut)
{
    const BarSeries other = market(series.size() - cut, 99);
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < series.size(); ++i) {
        Bar bar = i < cut ? *series.bar(i) : *other.bar(i - cut);
        bar.timestamp = series.timestamp(i);
        bars.push_back(bar);
    }
    return BarSeries::fromBars(series.instrument(), series.intervalSeconds(), bars);
}

RunConfig smallConfig(Bucket bucket = Bucket::Scalping)
{
    RunConfig config = defaultConfig(bucket);
    config.threads = 1;
    config.features.cache = false;
    return config;
}

std::size_t contextRows(const RunConfig& config)
{
    return static_cast<std::size_t>(MarketEncoder(MarketEncoderOptions{.features = 1, .width = config.model.width, .patch = config.model.patchBars,
                                                                      .tokens = config.model.lookbackBars / config.model.patchBars})
                                        ->contextRows());
}

std::string messageOf(const std::function<void()>& action)
{
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

} // namespace

class DatasetTest : public QObject {
    Q_OBJECT

private slots:
    // For every scheme and fold: rows to learn from, to choose by and to test by are apart by look-back, warm-up and horizon.
    void partsNeverTouch()
    {
        const BarSeries series = market(20000);
        for (const char* scheme : {"time", "walk-forward-anchored", "walk-forward-rolling", "purged-k-fold"}) {
            std::size_t ranges = 0;
            for (std::int64_t fold = 1; fold <= 3; ++fold) {
                RunConfig config = smallConfig();
                config.split.scheme = scheme;
                config.split.folds = 3;
                config.split.fold = fold;
                const MarketDataset dataset = makeMarketDataset(config, series, contextRows(config));
                // 144 bars of look-back, 289 of warm-up (LOGRET_288), 48 of horizon: the scalping bucket's.
                const std::size_t apart = 144 + 289 + 48;
                std::vector<RowRange> scored{dataset.split.validation, dataset.split.test};
                for (const RowRange& learned : dataset.split.training) {
                    QVERIFY(learned.first % 8 == 0 && learned.size() > 0);
                    for (const RowRange& part : scored)
                        QVERIFY2(learned.last + apart <= part.first || part.last + apart <= learned.first, scheme);
                }
                QVERIFY(scored[0].last + apart <= scored[1].first || scored[1].last + apart <= scored[0].first);
                QVERIFY(scored[1].size() > 900 && scored[0].size() > 900);
                ranges = std::max(ranges, dataset.split.training.size());
                QVERIFY(dataset.trainingRows() == dataset.split.training);
            }
            QCOMPARE(ranges, std::string(scheme) == "purged-k-fold" ? std::size_t{2} : std::size_t{1});
        }
    }

    // Every feature and every bucket: what comes after a bar changes neither the features up to it, nor the normaliser, nor what the network
    // reads of the training part.
    void nothingLaterIsSeen_data()
    {
        QTest::addColumn<int>("bucket");
        for (const Bucket bucket : kBuckets)
            QTest::newRow(std::string(bucketSpec(bucket).name).c_str()) << static_cast<int>(bucket);
    }
    void nothingLaterIsSeen()
    {
        QFETCH(int, bucket);
        RunConfig config = smallConfig(static_cast<Bucket>(bucket));
        config.features.select = "all";
        const BarSeries series = market(120000);
        const std::size_t context = contextRows(config);
        const MarketDataset dataset = makeMarketDataset(config, series, context);
        const RowRange training = dataset.split.longestTraining();
        const MarketTensors tensors(dataset, {1}, torch::kCPU);
        const auto start = static_cast<std::int64_t>(training.last / 64 * 64 - 64);
        const torch::Tensor seen = tensors.stretches({start}, static_cast<std::int64_t>(context), 64);
        const std::size_t columns = dataset.features.columns();
        QVERIFY(columns > 100);
        for (const std::size_t cut : {training.last, dataset.split.validation.first + 7, dataset.split.test.first, series.size() - 1}) {
            for (const BarSeries& other : {changedFrom(series, cut), series.slice(0, cut)}) {
                const FeatureMatrix matrix = FeatureMatrix::compute(other, dataset.features.names());
                QVERIFY(std::memcmp(matrix.values().data(), dataset.features.values().data(), cut * columns * sizeof(float)) == 0);
            }
            const MarketDataset changed = makeMarketDataset(config, changedFrom(series, cut), context);
            QCOMPARE(changed.normalizer.hash(), dataset.normalizer.hash());
            QVERIFY(torch::equal(MarketTensors(changed, {1}, torch::kCPU).stretches({start}, static_cast<std::int64_t>(context), 64), seen));
        }
        // The check can tell: a change within the training part does show.
        QVERIFY(makeMarketDataset(config, changedFrom(series, training.last - 100), context).normalizer.hash() != dataset.normalizer.hash());
    }

    // Normalised when gathered: the bits of a matrix normalised as a whole.
    void theNetworkReadsNormalisedRows()
    {
        for (const char* kind : {"z-score", "robust", "quantile-uniform", "quantile-normal"}) {
            RunConfig config = smallConfig();
            config.features.normalizer = kind;
            const MarketDataset dataset = makeMarketDataset(config, market(12000), contextRows(config));
            FeatureMatrix whole = dataset.features;
            dataset.normalizer.apply(whole);
            const torch::Tensor got = MarketTensors(dataset, {1}, torch::kCPU).stretches({4096, 8000}, 144, 64);
            for (std::int64_t g = 0; g < 2; ++g) {
                const std::size_t first = (g == 0 ? 4096 : 8000) - 144;
                QVERIFY(std::memcmp(got[g].contiguous().data_ptr<float>(), whole.row(first).data(), 208 * whole.columns() * sizeof(float)) == 0);
            }
            QCOMPARE(normalizerKindName(dataset.normalizer.kind()), std::string_view(kind));
        }
    }

    // Copies stand behind the data, whole weeks later; what is tested and how features are scaled stays as it was.
    void copiesAreLearnedFromOnly()
    {
        RunConfig config = smallConfig();
        const BarSeries series = market(12000);
        const std::size_t context = contextRows(config);
        const MarketDataset plain = makeMarketDataset(config, series, context);
        for (const char* kind : {"jitter", "magnitude-warp", "time-warp", "bootstrap", "sign-flip"}) {
            config.augment.kind = kind;
            config.augment.copies = 2;
            const MarketDataset dataset = makeMarketDataset(config, series, context);
            QVERIFY(dataset.split.training == plain.split.training && dataset.split.test == plain.split.test);
            QCOMPARE(dataset.normalizer.hash(), plain.normalizer.hash());
            QCOMPARE(dataset.dataHash, plain.dataHash);
            QCOMPARE(dataset.copies.size(), std::size_t{2});
            const RowRange original = dataset.split.training.front();
            std::size_t before = series.size();
            for (const RowRange& copy : dataset.copies) {
                QVERIFY(copy.first >= before + context && copy.size() == original.size());
                QCOMPARE((copy.first - original.first) % kWeekRows, std::size_t{0});
                QVERIFY(copy.last <= dataset.rows());
                before = copy.last;
            }
            // The same hour and weekday, other prices.
            const auto column = [&](const char* name) {
                return static_cast<std::size_t>(std::ranges::find(dataset.features.names(), name) - dataset.features.names().begin());
            };
            std::size_t differing = 0;
            for (std::size_t i = 0; i < original.size(); i += 97) {
                const auto now = dataset.features.row(dataset.copies[1].first + i), then = dataset.features.row(original.first + i);
                for (const char* name : {"HOUR_SIN", "HOUR_COS", "WEEKDAY_SIN", "WEEKDAY_COS"})
                    QVERIFY2(now[column(name)] == then[column(name)], name);
                differing += now[column("LOGRET_1")] != then[column("LOGRET_1")] ? 1 : 0;
            }
            QVERIFY2(differing > original.size() / 97 / 2, kind);
        }
    }

    // Events stand in the copies alone: what is tested and how features are scaled stays, and each copy has events of its own.
    void eventsAreLearnedFromOnly()
    {
        RunConfig config = smallConfig();
        config.features.select = "default,funding";
        const BarSeries series = market(12000);
        std::vector<FundingRate> rates;
        for (std::int64_t time = series.startTime(); time < series.timestamp(series.size()) + 10 * 86400; time += 28800)
            rates.push_back({time, 0.0001});
        const FundingSeries funding("X", rates);
        const std::size_t context = contextRows(config);
        const MarketDataset plain = makeMarketDataset(config, {series, funding}, context);
        QVERIFY(plain.copies.empty());
        config.events.kinds = "all";
        config.events.ratePerYear = 300.0;
        config.augment.copies = 2;
        const MarketDataset dataset = makeMarketDataset(config, {series, funding}, context);
        QVERIFY(dataset.split.training == plain.split.training && dataset.split.test == plain.split.test && dataset.copies.size() == 2);
        QCOMPARE(dataset.normalizer.hash(), plain.normalizer.hash());
        QVERIFY(std::ranges::equal(std::span(dataset.market->mark).first(12000), plain.market->mark));
        QVERIFY(std::ranges::equal(dataset.features.values().first(12000 * plain.features.columns()), plain.features.values()));
        const RowRange original = plain.split.training.front();
        const auto column = static_cast<std::size_t>(std::ranges::find(dataset.features.names(), "FUNDING_RATE") - dataset.features.names().begin());
        std::vector<std::size_t> changed(2), spikes(2), missing(2);
        const auto& mark = dataset.market->mark;
        for (std::size_t c = 0; c < 2; ++c) {
            const RowRange& copy = dataset.copies[c];
            for (std::size_t i = 0; i < copy.size(); ++i) {
                changed[c] += mark[copy.first + i] != plain.market->mark[original.first + i] && mark[copy.first + i] != mark[dataset.copies[1 - c].first + i];
                spikes[c] += std::abs(dataset.features.row(copy.first + i)[column]) > 0.0005F;
                missing[c] += dataset.market->present[copy.first + i] ? 0 : 1;
            }
        }
        QVERIFY2(changed[0] > original.size() / 2, QByteArray::number(int(changed[0])));
        QVERIFY(spikes[0] > 0 && spikes[1] > 0 && missing[0] > 10 && missing[0] != missing[1]);
        QVERIFY(std::ranges::equal(makeMarketDataset(config, {series, funding}, context).market->mark, dataset.market->mark)); // by seed
        config.events.seed = 2;
        QVERIFY(!std::ranges::equal(makeMarketDataset(config, {series, funding}, context).market->mark, dataset.market->mark));
        // Without rates "all" goes without funding spikes; asked for by name they are an error.
        config.features.select = "default";
        makeMarketDataset(config, {series}, context);
        config.events.kinds = "gap,funding-spike";
        QVERIFY(messageOf([&] { makeMarketDataset(config, {series}, context); }).find("features.funding") != std::string::npos);
    }

    void badDataAreRefusedUnlessAsked()
    {
        QTemporaryDir folder;
        RunConfig config = smallConfig();
        // Half of the prices stand at ten times the others, in single bars: prints that no market makes.
        config.data = folder.filePath("bad.csv").toStdString();
        QFile file(folder.filePath("bad.csv"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("timestamp,open,high,low,close,volume\n");
        for (int i = 0; i < 3000; ++i)
            file.write(i % 100 == 50 ? QByteArray::number(1500000000 / 300 * 300 + 300 * i) + ",1000,1000,1000,1000,5\n"
                                     : QByteArray::number(1500000000 / 300 * 300 + 300 * i) + ",100,101,99,100." + QByteArray::number(i % 10) + ",5\n");
        file.close();
        const std::string message = messageOf([&] { loadMarketData(config); });
        QVERIFY2(message.find("bad.csv") != std::string::npos && message.find("quality.allow_bad") != std::string::npos, message.c_str());
        config.quality.allowBad = true;
        const MarketData data = loadMarketData(config);
        QCOMPARE(data.series.presentCount(), std::size_t{3000});
        QVERIFY(!data.quality["errors"].empty() && data.quality["score"].get<double>() < 100.0);
    }

    // A column of zeros is no feature.
    void fundingFeaturesNeedTheirRates()
    {
        RunConfig config = smallConfig();
        config.data = "synthetic:gbm,bars=3000";
        config.features.select = "default,funding";
        QVERIFY(messageOf([&] { loadMarketData(config); }).find("features.funding") != std::string::npos);
        QTemporaryDir folder;
        config.features.funding = folder.filePath("rates.csv").toStdString();
        for (const std::int64_t first : {1514764800LL, 1700000000LL / 28800 * 28800}) { // the market begins at the former
            QFile file(folder.filePath("rates.csv"));
            QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
            file.write("timestamp,funding_rate\n");
            for (int i = 0; i < 9; ++i)
                file.write(QByteArray::number(static_cast<qlonglong>(first + 28800 * i)) + ",0.0001\n");
            file.close();
            const std::string message = messageOf([&] { loadMarketData(config); });
            QVERIFY2(message.empty() == (first == 1514764800), message.c_str());
        }
    }

    void marketsCanBeMadeUp()
    {
        RunConfig config = smallConfig();
        config.data = "synthetic:garch,bars=3000,seed=4";
        const MarketData data = loadMarketData(config);
        QCOMPARE(data.series.size(), std::size_t{3000});
        config.data = "synthetic:nothing";
        QVERIFY(messageOf([&] { loadMarketData(config); }).find("nothing") != std::string::npos);
    }

    void otherFeaturesAreRefused()
    {
        RunConfig config = smallConfig();
        const BarSeries series = market(12000);
        const MarketDataset dataset = makeMarketDataset(config, series, contextRows(config));
        QCOMPARE(dataset.identity.catalogVersion, kFeatureCatalogVersion);
        checkFeatures(dataset.identity, dataset.identity, false);

        FeatureIdentity older = dataset.identity;
        --older.catalogVersion;
        QVERIFY(messageOf([&] { checkFeatures(older, dataset.identity, true); }).find("catalogue version") != std::string::npos);
        config.features.select = "default,WILLR_14";
        QVERIFY(messageOf([&] { makeMarketDataset(config, series, contextRows(config), &dataset.normalizer); }).find("features.select") != std::string::npos);
        const MarketDataset other = makeMarketDataset(config, series, contextRows(config));
        QVERIFY(!messageOf([&] { checkFeatures(dataset.identity, other.identity, true); }).empty());
        const MarketDataset funded = makeMarketDataset(smallConfig(), {series, FundingSeries("X", {{1514764800, 1e-4}})}, contextRows(config));
        QVERIFY(messageOf([&] { checkFeatures(dataset.identity, funded.identity, false); }).find("funding") != std::string::npos);
        checkFeatures(dataset.identity, funded.identity, true);
    }
};

QTEST_GUILESS_MAIN(DatasetTest)
#include "tst_dataset.moc"
