#include <cmath>
#include <numbers>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/features/FeatureKernel.h"
#include "data/importers/LoadSeries.h"
#include "tests/support/Table.h"

using namespace btcai;
using namespace btcai::test;

namespace {

std::vector<double> run(const FeatureInfo& info, const std::vector<Bar>& bars)
{
    const auto kernel = info.make(300);
    std::vector<double> values;
    for (const Bar& bar : bars)
        values.push_back(kernel->push(bar));
    return values;
}

std::vector<double> run(const std::string& name, const std::vector<Bar>& bars) { return run(findFeature(name), bars); }

/// The first row that differs by more than `relative` of the expected value (and by more than `absolute`).
std::string firstDifference(const std::vector<double>& got, const std::vector<double>& expected, double relative, double absolute)
{
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!std::isnan(expected[i]) && !(std::abs(got[i] - expected[i]) <= std::max(absolute, relative * std::abs(expected[i]))))
            return fmt::format("row {}: {:.15g} where {:.15g} is expected", i, got[i], expected[i]);
    return {};
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Where the high hardly changed, by 2e-6 in one of five bars, TA-Lib's running sums keep a rounding error of what left the window and
// its beta is off by 1.4e-8. This is the value in exact fractions of the prices as they stand in the data set.
constexpr std::size_t kBetaRow = 707;
constexpr double kExactBeta = 722.6591549725259;

} // namespace

class TestFeatureValues : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_golden = readTable(fixture("indicators-btcusd-5m-2018-03.csv.gz"));
        // The reference was computed on the bars as they are, but shows its input cut to ten digits: take the bars from
        // the data set they came from.
        const BarSeries series = loadSeries(bundledData());
        for (std::size_t row = series.lowerBound(1519862400); m_bars.size() < 4000; ++row)
            if (const auto bar = series.bar(row))
                m_bars.push_back(*bar);
        QCOMPARE(m_golden["timestamp"].size(), m_bars.size());
        for (std::size_t i = 0; i < m_bars.size(); ++i) {
            QCOMPARE(static_cast<double>(m_bars[i].timestamp), m_golden["timestamp"][i]);
            QVERIFY(std::abs(m_bars[i].close / m_golden["close"][i] - 1.0) < 1e-9);
        }
    }

    // Every column that TA-Lib gives under the same name, from its first row to its last. The reference has twelve digits, so what
    // is a small difference of large numbers (prices near 10,000) is known to 1e-8 at best.
    void equalsTaLib()
    {
        int shared = 0;
        for (const FeatureInfo& info : featureCatalog()) {
            const auto reference = m_golden.find(info.name);
            if (reference == m_golden.end())
                continue;
            ++shared;
            QVERIFY2(!info.reference.empty(), info.name.c_str());
            const bool pattern = info.name.starts_with("CDL");
            if (info.name == "BETA_HIGH_LOW_5")
                reference->second[kBetaRow] = kExactBeta;
            const std::string difference = firstDifference(run(info, m_bars), reference->second, pattern ? 0.0 : 1e-8, pattern ? 0.0 : 1e-8);
            QVERIFY2(difference.empty(), fmt::format("{}: {}", info.name, difference).c_str());
        }
        QCOMPARE(shared, 83);
        QCOMPARE(m_golden.size(), std::size_t{83 + 6}); // time, open, high, low, close, volume
    }

    // TA-Lib starts where we do, but for the MACD and %K lines, which it holds back until their signals are there too.
    void warmUpIsTaLibs()
    {
        for (const FeatureInfo& info : featureCatalog()) {
            const auto reference = m_golden.find(info.name);
            if (reference == m_golden.end())
                continue;
            const auto first = std::ranges::find_if(reference->second, [](double v) { return !std::isnan(v); }) - reference->second.begin();
            const auto expected = info.name == "MACD_12_26_9" ? 26 : info.name == "STOCH_K_14_3_3" ? 16 : info.name == "STOCHRSI_K_14_14_3" ? 28 : first + 1;
            QVERIFY2(info.warmUp == expected, info.name.c_str());
        }
    }

    void followsFromTaLibsColumns()
    {
        const auto& upper = m_golden["BBANDS_UPPER_20_2"];
        const auto& middle = m_golden["BBANDS_MIDDLE_20_2"];
        const auto& lower = m_golden["BBANDS_LOWER_20_2"];
        const auto& volume = m_golden["SUM_VOLUME_20"];
        std::vector<double> percent(20, kNan), width(20, kNan), onBalance(20, kNan), moneyFlow(20, kNan);
        for (std::size_t i = 20; i < m_bars.size(); ++i) {
            percent.push_back((m_bars[i].close - lower[i]) / (upper[i] - lower[i]));
            width.push_back((upper[i] - lower[i]) / middle[i]);
            onBalance.push_back((m_golden["OBV"][i] - m_golden["OBV"][i - 20]) / volume[i]);
            moneyFlow.push_back((m_golden["AD"][i] - m_golden["AD"][i - 20]) / volume[i]);
        }
        QCOMPARE(firstDifference(run("BBANDS_PERCENT_20_2", m_bars), percent, 1e-8, 1e-8), std::string());
        QCOMPARE(firstDifference(run("BBANDS_WIDTH_20_2", m_bars), width, 1e-7, 0.0), std::string());
        QCOMPARE(firstDifference(run("OBV_SHARE_20", m_bars), onBalance, 1e-8, 1e-8), std::string());
        QCOMPARE(firstDifference(run("CMF_20", m_bars), moneyFlow, 1e-8, 1e-8), std::string());
    }

    // No reference program gives these: a second, plain implementation of the formula over the whole history does.
    void equalsThePlainFormula()
    {
        for (const std::size_t lag : {1, 3, 12, 48, 144, 288}) {
            std::vector<double> expected(lag, kNan);
            for (std::size_t i = lag; i < m_bars.size(); ++i)
                expected.push_back(std::log(m_bars[i].close) - std::log(m_bars[i - lag].close));
            QCOMPARE(firstDifference(run(fmt::format("LOGRET_{}", lag), m_bars), expected, 1e-9, 1e-13), std::string());
        }
        for (const std::size_t period : {12, 48, 288}) {
            std::vector<double> volatility(period, kNan);
            for (std::size_t i = period; i < m_bars.size(); ++i) {
                double squares = 0.0;
                for (std::size_t k = i - period + 1; k <= i; ++k)
                    squares += std::pow(std::log(m_bars[k].close / m_bars[k - 1].close), 2);
                volatility.push_back(std::sqrt(squares / static_cast<double>(period)));
            }
            QCOMPARE(firstDifference(run(fmt::format("RVOL_{}", period), m_bars), volatility, 1e-9, 0.0), std::string());
        }
    }

    // The EMA written out: weight 2 (1 - w)^k on the k-th bar back, what is left on the mean of the first bars.
    void averagesEqualTheirExpandedSum()
    {
        for (const std::size_t period : {12, 48, 288}) {
            const double weight = 2.0 / static_cast<double>(period + 1);
            double closeSeed = 0.0, volumeSeed = 0.0;
            for (std::size_t k = 0; k < period; ++k) {
                closeSeed += m_bars[k].close / static_cast<double>(period);
                volumeSeed += m_bars[k].volume / static_cast<double>(period);
            }
            const auto ratio = run(fmt::format("EMA_RATIO_{}", period), m_bars);
            const auto volumeRatio = period == 48 ? std::vector<double>{} : run(fmt::format("VOLUME_RATIO_{}", period), m_bars);
            for (const std::size_t i : {period - 1, period, period + 17, std::size_t{1500}}) {
                double close = 0.0, volume = 0.0, factor = 1.0;
                for (std::size_t k = i; k >= period; --k, factor *= 1.0 - weight) {
                    close += weight * factor * m_bars[k].close;
                    volume += weight * factor * m_bars[k].volume;
                }
                close += factor * closeSeed;
                volume += factor * volumeSeed;
                QVERIFY(std::abs(ratio[i] - std::log(m_bars[i].close / close)) < 1e-12);
                if (!volumeRatio.empty())
                    QVERIFY(std::abs(volumeRatio[i] - std::max(std::log(m_bars[i].volume / volume), std::log(1e-3))) < 1e-12);
            }
        }
    }

    void candlesWorkedByHand()
    {
        const std::vector<Bar> bars{{0, 10, 20, 0, 15, 1}, {300, 15, 20, 0, 10, 1}, {600, 5, 5, 5, 5, 1}};
        QCOMPARE(run("BOP", bars), (std::vector<double>{0.25, -0.25, 0.0}));
        QCOMPARE(run("UPPER_WICK_SHARE", bars), (std::vector<double>{0.25, 0.25, 0.0}));
        QCOMPARE(run("LOWER_WICK_SHARE", bars), (std::vector<double>{0.5, 0.5, 0.0}));
    }

    // A bar of 300 s that opens at 05:55 closes at 06:00, a quarter of the day. 2018-01-01 was a Monday.
    void timesWorkedByHand()
    {
        constexpr std::int64_t monday = 1514764800;
        const auto at = [](const std::string& name, std::int64_t close) { return run(name, {{close - 300, 1, 1, 1, 1, 1}})[0]; };
        QVERIFY(std::abs(at("HOUR_SIN", monday + 6 * 3600) - 1.0) < 1e-12);
        QVERIFY(std::abs(at("HOUR_COS", monday + 6 * 3600)) < 1e-12);
        QVERIFY(std::abs(at("HOUR_COS", monday + 12 * 3600) + 1.0) < 1e-12);
        QVERIFY(std::abs(at("HOUR_SIN", monday + 8 * 86400 + 18 * 3600) + 1.0) < 1e-12);
        QVERIFY(std::abs(at("WEEKDAY_SIN", monday)) < 1e-12);
        QVERIFY(std::abs(at("WEEKDAY_COS", monday) - 1.0) < 1e-12);
        // Thursday 12:00 is the middle of the week, Tuesday 18:00 a quarter of it.
        QVERIFY(std::abs(at("WEEKDAY_COS", monday + 3 * 86400 + 12 * 3600) + 1.0) < 1e-12);
        QVERIFY(std::abs(at("WEEKDAY_SIN", monday + 86400 + 18 * 3600) - 1.0) < 1e-12);
        QVERIFY(std::abs(at("WEEKDAY_SIN", monday + 7 * 86400 + 12 * 3600) - std::sin(std::numbers::pi / 7.0)) < 1e-12);
    }

    // What a price that never moves and a market without trades give; TA-Lib's conventions, stated in the catalogue.
    void aConstantPriceGivesTheDocumentedValue()
    {
        const std::map<std::string, double> expected{
            {"RSI_14", 0}, {"CMO_14", 0}, {"WILLR_14", 0}, {"STOCH_K_14_3_3", 0}, {"STOCH_D_14_3_3", 0}, {"CCI_20", 0},
            {"ULTOSC_7_14_28", 0}, {"ADX_14", 0}, {"DX_14", 0}, {"PLUS_DI_14", 0}, {"MINUS_DI_14", 0}, {"MFI_14", 0},
            {"BBANDS_PERCENT_20_2", 0.5}, {"BBANDS_WIDTH_20_2", 0}, {"RVOL_288", 0}, {"LOGRET_288", 0}, {"ATR_14", 0},
            {"NATR_14", 0}, {"TRIX_15", 0}, {"PPO_12_26_EMA", 0}, {"OBV_SHARE_20", 0}, {"CMF_20", 0}, {"BOP", 0},
            {"VOLUME_RATIO_12", 0}, {"VOLUME_RATIO_288", 0}, {"EMA_RATIO_288", 0}, {"AROONOSC_14", 0}, {"ROC_10", 0},
        };
        const std::vector<Bar> bars = motionlessBars(400);
        for (const auto& [name, value] : expected) {
            const double got = run(name, bars).back();
            QVERIFY2(std::abs(got - value) < 1e-9, fmt::format("{} gives {}", name, got).c_str());
        }
    }

    void zeroVolumeIsALowValueNotMinusInfinity()
    {
        std::vector<Bar> bars = wanderingBars(400);
        bars.back().volume = 0.0;
        QCOMPARE(run("VOLUME_RATIO_288", bars).back(), std::log(1e-3));
    }

private:
    Columns m_golden;
    std::vector<Bar> m_bars;
};

QTEST_APPLESS_MAIN(TestFeatureValues)
#include "tst_feature_values.moc"
