#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <new>
#include <set>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/features/FeatureKernel.h"

namespace {
std::atomic<std::size_t> allocations{0};
}

void* operator new(std::size_t size)
{
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(size == 0 ? 1 : size))
        return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace btcai;
using namespace btcai::test;

namespace {

std::vector<double> stream(FeatureKernel& kernel, const std::vector<Bar>& bars)
{
    std::vector<double> values;
    for (const Bar& bar : bars)
        values.push_back(kernel.push(bar));
    return values;
}

constexpr std::int64_t kMidnight = 1'500'000'000 - 1'500'000'000 % 86400;

/// Long enough for every feature: the daily ones need 20 days.
std::vector<Bar> longHistory() { return wanderingBars(6200, kMidnight); }

} // namespace

class TestFeatureContract : public QObject {
    Q_OBJECT

private slots:
    void finiteFromTheWarmUpOn()
    {
        std::vector<Bar> bars = longHistory();
        for (std::size_t i = 5800; i < 5850; ++i) // a stretch without trades or moves inside the history
            bars[i] = {bars[i].timestamp, 900, 900, 900, 900, 0};
        for (const FeatureInfo& info : featureCatalog()) {
            const std::vector<double> values = stream(*info.make(300), bars);
            const auto warmUp = static_cast<std::size_t>(info.warmUpBars(300));
            for (std::size_t i = warmUp - 1; i < values.size(); ++i)
                QVERIFY2(std::isfinite(values[i]), fmt::format("{} at row {}", info.name, i).c_str());
            if (warmUp > 1)
                QVERIFY2(!std::isfinite(values[warmUp - 2]), info.name.c_str());
        }
    }

    // Gaps, and bars of any interval, may only bring the value of an aggregated bar forward.
    void theWarmUpHoldsWithGapsAtEveryInterval()
    {
        for (const std::int64_t interval : {60, 300, 600, 900, 3600, 14400, 86400}) {
            std::vector<Bar> bars = wanderingBars(6200);
            for (std::size_t i = 0; i < bars.size(); ++i)
                bars[i].timestamp = kMidnight + interval * static_cast<std::int64_t>(i + 3);
            std::erase_if(bars, [&](const Bar& bar) { return (bar.timestamp / interval) % 7 == 2 || (bar.timestamp / interval) % 90 > 80; });
            for (const FeatureInfo& info : featureCatalog()) {
                const auto warmUp = static_cast<std::size_t>(info.warmUpBars(interval));
                if (warmUp > bars.size())
                    continue;
                const std::vector<double> values = stream(*info.make(interval), bars);
                for (std::size_t i = warmUp - 1; i < values.size(); ++i)
                    QVERIFY2(std::isfinite(values[i]), fmt::format("{} at row {}, interval {}", info.name, i, interval).c_str());
            }
        }
    }

    void valuesStayInTheirRange()
    {
        const std::vector<Bar> bars = longHistory();
        for (const FeatureInfo& info : featureCatalog()) {
            QVERIFY(info.range.low < info.range.high);
            for (const double value : stream(*info.make(300), bars))
                QVERIFY2(std::isnan(value) || (value >= info.range.low - 1e-9 && value <= info.range.high + 1e-9),
                         fmt::format("{} is {}", info.name, value).c_str());
        }
    }

    void pushAllocatesNothing()
    {
        const std::vector<Bar> bars = wanderingBars(1000);
        const BarTable table(bars);
        std::vector<double> values(bars.size());
        for (const FeatureInfo& info : featureCatalog()) {
            const auto kernel = info.make(300);
            const std::size_t before = allocations.load();
            for (const Bar& bar : bars)
                kernel->push(bar);
            kernel->run(table.block(), values);
            QVERIFY2(allocations.load() == before, info.name.c_str());
        }
        const std::size_t before = allocations.load();
        const auto another = findFeature("SMA_20").make(300);
        QVERIFY(allocations.load() > before); // the counter counts
    }

    void theCatalogueIsWhole()
    {
        std::set<std::string> names;
        std::set<FeatureGroup> groups;
        for (const FeatureInfo& info : featureCatalog()) {
            QVERIFY2(names.insert(info.name).second, info.name.c_str());
            groups.insert(info.group);
            QVERIFY(!info.formula.empty() && !info.source.empty() && info.warmUp >= 1);
        }
        QVERIFY(names.size() >= 150);
        QCOMPARE(groups.size(), std::size_t{11});
    }

    // Raw prices double over the years: a network must not be given them unless somebody asks for it. What the catalogue calls
    // stationary does not know the unit of price or volume; what it does not call so, does.
    void stationaryFeaturesDoNotDependOnThePriceLevel()
    {
        const std::vector<Bar> bars = longHistory();
        std::vector<Bar> scaled = bars;
        for (Bar& bar : scaled) {
            bar.open *= 64.0;
            bar.high *= 64.0;
            bar.low *= 64.0;
            bar.close *= 64.0;
            bar.volume *= 8.0;
        }
        for (const FeatureInfo& info : featureCatalog()) {
            const auto a = stream(*info.make(300), bars);
            const auto b = stream(*info.make(300), scaled);
            bool equal = true;
            for (std::size_t i = static_cast<std::size_t>(info.warmUpBars(300)); i < a.size(); ++i)
                equal = equal && std::abs(a[i] - b[i]) <= 1e-9 * std::max(1.0, std::abs(a[i]));
            QVERIFY2(equal == (info.scale == FeatureScale::Stationary), info.name.c_str());
        }
    }

    // Trained agents depend on these names and their order.
    void theDefaultSetIsWhatItWas()
    {
        const std::vector<std::string> expected{
            "LOGRET_1", "LOGRET_3", "LOGRET_12", "LOGRET_48", "LOGRET_144", "LOGRET_288", "EMA_RATIO_48", "EMA_RATIO_288", "PPO_12_26_EMA",
            "ADX_14", "RSI_14", "NATR_14", "BBANDS_PERCENT_20_2", "RVOL_12", "RVOL_288", "VOLUME_RATIO_12", "VOLUME_RATIO_288", "MFI_14",
            "OBV_SHARE_20", "BOP", "UPPER_WICK_SHARE", "LOWER_WICK_SHARE", "HOUR_SIN", "HOUR_COS", "WEEKDAY_SIN", "WEEKDAY_COS"};
        QCOMPARE(defaultFeatureNames(), expected);
        for (const std::string& name : expected)
            QCOMPARE(findFeature(name).scale, FeatureScale::Stationary);
    }

    void choicesOfFeatures()
    {
        QCOMPARE(resolveFeatureSelection("default"), defaultFeatureNames());
        QCOMPARE(resolveFeatureSelection("all").size(), featureCatalog().size());
        QCOMPARE(resolveFeatureSelection(" RSI_14 ,ATR_14"), (std::vector<std::string>{"RSI_14", "ATR_14"}));
        QCOMPARE(resolveFeatureSelection("funding"),
                 (std::vector<std::string>{"FUNDING_RATE", "FUNDING_CHANGE", "FUNDING_MEAN_9", "FUNDING_ZSCORE_30"}));
        // What two sets share is taken once, where it comes first; a name on its own stays where it was written.
        const auto both = resolveFeatureSelection("SMA_20,momentum,default");
        QCOMPARE(both.front(), std::string("SMA_20"));
        QCOMPARE(std::set<std::string>(both.begin(), both.end()).size(), both.size());
        const auto all = resolveFeatureSelection("default,all");
        QCOMPARE(all.size(), featureCatalog().size());
        QVERIFY(std::ranges::equal(defaultFeatureNames(), std::span(all).first(26)));
        std::size_t grouped = 0;
        for (const char* group : {"trend", "momentum", "volatility", "volume", "statistics", "candle", "level", "timeframe", "time", "funding", "regime"})
            grouped += resolveFeatureSelection(group).size();
        QCOMPARE(grouped, featureCatalog().size());
    }

    void badChoicesAreRefused()
    {
        const auto says = [](std::string_view choice, std::string_view part) {
            const auto failure = failureOf([&] { resolveFeatureSelection(choice); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(part) && failure->message.size() < 400;
        };
        QVERIFY(says("RSI_14,RSI_14", "\"RSI_14\" is listed twice"));
        QVERIFY(says("momentum,RSI_14", "\"RSI_14\" is listed twice"));
        QVERIFY(says("momentum,momentum", "\"momentum\" is listed twice"));
        QVERIFY(says("rsi_14", "did you mean \"RSI_14\""));
        QVERIFY(says("RSI_41", "did you mean \"RSI_14\""));
        QVERIFY(says("Momentum", "there is no feature \"Momentum\""));
        QVERIFY(says("", "empty"));
        QVERIFY(says("RSI_14,", "momentum"));
        QVERIFY(says(std::string(1'000'000, 'x'), "too long"));
    }

    void anUnknownNameIsAnsweredWithTheNearest()
    {
        auto failure = failureOf([] { findFeature("RSI_15"); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("RSI_15") && failure->says("\"RSI_14\""));
        failure = failureOf([] { findFeature("LOGRET288"); });
        QVERIFY(failure && failure->says("\"LOGRET_288\""));
        failure = failureOf([] { findFeature(std::string(1'000'000, 'x')); });
        QVERIFY(failure && failure->message.size() < 300);
    }
};

QTEST_APPLESS_MAIN(TestFeatureContract)
#include "tst_feature_contract.moc"
