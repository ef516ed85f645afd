#include "data/dataset/Augmentation.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/Candles.h"
#include "data/dataset/OptionRange.h"

namespace btcai {

namespace {

/// A smaller share of a bar comes from rounding.
constexpr double kLeastShare = 1e-9;

/// A natural cubic spline through values one apart: second derivatives by Thomas' algorithm.
class Spline {
public:
    explicit Spline(std::vector<double> values) : m_values(std::move(values)), m_second(m_values.size(), 0.0)
    {
        const std::size_t last = m_values.size() - 1;
        std::vector<double> pivot(m_values.size(), 0.0);
        for (std::size_t i = 1; i < last; ++i) {
            pivot[i] = 1.0 / (4.0 - pivot[i - 1]);
            const double bend = 6.0 * (m_values[i + 1] - 2.0 * m_values[i] + m_values[i - 1]);
            m_second[i] = (bend - m_second[i - 1]) * pivot[i];
        }
        for (std::size_t i = last; i-- > 1;)
            m_second[i] -= pivot[i] * m_second[i + 1];
    }

    double at(double x) const
    {
        const auto i = std::min(static_cast<std::size_t>(x), m_values.size() - 2);
        const double b = x - static_cast<double>(i);
        const double a = 1.0 - b;
        return a * m_values[i] + b * m_values[i + 1] + ((a * a * a - a) * m_second[i] + (b * b * b - b) * m_second[i + 1]) / 6.0;
    }

private:
    std::vector<double> m_values, m_second;
};

/// exp(curve), a value a row.
std::vector<double> randomFactors(std::size_t rows, const WarpOptions& options, std::string_view purpose)
{
    if (options.knotRows == 0)
        throw Error(ErrorKind::BadInput, "augmentation: knots must be at least one row apart");
    requireNonNegative("augmentation", "the deviation of a warp", options.deviation);
    Rng rng(options.seed, purpose);
    std::vector<double> knots(rows / options.knotRows + 2);
    for (double& knot : knots)
        knot = options.deviation * rng.normal();
    const Spline curve(std::move(knots));
    std::vector<double> factors(rows);
    for (std::size_t i = 0; i < rows; ++i)
        factors[i] = std::exp(curve.at(static_cast<double>(i) / static_cast<double>(options.knotRows)));
    return factors;
}

/// What a stretch of time has seen so far, in log prices.
struct Stretch {
    bool isPresent = false;
    double open = 0.0, high = 0.0, low = 0.0, close = 0.0, volume = 0.0;

    /// Adds the part [from, to] of a bar, in shares of it.
    void add(const Bar& bar, double from, double to)
    {
        const double start = std::log(bar.open);
        const double body = std::log(bar.close) - start;
        const double first = start + body * from;
        const double last = start + body * to;
        const double upperWick = std::log(bar.high / std::max(bar.open, bar.close)) * (to - from);
        const double lowerWick = std::log(std::min(bar.open, bar.close) / bar.low) * (to - from);
        if (!isPresent) {
            open = first;
            high = low = first;
        }
        high = std::max(high, std::max(first, last) + upperWick);
        low = std::min(low, std::min(first, last) - lowerWick);
        close = last;
        volume += bar.volume * (to - from);
        isPresent = true;
    }

    Bar bar(std::int64_t time) const { return {time, std::exp(open), std::exp(high), std::exp(low), std::exp(close), volume}; }
};

Stretch coveredBy(const BarSeries& series, double from, double to)
{
    Stretch stretch;
    const auto end = std::min(static_cast<std::size_t>(std::ceil(to)), series.size());
    for (auto i = static_cast<std::size_t>(from); i < end; ++i) {
        const auto bar = series.bar(i);
        const double first = std::max(from - static_cast<double>(i), 0.0);
        const double last = std::min(to - static_cast<double>(i), 1.0);
        if (bar && last - first > kLeastShare)
            stretch.add(*bar, first, last);
    }
    return stretch;
}

} // namespace

BarSeries jitter(const BarSeries& series, const JitterOptions& options)
{
    requireNonNegative("augmentation", "returnNoise", options.returnNoise);
    requireNonNegative("augmentation", "wickNoise", options.wickNoise);
    requireNonNegative("augmentation", "volumeNoise", options.volumeNoise);
    Candles candles = candlesOf(series);
    for (std::size_t i = 0; i < candles.rows.size(); ++i) {
        if (!candles.rows[i])
            continue;
        Candle& candle = *candles.rows[i];
        Rng rng(options.seed, "augmentation.jitter", i); // a stream a row: a part is changed as the whole is
        candle.body += options.returnNoise * rng.normal();
        candle.upperWick *= std::exp(options.wickNoise * rng.normal());
        candle.lowerWick *= std::exp(options.wickNoise * rng.normal());
        candle.volume *= std::exp(options.volumeNoise * rng.normal());
    }
    return seriesOf(candles, series);
}

BarSeries magnitudeWarp(const BarSeries& series, const WarpOptions& options)
{
    const std::vector<double> factors = randomFactors(series.size(), options, "augmentation.magnitude");
    Candles candles = candlesOf(series);
    for (std::size_t i = 0; i < candles.rows.size(); ++i) {
        if (!candles.rows[i])
            continue;
        Candle& candle = *candles.rows[i];
        for (double* part : {&candle.gap, &candle.body, &candle.upperWick, &candle.lowerWick})
            *part *= factors[i];
    }
    return seriesOf(candles, series);
}

BarSeries timeWarp(const BarSeries& series, const WarpOptions& options)
{
    const std::vector<double> speed = randomFactors(series.size(), options, "augmentation.time");
    candlesOf(series); // refuses impossible bars
    double total = 0.0;
    for (const double step : speed)
        total += step;
    const auto rows = static_cast<double>(series.size());
    BarColumns columns = BarColumns::missing(series.size());
    double passed = 0.0;
    double from = 0.0;
    for (std::size_t i = 0; i < series.size(); ++i) {
        passed += speed[i];
        const double to = i + 1 == series.size() ? rows : rows * (passed / total);
        const Stretch stretch = coveredBy(series, from, to);
        from = to;
        if (stretch.isPresent)
            columns.set(i, stretch.bar(series.timestamp(i)));
    }
    return series.empty() ? series
                          : BarSeries::fromColumns(series.instrument(), series.intervalSeconds(), series.startTime(), std::move(columns));
}

BarSeries stationaryBootstrap(const BarSeries& series, const BootstrapOptions& options)
{
    if (!(options.meanBlockRows >= 1.0 && std::isfinite(options.meanBlockRows)))
        throw Error(ErrorKind::BadInput, "augmentation: the mean block is {} rows; it must be at least 1", options.meanBlockRows);
    const Candles source = candlesOf(series);
    Candles drawn{.firstOpen = source.firstOpen, .rows = {}};
    drawn.rows.reserve(source.rows.size());
    Rng rng(options.seed, "augmentation.bootstrap");
    std::size_t at = 0;
    for (std::size_t i = 0; i < source.rows.size(); ++i) {
        const bool isNewBlock = i == 0 || rng.uniform() < 1.0 / options.meanBlockRows;
        at = isNewBlock ? rng.below(source.rows.size()) : (at + 1) % source.rows.size();
        drawn.rows.push_back(source.rows[at]);
    }
    return seriesOf(drawn, series);
}

BarSeries signFlip(const BarSeries& series)
{
    Candles candles = candlesOf(series);
    for (auto& candle : candles.rows)
        if (candle)
            candle = Candle{-candle->gap, -candle->body, candle->lowerWick, candle->upperWick, candle->volume};
    return seriesOf(candles, series);
}

} // namespace btcai
