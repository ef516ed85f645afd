#include <cmath>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/features/CausalityCheck.h"
#include "data/features/FeatureKernel.h"
#include "data/features/FeatureMatrix.h"

using namespace btcai;
using namespace btcai::test;

namespace {

/// Bars on a grid of any interval, some missing.
BarSeries seriesOf(std::size_t count, std::int64_t interval)
{
    std::vector<Bar> bars = wanderingBars(count);
    for (std::size_t i = 0; i < bars.size(); ++i)
        bars[i].timestamp = 1'500'000'000 - 1'500'000'000 % 86400 + interval * static_cast<std::int64_t>(i);
    std::erase_if(bars, [&](const Bar& bar) { return (bar.timestamp / interval) % 23 == 7 || (bar.timestamp / interval) % 400 > 388; });
    return BarSeries::fromBars("X", interval, bars);
}

/// A kernel that cheats: it was shown the whole history when it was made and gives the return of the bar to come.
class LeakingKernel : public FeatureKernel {
public:
    explicit LeakingKernel(std::span<const Bar> all) : m_all(all) {}
    double push(const Bar& bar) override
    {
        ++m_next;
        return m_next < m_all.size() ? std::log(m_all[m_next].close / bar.close) : 0.0;
    }
    void run(const BarBlock& bars, std::span<double> values) override
    {
        for (std::size_t i = 0; i < bars.size(); ++i)
            values[i] = push(bars[i]);
    }

private:
    std::span<const Bar> m_all;
    std::size_t m_next = 0;
};

CheckedFeature leakingFeature()
{
    return {"LEAK", [](const BarSeries& series, const FundingSeries&) {
                std::vector<Bar> bars;
                for (std::size_t i = 0; i < series.size(); ++i)
                    if (const auto bar = series.bar(i))
                        bars.push_back(*bar);
                LeakingKernel kernel(bars);
                std::vector<double> values;
                for (std::size_t i = 0; i < series.size(); ++i)
                    values.push_back(series.present(i) ? kernel.push(*series.bar(i)) : 0.0);
                return values;
            }};
}

/// A feature from a function of the closes (0 where missing) and the funding.
template <typename Function>
CheckedFeature fromCloses(const char* name, Function function)
{
    return {name, [function](const BarSeries& series, const FundingSeries& funding) {
                std::vector<double> closes;
                for (std::size_t i = 0; i < series.size(); ++i)
                    closes.push_back(series.present(i) ? series.close()[i] : 0.0);
                return function(closes, series, funding);
            }};
}

std::vector<std::string> findings(const CheckedFeature& feature)
{
    std::vector<std::string> changes;
    for (const CausalityFinding& finding : checkCausality(std::span(&feature, 1), seriesOf(3000, 300), {}).findings)
        changes.push_back(finding.change);
    return changes;
}

} // namespace

class TestFeatureCausality : public QObject {
    Q_OBJECT

private slots:
    // Bars of the buckets (5 minutes) and of other intervals, below and above those of the features' own timeframes.
    void noFeatureSeesTheFuture()
    {
        const std::vector<std::string> names = resolveFeatureSelection("all");
        for (const std::int64_t interval : {60, 300, 900, 3600, 14400, 86400}) {
            const BarSeries series = seriesOf(interval == 300 ? 13'000 : 3000, interval);
            const CausalityReport report =
                checkCausality(catalogueFeatures(names, interval), series, {}, {.cuts = interval == 300 ? std::size_t{12} : std::size_t{6}});
            QVERIFY2(report.passed(), report.toText().c_str());
            QCOMPARE(report.features, names.size());
            QVERIFY(report.values > names.size() * 3 * report.cuts);
        }
    }

    // The matrix that training reads, columns side by side: with a missing bar a row keeps what was known.
    void theMatrixDoesNotSeeTheFuture()
    {
        std::vector<CheckedFeature> columns;
        for (const std::string& name : defaultFeatureNames())
            columns.push_back({name, [name](const BarSeries& series, const FundingSeries& funding) {
                                   const auto matrix = FeatureMatrix::compute(series, std::span(&name, 1), {.funding = &funding});
                                   return std::vector<double>(matrix.values().begin(), matrix.values().end());
                               }});
        const CausalityReport report = checkCausality(columns, seriesOf(4000, 300), {}, {.cuts = 6});
        QVERIFY2(report.passed(), report.toText().c_str());
    }

    void aLeakingKernelIsCaught()
    {
        const CheckedFeature leak = leakingFeature();
        const CausalityReport report = checkCausality(std::span(&leak, 1), seriesOf(3000, 300), {});
        QVERIFY(!report.passed());
        QVERIFY(report.toText().find("LEAK") != std::string::npos);
        QCOMPARE(report.toJson().at("findings").at(0).at("feature").get<std::string>(), std::string("LEAK"));
        for (const CausalityFinding& finding : report.findings)
            QVERIFY(finding.valueTime <= finding.cutTime && finding.before != finding.after);
    }

    void commonLeaksAreCaught()
    {
        using Closes = const std::vector<double>&;
        const auto scaledByAll = fromCloses("scaled", [](Closes closes, const BarSeries&, const FundingSeries&) {
            const double highest = *std::ranges::max_element(closes);
            std::vector<double> values;
            for (const double close : closes)
                values.push_back(close / highest);
            return values;
        });
        QCOMPARE(findings(scaledByAll).front(), std::string("changed"));
        const auto length = fromCloses("length", [](Closes closes, const BarSeries&, const FundingSeries&) {
            return std::vector<double>(closes.size(), static_cast<double>(closes.size()));
        });
        QCOMPARE(findings(length), std::vector<std::string>{"deleted"});
        // Whether the next bar will be there is not known either.
        const auto nextIsMissing = fromCloses("next", [](Closes closes, const BarSeries& series, const FundingSeries&) {
            std::vector<double> values;
            for (std::size_t i = 0; i < closes.size(); ++i)
                values.push_back(i + 1 < closes.size() && !series.present(i + 1) ? 1.0 : 0.0);
            return values;
        });
        QVERIFY(!findings(nextIsMissing).empty());
        const auto lateFunding = fromCloses("funding", [](Closes closes, const BarSeries& series, const FundingSeries& funding) {
            std::vector<double> values;
            for (std::size_t i = 0; i < closes.size(); ++i)
                values.push_back(funding.latest(series.timestamp(i) + 8 * 3600).value_or(FundingRate{}).rate);
            return values;
        });
        QVERIFY(!findings(lateFunding).empty());
        const auto honest = fromCloses("honest", [](Closes closes, const BarSeries&, const FundingSeries&) { return closes; });
        QVERIFY(findings(honest).empty());
    }

    // A bar of a higher timeframe handed out while it is still open: the close of the hour, from the hour's start on.
    void anUnfinishedHourIsCaught()
    {
        const auto hour = fromCloses("hour", [](const std::vector<double>& closes, const BarSeries& series, const FundingSeries&) {
            std::vector<double> values;
            for (std::size_t i = 0; i < closes.size(); ++i) {
                std::size_t last = i;
                while (last + 1 < closes.size() && series.timestamp(last + 1) / 3600 == series.timestamp(i) / 3600)
                    ++last;
                values.push_back(closes[last]);
            }
            return values;
        });
        QVERIFY(!findings(hour).empty());
    }

    void aSeriesWithoutFutureIsRefused()
    {
        const CheckedFeature leak = leakingFeature();
        const auto failure = failureOf([&] { checkCausality(std::span(&leak, 1), seriesOf(1, 300), {}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
        CausalityOptions stopped;
        stopped.stop.requestStop();
        QVERIFY(failureOf([&] { checkCausality(std::span(&leak, 1), seriesOf(100, 300), {}, stopped); })->kind == ErrorKind::Cancelled);
    }
};

QTEST_APPLESS_MAIN(TestFeatureCausality)
#include "tst_feature_causality.moc"
