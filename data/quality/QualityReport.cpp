#include "data/quality/QualityReport.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace btcai {

namespace {

constexpr double kNormalPerMad = 1.4826;
constexpr double kNormalPerMeanDeviation = 1.2533;

bool isFlat(const Bar& bar) { return bar.open == bar.close && bar.high == bar.low && bar.open == bar.high; }

bool isConsistent(const Bar& bar)
{
    for (const double value : {bar.open, bar.high, bar.low, bar.close, bar.volume})
        if (!std::isfinite(value))
            return false;
    return bar.low > 0.0 && bar.low <= std::min(bar.open, bar.close) && bar.high >= std::max(bar.open, bar.close) && bar.volume >= 0.0;
}

bool hasLongWick(const Bar& bar, double share)
{
    const double top = std::max(bar.open, bar.close);
    const double bottom = std::min(bar.open, bar.close);
    return bar.high > top * (1.0 + share) || bar.low < bottom * (1.0 - share);
}

void noteGap(QualityReport& report, std::size_t length, std::int64_t time)
{
    ++report.gaps;
    const auto& classes = QualityReport::kGapClasses;
    const auto place = std::ranges::lower_bound(classes, length) - classes.begin();
    ++report.gapsByLength[static_cast<std::size_t>(place)];
    if (length > report.longestGap) {
        report.longestGap = length;
        report.longestGapTime = time;
    }
}

void findGaps(const BarSeries& series, QualityReport& report)
{
    std::size_t length = 0;
    for (std::size_t i = 0; i <= series.size(); ++i) {
        if (i < series.size() && !series.present(i)) {
            ++length;
        } else if (length > 0) {
            noteGap(report, length, series.timestamp(i - length));
            length = 0;
        }
    }
}

void countBars(const BarSeries& series, const QualityOptions& options, QualityReport& report)
{
    for (std::size_t i = 0; i < series.size(); ++i) {
        const auto bar = series.bar(i);
        if (!bar)
            continue;
        report.zeroVolume += bar->volume == 0.0 ? 1 : 0;
        report.flat += isFlat(*bar) ? 1 : 0;
        report.inconsistent += isConsistent(*bar) ? 0 : 1;
        report.longWicks += hasLongWick(*bar, options.wickShare) ? 1 : 0;
    }
}

double median(std::vector<double> values)
{
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    if (values.size() % 2 == 1)
        return *middle;
    return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

double robustDeviation(const std::vector<double>& returns, double center)
{
    std::vector<double> distances;
    distances.reserve(returns.size());
    double sum = 0.0;
    for (const double r : returns) {
        distances.push_back(std::abs(r - center));
        sum += distances.back();
    }
    const auto count = static_cast<double>(distances.size());
    const double mad = median(std::move(distances));
    return mad > 0.0 ? kNormalPerMad * mad : kNormalPerMeanDeviation * sum / count;
}

void findSpikes(const BarSeries& series, const QualityOptions& options, QualityReport& report)
{
    std::vector<double> returns;
    for (std::size_t i = 1; i < series.size(); ++i) {
        if (!series.present(i) || !series.present(i - 1))
            continue;
        // A price that is no price is counted as inconsistent already.
        const double change = std::log(series.close()[i] / series.close()[i - 1]);
        if (!std::isfinite(change))
            continue;
        returns.push_back(change);
        if (std::abs(change) > std::abs(report.largestReturn)) {
            report.largestReturn = change;
            report.largestReturnTime = series.timestamp(i);
        }
    }
    if (returns.empty())
        return;
    const double center = median(returns);
    report.robustDeviation = robustDeviation(returns, center);
    const double limit = options.spikeDeviations * report.robustDeviation;
    if (limit > 0.0)
        report.spikes = static_cast<std::size_t>(std::ranges::count_if(returns, [&](double r) { return std::abs(r - center) > limit; }));
}

void noteFrozen(const QualityOptions& options, QualityReport& report, std::size_t length, std::int64_t time)
{
    if (length < options.frozenBars)
        return;
    ++report.frozenRuns;
    report.frozenBars += length;
    if (length > report.longestFrozen) {
        report.longestFrozen = length;
        report.longestFrozenTime = time;
    }
}

/// A missing bar ends a run: absence is counted as such.
void findFrozen(const BarSeries& series, const QualityOptions& options, QualityReport& report)
{
    std::size_t length = 0;
    for (std::size_t i = 0; i < series.size(); ++i) {
        const auto bar = series.bar(i);
        const bool flat = bar && isFlat(*bar);
        const bool continues = flat && length > 0 && bar->close == series.close()[i - 1];
        if (!continues) {
            noteFrozen(options, report, length, series.timestamp(i - length));
            length = 0;
        }
        length += flat ? 1 : 0;
    }
    noteFrozen(options, report, length, series.timestamp(series.size() - length));
}

double scoreOf(const QualityReport& report)
{
    if (report.present == 0)
        return 0.0;
    const auto percent = [](std::size_t part, std::size_t whole) { return 100.0 * static_cast<double>(part) / static_cast<double>(whole); };
    const double lost = std::min(40.0, percent(report.missing, report.expected))
        + std::min(25.0, 10.0 * percent(report.inconsistent, report.present))
        + std::min(10.0, 100.0 * percent(report.spikes + report.longWicks, report.present))
        + std::min(10.0, 0.2 * percent(report.zeroVolume, report.present))
        + std::min(10.0, 0.5 * percent(report.frozenBars, report.present)) + std::min(5.0, 0.1 * percent(report.flat, report.present));
    return 100.0 - lost;
}

std::string timeText(std::int64_t time) { return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(time))); }

std::string shareText(std::size_t part, std::size_t whole)
{
    return whole == 0 ? "0" : fmt::format("{} ({:.2f} %)", part, 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

} // namespace

QualityReport assessQuality(const BarSeries& series, const QualityOptions& options)
{
    QualityReport report;
    report.instrument = series.instrument();
    report.intervalSeconds = series.intervalSeconds();
    report.expected = series.size();
    report.present = series.presentCount();
    report.missing = report.expected - report.present;
    if (series.empty())
        return report;
    report.firstTime = series.startTime();
    report.lastTime = series.timestamp(series.size() - 1);
    findGaps(series, report);
    countBars(series, options, report);
    findSpikes(series, options, report);
    findFrozen(series, options, report);
    report.score = scoreOf(report);
    return report;
}

Json QualityReport::toJson() const
{
    Json json;
    json["instrument"] = instrument;
    json["interval_s"] = intervalSeconds;
    json["first_time"] = firstTime;
    json["last_time"] = lastTime;
    json["expected"] = expected;
    json["present"] = present;
    json["missing"] = missing;
    json["gaps"] = gaps;
    json["gap_classes_bars"] = kGapClasses;
    json["gaps_by_length"] = gapsByLength;
    json["longest_gap_bars"] = longestGap;
    json["longest_gap_time"] = longestGapTime;
    json["zero_volume"] = zeroVolume;
    json["flat"] = flat;
    json["inconsistent"] = inconsistent;
    json["long_wicks"] = longWicks;
    json["robust_deviation"] = robustDeviation;
    json["spikes"] = spikes;
    json["largest_return"] = largestReturn;
    json["largest_return_time"] = largestReturnTime;
    json["frozen_runs"] = frozenRuns;
    json["frozen_bars"] = frozenBars;
    json["longest_frozen_bars"] = longestFrozen;
    json["longest_frozen_time"] = longestFrozenTime;
    json["score"] = score;
    return json;
}

std::string QualityReport::toText() const
{
    std::string text;
    const auto add = [&](std::string_view name, const std::string& value) { text += fmt::format("{:<20}{}\n", name, value); };
    add("instrument", fmt::format("{}, bars of {} s", instrument, intervalSeconds));
    add("period (UTC)", fmt::format("{} .. {}", timeText(firstTime), timeText(lastTime)));
    add("bars", fmt::format("{} of {} expected", present, expected));
    add("missing", fmt::format("{} in {} gaps", shareText(missing, expected), gaps));
    if (gaps > 0)
        add("longest gap", fmt::format("{} bars from {}", longestGap, timeText(longestGapTime)));
    add("zero volume", shareText(zeroVolume, present));
    add("flat", shareText(flat, present));
    add("inconsistent", shareText(inconsistent, present));
    add("long wicks", shareText(longWicks, present));
    add("spikes", fmt::format("{}, robust deviation {:.3g}", shareText(spikes, present), robustDeviation));
    if (largestReturn != 0.0)
        add("largest return", fmt::format("{:+.4f} (log) at {}", largestReturn, timeText(largestReturnTime)));
    add("frozen", fmt::format("{} in {} runs", shareText(frozenBars, present), frozenRuns));
    if (frozenRuns > 0)
        add("longest frozen run", fmt::format("{} bars from {}", longestFrozen, timeText(longestFrozenTime)));
    add("score", fmt::format("{:.1f} of 100", score));
    return text;
}

} // namespace btcai
