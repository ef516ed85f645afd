#include "env/bounds/Baselines.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/OptionRange.h"
#include "env/NameList.h"
#include "env/metrics/Performance.h"

namespace btcai {

namespace {

constexpr std::array<std::string_view, kBaselines.size()> kNames{"cash", "buy-and-hold", "volatility-target", "ma-cross", "mean-reversion",
                                                                 "grid", "random"};

void requirePositive(const char* name, double value)
{
    if (!(std::isfinite(value) && value > 0.0))
        throw Error(ErrorKind::BadInput, "baseline: {} is {}; it must be finite and above 0", name, value);
}

/// Sums of the marks before each row, to tell means over windows. Relative to the first mark, so that little is lost in rounding.
class WindowMeans {
public:
    explicit WindowMeans(const Market& market) : m_base(market.mark.front()), m_sum(market.rows() + 1), m_squares(market.rows() + 1)
    {
        for (std::size_t row = 0; row < market.rows(); ++row) {
            const double value = market.mark[row] / m_base - 1.0;
            m_sum[row + 1] = m_sum[row] + value;
            m_squares[row + 1] = m_squares[row] + value * value;
        }
    }
    /// Of the `bars` marks up to `row`, all of them there.
    double mean(std::size_t row, std::size_t bars) const
    {
        return m_base * (1.0 + (m_sum[row + 1] - m_sum[row + 1 - bars]) / static_cast<double>(bars));
    }
    double sampleDeviation(std::size_t row, std::size_t bars) const
    {
        const double sum = m_sum[row + 1] - m_sum[row + 1 - bars];
        const double squares = m_squares[row + 1] - m_squares[row + 1 - bars] - sum * sum / static_cast<double>(bars);
        return m_base * std::sqrt(std::max(0.0, squares) / static_cast<double>(bars - 1));
    }

private:
    double m_base;
    std::vector<double> m_sum, m_squares;
};

std::vector<double> volatilityTarget(const Market& market, RowRange rows, const BaselineOptions& options)
{
    requirePositive("targetVolatility", options.targetVolatility);
    requirePositive("volatilityHalfLife", options.volatilityHalfLife);
    requireNonNegative("baseline", "rebalanceBand", options.rebalanceBand);
    const double decay = std::exp2(-1.0 / options.volatilityHalfLife);
    const double barsPerYear = kSecondsPerYear / static_cast<double>(market.intervalSeconds);
    std::vector<double> exposures;
    std::optional<std::size_t> last; // the row of the last present bar
    double variance = 0.0;           // per bar
    double weight = 0.0;             // of the returns seen so far: the mean is variance / weight
    double exposure = 0.0;
    for (std::size_t row = 0; row < rows.last; ++row) {
        if (market.present[row]) {
            if (last) {
                // A return over several bars counts as so many equal ones.
                const auto bars = static_cast<double>(row - *last);
                const double keep = std::pow(decay, bars);
                const double change = std::log(market.mark[row] / market.mark[*last]);
                variance = keep * variance + (1.0 - keep) * change * change / bars;
                weight = keep * weight + (1.0 - keep);
            }
            last = row;
        }
        if (row < rows.first)
            continue;
        // Half of the weight must be of returns that were seen: one half-life.
        if (weight >= 0.5) {
            const double volatility = std::sqrt(variance / weight * barsPerYear);
            const double wanted = volatility > options.targetVolatility ? options.targetVolatility / volatility : 1.0;
            if (std::abs(wanted - exposure) >= options.rebalanceBand || (wanted == 1.0 && exposure < 1.0))
                exposure = wanted;
        }
        exposures.push_back(exposure);
    }
    return exposures;
}

std::vector<double> movingAverageCross(const Market& market, RowRange rows, const BaselineOptions& options)
{
    if (options.fastBars < 1 || options.fastBars >= options.slowBars)
        throw Error(ErrorKind::BadInput, "baseline: fastBars is {} and slowBars {}; the fast average must be the shorter one",
                    options.fastBars, options.slowBars);
    const WindowMeans means(market);
    std::vector<double> exposures;
    for (std::size_t row = rows.first; row < rows.last; ++row) {
        double exposure = 0.0;
        if (row + 1 >= options.slowBars) {
            const bool rises = means.mean(row, options.fastBars) > means.mean(row, options.slowBars);
            exposure = rises ? 1.0 : options.allowShort ? -1.0 : 0.0;
        }
        exposures.push_back(exposure);
    }
    return exposures;
}

std::vector<double> meanReversion(const Market& market, RowRange rows, const BaselineOptions& options)
{
    requirePositive("zEntry", options.zEntry);
    if (options.zBars < 2)
        throw Error(ErrorKind::BadInput, "baseline: zBars is {}; a deviation needs two bars or more", options.zBars);
    const WindowMeans means(market);
    std::vector<double> exposures;
    double exposure = 0.0;
    for (std::size_t row = rows.first; row < rows.last; ++row) {
        if (row + 1 >= options.zBars) {
            const double distance = market.mark[row] - means.mean(row, options.zBars);
            const double entry = options.zEntry * means.sampleDeviation(row, options.zBars);
            if (exposure * distance >= 0.0) // back at the mean, or beyond it
                exposure = 0.0;
            if (entry > 0.0 && distance <= -entry)
                exposure = 1.0;
            else if (entry > 0.0 && distance >= entry && options.allowShort)
                exposure = -1.0;
        }
        exposures.push_back(exposure);
    }
    return exposures;
}

std::vector<double> grid(const Market& market, RowRange rows, const BaselineOptions& options)
{
    requirePositive("gridSpacing", options.gridSpacing);
    if (options.gridLines < 2 || options.gridLines % 2 != 0)
        throw Error(ErrorKind::BadInput, "baseline: gridLines is {}; write an even number from 2 on", options.gridLines);
    const auto lines = static_cast<double>(options.gridLines);
    const double first = std::log(market.mark[rows.first]);
    std::vector<double> exposures;
    double line = 0.0; // the last one touched, counted from the first close
    for (std::size_t row = rows.first; row < rows.last; ++row) {
        const double height = (std::log(market.mark[row]) - first) / options.gridSpacing;
        if (height >= line + 1.0)
            line = std::floor(height);
        else if (height <= line - 1.0)
            line = std::ceil(height);
        exposures.push_back(std::clamp(0.5 - line / lines, 0.0, 1.0));
    }
    return exposures;
}

std::vector<double> randomWalk(RowRange rows, const BaselineOptions& options)
{
    requireNonNegative("baseline", "turnover", options.turnover);
    // Between long and flat a change trades the equity once. Among three positions, each drawn from the two others: 1, or from long and
    // short to the opposite one 2, so 4 / 3 on average.
    const double tradedPerChange = options.allowShort ? 4.0 / 3.0 : 1.0;
    const double wanted = std::round(options.turnover / tradedPerChange);
    const std::size_t changes = wanted < static_cast<double>(rows.size()) ? static_cast<std::size_t>(wanted) : rows.size();
    Rng rng(options.seed, "baseline-random");
    // The first `changes` of a shuffled list of rows (Fisher and Yates).
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<std::uint8_t> isChange(rows.size(), 0);
    for (std::size_t i = 0; i < changes; ++i) {
        std::swap(order[i], order[i + rng.below(order.size() - i)]);
        isChange[order[i]] = 1;
    }
    std::vector<double> exposures;
    double exposure = 0.0;
    for (const std::uint8_t change : isChange) {
        if (change && options.allowShort)
            exposure = exposure == 0.0 ? (rng.below(2) == 0 ? 1.0 : -1.0) : (rng.below(2) == 0 ? 0.0 : -exposure);
        else if (change)
            exposure = 1.0 - exposure;
        exposures.push_back(exposure);
    }
    return exposures;
}

} // namespace

std::string_view baselineName(Baseline baseline) { return kNames[static_cast<std::size_t>(baseline)]; }

std::optional<Baseline> baselineFromName(std::string_view name)
{
    for (const Baseline baseline : kBaselines)
        if (baselineName(baseline) == name)
            return baseline;
    return std::nullopt;
}

std::vector<Baseline> parseBaselines(std::string_view text) { return parseNameList(text, kBaselines, baselineName, "baseline"); }

std::vector<double> targetExposures(Baseline baseline, const Market& market, RowRange rows, const BaselineOptions& options)
{
    if (rows.first >= rows.last || rows.last > market.rows())
        throw Error(ErrorKind::BadInput, "rows {} to {} are none or not there: the market has {}", rows.first, rows.last, market.rows());
    switch (baseline) {
    case Baseline::Cash: return std::vector<double>(rows.size(), 0.0);
    case Baseline::BuyAndHold: return std::vector<double>(rows.size(), 1.0);
    case Baseline::VolatilityTarget: return volatilityTarget(market, rows, options);
    case Baseline::MovingAverageCross: return movingAverageCross(market, rows, options);
    case Baseline::MeanReversion: return meanReversion(market, rows, options);
    case Baseline::Grid: return grid(market, rows, options);
    case Baseline::Random: return randomWalk(rows, options);
    }
    throw Error(ErrorKind::Internal, "baseline {}: is unknown", static_cast<int>(baseline));
}

} // namespace btcai
