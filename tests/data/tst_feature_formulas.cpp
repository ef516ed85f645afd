#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <numeric>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/features/FeatureStream.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> run(const std::string& name, const std::vector<Bar>& bars, const std::vector<FundingRate>& funding = {})
{
    const FeatureInfo& info = findFeature(name);
    const auto kernel = info.make(300);
    std::vector<double> values(bars.size());
    runKernel(*kernel, 300, BarTable(bars).block(), funding, values);
    return values;
}

/// The first row that differs by more than the tolerance, or where one has a value and the other none.
std::string firstDifference(const std::vector<double>& got, const std::vector<double>& expected, double tolerance = 1e-9)
{
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (std::isnan(got[i]) != std::isnan(expected[i]) || std::abs(got[i] - expected[i]) > tolerance * std::max(1.0, std::abs(expected[i])))
            return fmt::format("row {}: {:.15g} where {:.15g} is expected", i, got[i], expected[i]);
    return {};
}

using Window = std::span<const double>;

double sum(Window w) { return std::accumulate(w.begin(), w.end(), 0.0); }
double mean(Window w) { return sum(w) / static_cast<double>(w.size()); }
double moment(Window w, double power)
{
    double total = 0.0;
    for (const double value : w)
        total += std::pow(value - mean(w), power);
    return total / static_cast<double>(w.size());
}
double correlationOf(Window x, Window y)
{
    double products = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i)
        products += (x[i] - mean(x)) * (y[i] - mean(y));
    return products / static_cast<double>(x.size()) / std::sqrt(moment(x, 2) * moment(y, 2));
}
double sumOfSquares(Window w) { return std::inner_product(w.begin(), w.end(), w.begin(), 0.0); }

} // namespace

/// Features that no reference program gives under our definition, against a second, plain implementation of the catalogue's formula that
/// looks at the whole history, or worked by hand.
class TestFeatureFormulas : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        const BarSeries series = loadSeries(bundledData());
        for (std::size_t row = series.lowerBound(1519862400); m_bars.size() < 1500; ++row)
            if (const auto bar = series.bar(row))
                m_bars.push_back(*bar);
        for (const Bar& bar : m_bars) {
            m_close.push_back(bar.close);
            m_high.push_back(bar.high);
            m_low.push_back(bar.low);
            m_volume.push_back(bar.volume);
            m_typical.push_back((bar.high + bar.low + bar.close) / 3.0);
            m_log.push_back(std::log(bar.close));
        }
        for (std::size_t i = 1; i < m_bars.size(); ++i) {
            m_return.push_back(m_log[i] - m_log[i - 1]);
            m_size.push_back(std::abs(m_return.back()));
            m_range.push_back(std::max(m_high[i], m_close[i - 1]) - std::min(m_low[i], m_close[i - 1]));
        }
        // The return and the true range of bar i stand at i, as do the others; that of bar 0 is never used.
        for (auto* column : {&m_return, &m_size, &m_range})
            column->insert(column->begin(), kNan);
    }

    void moments()
    {
        const auto skew = [](Window r) { return moment(r, 3) / std::pow(moment(r, 2), 1.5); };
        const auto kurtosis = [](Window r) { return moment(r, 4) / std::pow(moment(r, 2), 2.0) - 3.0; };
        for (const std::size_t period : {48, 288}) {
            check(fmt::format("SKEW_{}", period), 1, period, [&](auto window) { return skew(window(m_return)); });
            check(fmt::format("KURT_{}", period), 1, period, [&](auto window) { return kurtosis(window(m_return)); });
            check(fmt::format("ZSCORE_{}", period), 0, period,
                  [&](auto window) { return (window(m_close).back() - mean(window(m_close))) / std::sqrt(moment(window(m_close), 2)); });
        }
        check("STDDEV_20", 0, 20, [&](auto window) { return std::sqrt(moment(window(m_close), 2)); });
        check("VAR_20", 0, 20, [&](auto window) { return moment(window(m_close), 2); });
    }

    void memory()
    {
        for (const auto& [name, lag, period] : {std::tuple{"AUTOCORR_1_48", 1, 48}, {"AUTOCORR_1_288", 1, 288}, {"AUTOCORR_12_288", 12, 288}}) {
            const auto pairs = static_cast<std::size_t>(period), back = static_cast<std::size_t>(lag);
            check(name, 1, pairs + back,
                  [&](auto window) { return correlationOf(window(m_return).last(pairs), window(m_return).first(pairs)); });
        }
        check("VARIANCE_RATIO_12_288", 0, 300, [&](auto window) {
            const Window p = window(m_log);
            double one = 0.0, twelve = 0.0;
            for (std::size_t i = 12; i < 300; ++i) {
                one += std::pow(p[i] - p[i - 1], 2);
                twelve += std::pow(p[i] - p[i - 12], 2);
            }
            return twelve / (12.0 * one);
        });
        check("HURST_288", 0, 304, [&](auto window) {
            const Window p = window(m_log);
            std::vector<double> x, y;
            for (const std::size_t lag : {1, 2, 4, 8, 16}) {
                double squares = 0.0;
                for (std::size_t i = 16; i < 304; ++i)
                    squares += std::pow(p[i] - p[i - lag], 2);
                x.push_back(std::log(static_cast<double>(lag)));
                y.push_back(std::log(squares / 288.0));
            }
            double products = 0.0;
            for (std::size_t i = 0; i < 5; ++i)
                products += (x[i] - mean(x)) * (y[i] - mean(y));
            return std::clamp(0.5 * products / (5.0 * moment(x, 2)), 0.0, 1.0);
        });
        for (const std::size_t period : {96, 288})
            check(fmt::format("PERM_ENTROPY_3_{}", period), 0, period + 2, [&](auto window) {
                const Window c = window(m_close);
                std::map<std::array<std::size_t, 3>, double> counts;
                for (std::size_t i = 2; i < c.size(); ++i) {
                    std::array<std::size_t, 3> order{i - 2, i - 1, i};
                    std::ranges::stable_sort(order, {}, [&](std::size_t k) { return c[k]; });
                    counts[{order[0] + 2 - i, order[1] + 2 - i, order[2] + 2 - i}] += 1.0 / static_cast<double>(period);
                }
                double entropy = 0.0;
                for (const auto& [order, share] : counts)
                    entropy -= share * std::log(share);
                return entropy / std::log(6.0);
            });
    }

    // A walk with steps that never turn scales with exponent 1, one that always turns has no exponent, and a fair one 1/2.
    void hurstKnowsAWalkFromATrend()
    {
        std::vector<Bar> trend = m_bars, zigzag = m_bars;
        for (std::size_t i = 0; i < m_bars.size(); ++i) {
            trend[i].close = std::exp(0.001 * static_cast<double>(i));
            zigzag[i].close = i % 2 == 0 ? 100.0 : 101.0;
        }
        QVERIFY(std::abs(run("HURST_288", trend).back() - 1.0) < 1e-9);
        QCOMPARE(run("HURST_288", zigzag).back(), 0.5); // nothing moves over an even lag
        const double real = run("HURST_288", m_bars).back();
        QVERIFY(real > 0.3 && real < 0.7);
    }

    void sharesOfVariation()
    {
        check("DOWNSIDE_SHARE_288", 1, 288, [&](auto window) {
            double down = 0.0;
            for (const double r : window(m_return))
                down += r < 0.0 ? r * r : 0.0;
            return down / sumOfSquares(window(m_return));
        });
        check("JUMP_SHARE_288", 1, 289, [&](auto window) {
            const Window size = window(m_size);
            double bipower = 0.0;
            for (std::size_t i = 1; i < size.size(); ++i)
                bipower += size[i] * size[i - 1];
            return std::max(0.0, 1.0 - std::numbers::pi / 2.0 * bipower / sumOfSquares(size.last(288)));
        });
    }

    void rangeVolatilities()
    {
        const auto rootMean = [this](std::size_t i, const std::function<double(const Bar&)>& variance) {
            double total = 0.0;
            for (std::size_t k = i - 47; k <= i; ++k)
                total += variance(m_bars[k]);
            return std::sqrt(total / 48.0);
        };
        checkAt("PARKINSON_48", 47, [&](std::size_t i) {
            return rootMean(i, [](const Bar& b) { return std::pow(std::log(b.high) - std::log(b.low), 2) / (4.0 * std::log(2.0)); });
        });
        checkAt("GARMAN_KLASS_48", 47, [&](std::size_t i) {
            return rootMean(i, [](const Bar& b) {
                return 0.5 * std::pow(std::log(b.high / b.low), 2) - (2.0 * std::log(2.0) - 1.0) * std::pow(std::log(b.close / b.open), 2);
            });
        });
        checkAt("ROGERS_SATCHELL_48", 47, [&](std::size_t i) {
            return rootMean(i, [](const Bar& b) {
                return std::log(b.high / b.close) * std::log(b.high / b.open) + std::log(b.low / b.close) * std::log(b.low / b.open);
            });
        });
        checkAt("ULCER_14", 26, [&](std::size_t i) {
            double squares = 0.0;
            for (std::size_t k = i - 13; k <= i; ++k) {
                const double top = *std::max_element(m_close.begin() + static_cast<long>(k) - 13, m_close.begin() + static_cast<long>(k) + 1);
                squares += std::pow(100.0 * (m_close[k] - top) / top, 2);
            }
            return std::sqrt(squares / 14.0);
        });
    }

    void averagesBuiltFromOthers()
    {
        const auto ema = run("EMA_20", m_bars), kama = run("KAMA_20", m_bars), sar = run("SAR_0.02_0.2", m_bars);
        double range = kNan;
        std::vector<double> wilder(m_bars.size(), kNan);
        for (std::size_t i = 10; i < m_bars.size(); ++i)
            wilder[i] = range = i == 10 ? mean(Window(m_range).subspan(1, 10)) : (9.0 * range + m_range[i]) / 10.0;
        checkAt("KELTNER_PERCENT_20_10_2", 19, [&](std::size_t i) { return (m_close[i] - (ema[i] - 2.0 * wilder[i])) / (4.0 * wilder[i]); });
        checkAt("KAMA_RATIO_20", 20, [&](std::size_t i) { return std::log(m_close[i]) - std::log(kama[i]); });
        checkAt("SAR_RATIO_0.02_0.2", 1, [&](std::size_t i) { return std::log(m_close[i]) - std::log(sar[i]); });
        checkAt("TSI_25_13", 37, [&](std::size_t i) { return 100.0 * twiceSmoothed(i, false) / twiceSmoothed(i, true); }, 400);
    }

    void channels()
    {
        const auto highest = [](Window w) { return *std::ranges::max_element(w); };
        const auto lowest = [](Window w) { return *std::ranges::min_element(w); };
        for (const std::size_t period : {48, 288}) {
            check(fmt::format("DIST_HIGH_{}", period), 0, period, [&](auto w) { return std::log(w(m_close).back() / highest(w(m_high))); });
            check(fmt::format("DIST_LOW_{}", period), 0, period, [&](auto w) { return std::log(w(m_close).back() / lowest(w(m_low))); });
            check(fmt::format("DONCHIAN_PLACE_{}", period), 0, period, [&](auto w) {
                return (w(m_close).back() - lowest(w(m_low))) / (highest(w(m_high)) - lowest(w(m_low)));
            });
        }
        check("ICHIMOKU_RATIO_9_26", 0, 26, [&](auto w) {
            return std::log((highest(w(m_high).last(9)) + lowest(w(m_low).last(9))) / (highest(w(m_high)) + lowest(w(m_low))));
        });
        checkAt("VORTEX_PLUS_14", 14, [&](std::size_t i) { return vortex(i, m_high, m_low); });
        checkAt("VORTEX_MINUS_14", 14, [&](std::size_t i) { return vortex(i, m_low, m_high); });
        checkAt("CHOP_14", 14, [&](std::size_t i) {
            double top = 0.0, bottom = 1e300;
            for (std::size_t k = i - 13; k <= i; ++k) {
                top = std::max({top, m_high[k], m_close[k - 1]});
                bottom = std::min({bottom, m_low[k], m_close[k - 1]});
            }
            return 100.0 * std::log10(sum(Window(m_range).subspan(i - 13, 14)) / (top - bottom)) / std::log10(14.0);
        });
    }

    void volumes()
    {
        for (const std::size_t period : {48, 288})
            check(fmt::format("VWAP_RATIO_{}", period), 0, period, [&](auto w) {
                const double money = std::inner_product(w(m_typical).begin(), w(m_typical).end(), w(m_volume).begin(), 0.0);
                return std::log(w(m_close).back() / (money / sum(w(m_volume))));
            });
        const auto impact = [this](std::size_t first, std::size_t last) {
            double total = 0.0;
            for (std::size_t k = first; k <= last; ++k)
                total += m_volume[k] > 0.0 ? m_size[k] / (m_close[k] * m_volume[k]) : 0.0;
            return total / static_cast<double>(last + 1 - first);
        };
        checkAt("ILLIQUIDITY_RATIO_12_288", 288,
                [&](std::size_t i) { return std::log(std::max(1e-3, impact(i - 11, i) / impact(i - 287, i))); });
    }

    void regimes()
    {
        const auto efficiency = [this](std::size_t i, std::size_t period) {
            double walked = 0.0;
            for (std::size_t k = i + 1 - period; k <= i; ++k)
                walked += std::abs(m_close[k] - m_close[k - 1]);
            return std::abs(m_close[i] - m_close[i - period]) / walked;
        };
        const auto agitation = [this](std::size_t i) {
            return std::sqrt(sumOfSquares(Window(m_return).subspan(i - 11, 12)) / 12.0 / (sumOfSquares(Window(m_return).subspan(i - 287, 288)) / 288.0));
        };
        checkAt("EFFICIENCY_48", 48, [&](std::size_t i) { return efficiency(i, 48); });
        checkAt("EFFICIENCY_288", 288, [&](std::size_t i) { return efficiency(i, 288); });
        checkAt("RVOL_RATIO_12_288", 288, [&](std::size_t i) { return std::log(agitation(i)); });
        check("TREND_FIT_48", 0, 48, [&](auto w) {
            std::vector<double> time(48);
            std::iota(time.begin(), time.end(), 0.0);
            const double r = correlationOf(time, w(m_close));
            return r * std::abs(r);
        }, 1e-8);
        const auto regime = [&](std::size_t i) { return agitation(i) >= 1.5 ? 2 : efficiency(i, 48) >= 0.3 ? 1 : 0; };
        std::map<int, int> seen;
        for (std::size_t i = 288; i < m_bars.size(); ++i)
            ++seen[regime(i)];
        QVERIFY(seen[0] > 40 && seen[1] > 40 && seen[2] > 40);
        checkAt("REGIME_RANGE", 288, [&](std::size_t i) { return regime(i) == 0 ? 1.0 : 0.0; });
        checkAt("REGIME_TREND", 288, [&](std::size_t i) { return regime(i) == 1 ? 1.0 : 0.0; });
        checkAt("REGIME_VOLATILE", 288, [&](std::size_t i) { return regime(i) == 2 ? 1.0 : 0.0; });
    }

    // High of bar 3 stands above two bars on either side: known at the close of bar 5, not before. Bar 8 ties with bar 7.
    void swingsAreKnownTwoBarsLater()
    {
        const double highs[] = {10, 11, 12, 15, 12, 11, 10, 20, 20, 11, 10, 9};
        std::vector<Bar> bars;
        for (const double high : highs)
            bars.push_back({300 * static_cast<std::int64_t>(bars.size()), high - 1, high, high - 2, high - 1, 1});
        const auto distance = run("DIST_SWING_HIGH", bars);
        for (std::size_t i = 0; i < bars.size(); ++i) {
            const double expected = i < 4 ? kNan : i < 5 ? 0.0 : std::log((highs[i] - 1) / 15.0);
            QVERIFY2(std::isnan(expected) ? std::isnan(distance[i]) : std::abs(distance[i] - expected) < 1e-12, std::to_string(i).c_str());
        }
        for (Bar& bar : bars) // upside down: the low of bar 3 is 85
            bar = {bar.timestamp, 101 - bar.high, 102 - bar.high, 100 - bar.high, 101 - bar.high, 1};
        const auto low = run("DIST_SWING_LOW", bars);
        QCOMPARE(low[4], 0.0);
        QVERIFY(std::abs(low[5] - std::log((101.0 - 11.0) / 85.0)) < 1e-12);
    }

    // Days of two hours' worth of bars each, and a day without its last bar: it is known when the next bar comes.
    void dailyLevelsComeFromCompleteDays()
    {
        std::vector<Bar> bars;
        for (int day = 0; day < 4; ++day)
            for (int i = 0; i < 288; ++i)
                if (day != 1 || (i > 20 && i < 250))
                    bars.push_back({86400 * day + 300 * i, 100.0 + day, 110.0 + day + (i == 100 ? 5 : 0), 90.0 + day - (i == 30 ? 5 : 0),
                                    100.0 + day + i * 0.01, 1});
        const auto pivot = run("DIST_PIVOT_1D", bars), high = run("DIST_HIGH_1D", bars), low = run("DIST_LOW_1D", bars);
        const auto r1 = run("DIST_R1_1D", bars), s1 = run("DIST_S1_1D", bars);
        std::size_t i = 0;
        for (const Bar& bar : bars) {
            // A day is complete at the close of its last bar at 23:55; day 1 lacks it.
            std::int64_t last = (bar.timestamp + 300) / 86400 - 1;
            if (last < 0) {
                QVERIFY(std::isnan(pivot[i]) && std::isnan(low[i]));
            } else {
                const auto day = static_cast<double>(last);
                const double h = 115.0 + day, l = 85.0 + day, c = 100.0 + day + (last == 1 ? 2.49 : 2.87), p = (h + l + c) / 3.0;
                QVERIFY(std::abs(high[i] - std::log(bar.close / h)) < 1e-12);
                QVERIFY(std::abs(low[i] - std::log(bar.close / l)) < 1e-12);
                QVERIFY(std::abs(pivot[i] - std::log(bar.close / p)) < 1e-12);
                QVERIFY(std::abs(r1[i] - std::log(bar.close / (2 * p - l))) < 1e-12);
                QVERIFY(std::abs(s1[i] - std::log(bar.close / (2 * p - h))) < 1e-12);
            }
            ++i;
        }
    }

    // Each higher timeframe against the base feature run over bars joined here, on data with gaps: a value holds from the close of its
    // bar, or, where base bars at its end are missing, from the next bar's close on.
    void higherTimeframesEqualTheirBarsJoined()
    {
        std::vector<Bar> bars = wanderingBars(7000, 1'500'000'000 - 1'500'000'000 % 300);
        std::erase_if(bars, [](const Bar& bar) { return (bar.timestamp / 300) % 12 >= 9 && (bar.timestamp / 3600) % 5 == 1; });
        std::erase_if(bars, [&](const Bar& bar) { return bar.timestamp > bars[2000].timestamp && bar.timestamp < bars[2000].timestamp + 40'000; });
        for (const auto& [suffix, timeframe] : {std::pair{"15M", 900}, {"1H", 3600}, {"4H", 14400}, {"1D", 86400}}) {
            std::map<std::int64_t, Bar> joined;
            for (const Bar& bar : bars) {
                const auto [place, fresh] = joined.try_emplace(bar.timestamp / timeframe, bar);
                Bar& higher = place->second;
                higher = {higher.timestamp, higher.open, std::max(higher.high, bar.high), std::min(higher.low, bar.low), bar.close,
                          fresh ? bar.volume : higher.volume + bar.volume};
            }
            std::vector<Bar> higher;
            std::vector<std::int64_t> ends;
            for (const auto& [number, bar] : joined) {
                higher.push_back(bar);
                ends.push_back((number + 1) * timeframe);
            }
            for (const char* base : {"LOGRET_1", "EMA_RATIO_12", "RSI_14", "NATR_14", "BBANDS_PERCENT_20_2"}) {
                const auto plain = run(base, higher);
                const auto got = run(fmt::format("{}_{}", base, suffix), bars);
                for (std::size_t i = 0; i < bars.size(); ++i) {
                    // Complete are the bars that end by this close, and all whose end lies before: gaps don't hold them open.
                    const auto complete = std::ranges::upper_bound(ends, bars[i].timestamp + 300) - ends.begin();
                    const double expected = complete == 0 ? kNan : plain[static_cast<std::size_t>(complete) - 1];
                    QVERIFY2(std::isnan(expected) ? std::isnan(got[i]) : got[i] == expected, fmt::format("{}_{} at {}", base, suffix, i).c_str());
                }
            }
        }
    }

    void bellsOfTheCalendar()
    {
        constexpr std::int64_t saturday = 1514764800 + 5 * 86400; // 2018-01-06
        const auto at = [](const std::string& name, std::int64_t close) { return run(name, {{close - 300, 1, 1, 1, 1, 1}})[0]; };
        QCOMPARE(at("WEEKEND", saturday - 300), 0.0);
        QCOMPARE(at("WEEKEND", saturday), 1.0);
        QCOMPARE(at("WEEKEND", saturday + 2 * 86400 - 300), 1.0);
        QCOMPARE(at("WEEKEND", saturday + 2 * 86400), 0.0);
        QVERIFY(std::abs(at("SETTLEMENT_SIN", saturday + 2 * 3600) - 1.0) < 1e-12);
        QVERIFY(std::abs(at("SETTLEMENT_COS", saturday + 12 * 3600) + 1.0) < 1e-12);
        QVERIFY(std::abs(at("SETTLEMENT_COS", saturday + 16 * 3600) - 1.0) < 1e-12);
        // 1970-01-01 is the start; half a mean year later, to the day, is 182 days and a half.
        QCOMPARE(at("YEAR_COS", 3600), 1.0);
        QVERIFY(std::abs(at("YEAR_COS", 182 * 86400 + 7) + 1.0) < 1e-3);
        QVERIFY(std::abs(at("YEAR_SIN", 91 * 86400) - std::sin(2.0 * std::numbers::pi * 91.0 / 365.2425)) < 1e-12);
    }

    // The table of a cycle must give what a fresh kernel gives, however the bars jump.
    void cyclesDoNotDependOnTheWayThere()
    {
        for (const char* name : {"HOUR_SIN", "HOUR_COS", "WEEKDAY_SIN", "WEEKDAY_COS", "SETTLEMENT_SIN", "SETTLEMENT_COS", "YEAR_SIN", "YEAR_COS"})
            for (const std::int64_t interval : {60, 300, 3600, 86400}) {
                const auto kernel = findFeature(name).make(interval);
                std::int64_t time = -5 * 86400;
                for (int i = 0; i < 5000; ++i) {
                    time += interval * (i % 11 == 0 ? 1 + i * 7 % 400 : 1);
                    const Bar bar{time, 1, 1, 1, 1, 1};
                    QCOMPARE(kernel->push(bar), findFeature(name).make(interval)->push(bar));
                }
            }
    }

    // Rates 1, 3, -1 basis points settle at 600, 1200 and 1201 s; bars of 300 s close at 300, 600, ...
    void fundingWorkedByHand()
    {
        std::vector<Bar> bars;
        for (int i = 0; i < 6; ++i)
            bars.push_back({300 * i, 1, 1, 1, 1, 1});
        const std::vector<FundingRate> rates{{600, 1e-4}, {1200, 3e-4}, {1201, -1e-4}};
        QCOMPARE(run("FUNDING_RATE", bars, rates), (std::vector<double>{0, 1e-4, 1e-4, 3e-4, -1e-4, -1e-4}));
        QCOMPARE(firstDifference(run("FUNDING_CHANGE", bars, rates), {0, 0, 0, 2e-4, -4e-4, -4e-4}, 1e-15), std::string());
        QCOMPARE(firstDifference(run("FUNDING_MEAN_9", bars, rates), {0, 1e-4, 1e-4, 2e-4, 1e-4, 1e-4}, 1e-15), std::string());
        QCOMPARE(run("FUNDING_RATE", bars), std::vector<double>(6, 0.0));
    }

    void fundingScores()
    {
        std::vector<Bar> bars;
        std::vector<FundingRate> rates;
        std::vector<double> values;
        for (int i = 0; i < 100; ++i) {
            bars.push_back({28800 * i + 28500, 1, 1, 1, 1, 1});
            rates.push_back({28800 * (i + 1), 1e-4 * ((i * 37) % 11 - 4)});
            values.push_back(rates.back().rate);
        }
        const auto score = run("FUNDING_ZSCORE_30", bars, rates);
        const auto average = run("FUNDING_MEAN_9", bars, rates);
        for (std::size_t i = 0; i < bars.size(); ++i) {
            const Window last = Window(values).subspan(i < 29 ? 0 : i - 29, 30);
            QVERIFY(std::abs(score[i] - (i < 29 ? 0.0 : (values[i] - mean(last)) / std::sqrt(moment(last, 2)))) < 1e-9);
            if (i >= 8)
                QVERIFY(std::abs(average[i] - mean(Window(values).subspan(i - 8, 9))) < 1e-15);
        }
    }

    // A price that never moves has no moments, no memory and no direction: the values the catalogue states.
    void aConstantPriceGivesTheDocumentedValue()
    {
        const std::map<std::string, double> expected{
            {"SKEW_48", 0}, {"KURT_288", 0}, {"AUTOCORR_1_48", 0}, {"VARIANCE_RATIO_12_288", 1}, {"HURST_288", 0.5}, {"PERM_ENTROPY_3_96", 0},
            {"ZSCORE_48", 0}, {"DOWNSIDE_SHARE_288", 0.5}, {"JUMP_SHARE_288", 0}, {"CORREL_CLOSE_VOLUME_30", 0}, {"BETA_HIGH_LOW_5", 0},
            {"PARKINSON_48", 0}, {"GARMAN_KLASS_48", 0}, {"ROGERS_SATCHELL_48", 0}, {"ULCER_14", 0}, {"KELTNER_PERCENT_20_10_2", 0.5},
            {"VWAP_RATIO_48", 0}, {"ILLIQUIDITY_RATIO_12_288", 0}, {"TSI_25_13", 0}, {"VORTEX_PLUS_14", 1}, {"VORTEX_MINUS_14", 1},
            {"ICHIMOKU_RATIO_9_26", 0}, {"KAMA_RATIO_20", 0}, {"DONCHIAN_PLACE_48", 0.5}, {"EFFICIENCY_48", 1}, {"CHOP_14", 100},
            {"TREND_FIT_48", 0}, {"RVOL_RATIO_12_288", 0}, {"REGIME_RANGE", 1}, {"REGIME_TREND", 0}, {"REGIME_VOLATILE", 0},
            {"DIST_SWING_HIGH", 0}, {"STOCHRSI_K_14_14_3", 0}, {"ADXR_14", 0}, {"LINEARREG_SLOPE_14", 0}, {"ADOSC_3_10", 0},
        };
        const std::vector<Bar> bars = motionlessBars(400);
        for (const auto& [name, value] : expected) {
            const double got = run(name, bars).back();
            QVERIFY2(std::abs(got - value) < 1e-9, fmt::format("{} gives {}", name, got).c_str());
        }
    }

private:
    using Column = std::vector<double>;

    /// Compares a feature with a formula of a row, from row `first` on; before it there must be no value.
    void checkAt(const std::string& name, std::size_t first, const std::function<double(std::size_t)>& formula, std::size_t rows = 1500,
                 double tolerance = 1e-9)
    {
        std::vector<double> expected(rows, kNan);
        for (std::size_t i = first; i < rows; ++i)
            expected[i] = formula(i);
        const std::string difference = firstDifference(run(name, m_bars), expected, tolerance);
        QVERIFY2(difference.empty(), fmt::format("{}: {}", name, difference).c_str());
    }

    /// The same for a formula over a window of `period` rows; columns are valid from row `skip` on.
    template <typename Formula>
    void check(const std::string& name, std::size_t skip, std::size_t period, Formula&& formula, double tolerance = 1e-9)
    {
        checkAt(name, skip + period - 1, [&](std::size_t i) {
            return formula([&](const Column& column) { return Window(column).subspan(i + 1 - period, period); });
        }, m_bars.size(), tolerance);
    }

    double vortex(std::size_t i, const Column& to, const Column& from) const
    {
        double movement = 0.0;
        for (std::size_t k = i - 13; k <= i; ++k)
            movement += std::abs(to[k] - from[k - 1]);
        return movement / sum(Window(m_range).subspan(i - 13, 14));
    }

    /// EMA_13 of EMA_25 of the changes up to row i, or of their sizes, from the definition.
    double twiceSmoothed(std::size_t last, bool size) const
    {
        std::vector<double> values;
        for (std::size_t i = 1; i <= last; ++i)
            values.push_back(size ? std::abs(m_close[i] - m_close[i - 1]) : m_close[i] - m_close[i - 1]);
        for (const std::size_t period : {25, 13}) {
            std::vector<double> smooth{mean(Window(values).first(period))};
            for (std::size_t i = period; i < values.size(); ++i)
                smooth.push_back(smooth.back() + 2.0 / static_cast<double>(period + 1) * (values[i] - smooth.back()));
            values = smooth;
        }
        return values.back();
    }

    std::vector<Bar> m_bars;
    Column m_close, m_high, m_low, m_volume, m_typical, m_log, m_return, m_size, m_range;
};

QTEST_APPLESS_MAIN(TestFeatureFormulas)
#include "tst_feature_formulas.moc"
