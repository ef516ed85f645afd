#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
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

using Feature = std::function<std::vector<double>(const std::vector<Bar>&)>;

std::vector<double> stream(FeatureKernel& kernel, const std::vector<Bar>& bars)
{
    std::vector<double> values;
    for (const Bar& bar : bars)
        values.push_back(kernel.push(bar));
    return values;
}

bool sameBits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

/// The first row up to `cut` whose value depends on a bar after it; nothing for an honest feature. Later bars are changed
/// beyond recognition, then taken away.
std::optional<std::size_t> firstLeak(const Feature& feature, const std::vector<Bar>& bars, std::size_t cut)
{
    std::vector<Bar> changed = bars;
    for (std::size_t i = cut + 1; i < changed.size(); ++i)
        changed[i] = {bars[i].timestamp + 86400 * 3, 7.0 * bars[i].open, 9.0 * bars[i].high, 0.1 * bars[i].low, 0.2 * bars[i].close, 50.0};
    const std::vector<Bar> shortened(bars.begin(), bars.begin() + static_cast<std::ptrdiff_t>(cut) + 1);
    const std::vector<double> original = feature(bars);
    const std::vector<double> afterChange = feature(changed);
    const std::vector<double> afterCut = feature(shortened);
    for (std::size_t i = 0; i <= cut; ++i)
        if (!sameBits(original[i], afterChange[i]) || !sameBits(original[i], afterCut[i]))
            return i;
    return std::nullopt;
}

/// A kernel that cheats: it was shown the whole history when it was made and gives the return of the bar to come.
class LeakingKernel : public FeatureKernel {
public:
    explicit LeakingKernel(const std::vector<Bar>& all) : m_all(all) {}
    double push(const Bar& bar) override
    {
        ++m_next;
        return m_next < m_all.size() ? std::log(m_all[m_next].close / bar.close) : 0.0;
    }

private:
    const std::vector<Bar>& m_all;
    std::size_t m_next = 0;
};

} // namespace

class TestFeatureContract : public QObject {
    Q_OBJECT

private slots:
    void noFeatureSeesTheFuture()
    {
        const std::vector<Bar> bars = wanderingBars(700);
        for (const FeatureInfo& info : featureCatalog()) {
            const Feature feature = [&](const std::vector<Bar>& input) { return stream(*info.make(300), input); };
            for (const std::size_t cut : {0u, 19u, 20u, 288u, 333u, 640u, 698u}) {
                const auto leak = firstLeak(feature, bars, cut);
                QVERIFY2(!leak, fmt::format("{} leaks at row {}", info.name, leak.value_or(0)).c_str());
            }
        }
    }

    void aLeakIsCaught()
    {
        const std::vector<Bar> bars = wanderingBars(300);
        const Feature nextReturn = [](const std::vector<Bar>& input) {
            LeakingKernel kernel(input);
            return stream(kernel, input);
        };
        QCOMPARE(firstLeak(nextReturn, bars, 100), std::optional<std::size_t>(100));
        // The common leak: scaling by the extreme of the whole history.
        const Feature scaledByAll = [](const std::vector<Bar>& input) {
            double highest = 0.0;
            for (const Bar& bar : input)
                highest = std::max(highest, bar.high);
            std::vector<double> values;
            for (const Bar& bar : input)
                values.push_back(bar.close / highest);
            return values;
        };
        QVERIFY(firstLeak(scaledByAll, bars, 100));
    }

    void finiteFromTheWarmUpOn()
    {
        std::vector<Bar> bars = wanderingBars(600);
        for (std::size_t i = 400; i < 450; ++i) // a stretch without trades or moves inside the history
            bars[i] = {bars[i].timestamp, 900, 900, 900, 900, 0};
        for (const FeatureInfo& info : featureCatalog()) {
            const std::vector<double> values = stream(*info.make(300), bars);
            for (std::size_t i = static_cast<std::size_t>(info.warmUp) - 1; i < values.size(); ++i)
                QVERIFY2(std::isfinite(values[i]), fmt::format("{} at row {}", info.name, i).c_str());
            if (info.warmUp > 1)
                QVERIFY2(!std::isfinite(values[static_cast<std::size_t>(info.warmUp) - 2]), info.name.c_str());
        }
    }

    void pushAllocatesNothing()
    {
        const std::vector<Bar> bars = wanderingBars(1000);
        for (const FeatureInfo& info : featureCatalog()) {
            const auto kernel = info.make(300);
            const std::size_t before = allocations.load();
            for (const Bar& bar : bars)
                kernel->push(bar);
            QVERIFY2(allocations.load() == before, info.name.c_str());
        }
        const std::size_t before = allocations.load();
        const auto kernel = findFeature("SMA_20").make(300);
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
        QVERIFY(names.size() >= 40);
        QCOMPARE(groups.size(), std::size_t{6});
    }

    // Raw prices double over the years: a network must not be given them unless somebody asks for it.
    void defaultFeaturesDoNotDependOnThePriceLevel()
    {
        const std::vector<Bar> bars = wanderingBars(600);
        std::vector<Bar> scaled = bars;
        for (Bar& bar : scaled) {
            bar.open *= 64.0;
            bar.high *= 64.0;
            bar.low *= 64.0;
            bar.close *= 64.0;
            bar.volume *= 8.0;
        }
        std::set<FeatureGroup> groups;
        const std::vector<std::string> names = defaultFeatureNames();
        QVERIFY(names.size() >= 22 && names.size() <= 30);
        for (const std::string& name : names) {
            const FeatureInfo& info = findFeature(name);
            groups.insert(info.group);
            const auto a = stream(*info.make(300), bars);
            const auto b = stream(*info.make(300), scaled);
            for (std::size_t i = static_cast<std::size_t>(info.warmUp); i < a.size(); ++i)
                QVERIFY2(std::abs(a[i] - b[i]) <= 1e-9 * std::max(1.0, std::abs(a[i])), name.c_str());
        }
        QCOMPARE(groups.size(), std::size_t{6});
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
