#include "data/quality/QualityReport.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "data/quality/Median.h"
#include "data/quality/SeriesChecks.h"

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
    report.gapList.push_back({time, length});
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
        if (!isConsistent(*bar) && report.inconsistent++ == 0)
            report.firstInconsistentTime = bar->timestamp;
        if (hasLongWick(*bar, options.wickShare) && report.longWicks++ == 0)
            report.firstLongWickTime = bar->timestamp;
    }
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
    std::vector<std::int64_t> times;
    for (std::size_t i = 1; i < series.size(); ++i) {
        if (!series.present(i) || !series.present(i - 1))
            continue;
        // A price that is no price is counted as inconsistent already.
        const double change = std::log(series.close()[i] / series.close()[i - 1]);
        if (!std::isfinite(change))
            continue;
        returns.push_back(change);
        times.push_back(series.timestamp(i));
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
    for (std::size_t i = 0; limit > 0.0 && i < returns.size(); ++i)
        if (std::abs(returns[i] - center) > limit && report.spikes++ == 0)
            report.firstSpikeTime = times[i];
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

std::string timeText(std::int64_t time) { return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(time))); }

/// The share of bars that are there, in cells of equal length.
void drawGapMap(const BarSeries& series, QualityReport& report)
{
    report.gapMapCellBars = (series.size() + QualityReport::kGapMapCells - 1) / QualityReport::kGapMapCells;
    for (std::size_t first = 0; first < series.size(); first += report.gapMapCellBars) {
        const std::size_t last = std::min(series.size(), first + report.gapMapCellBars);
        const auto present = std::ranges::count(series.mask().subspan(first, last - first), std::uint8_t{1});
        report.gapMap.push_back(static_cast<double>(present) / static_cast<double>(last - first));
    }
}

/// Collects findings; those with a count of nothing are none.
class FindingList {
public:
    explicit FindingList(QualityReport& report) : m_report(report) {}

    void add(const char* name, Severity severity, std::size_t count, std::int64_t time, std::string text, const char* advice)
    {
        if (count > 0)
            m_report.findings.push_back({name, severity, count, time, {}, std::move(text), advice});
    }

private:
    QualityReport& m_report;
};

Finding findingOf(const ImportFault& fault)
{
    const auto [severity, advice] = [&]() -> std::pair<Severity, const char*> {
        switch (fault.kind) {
        case FaultKind::DuplicateEqual: return {Severity::Info, "repeated rows are left out"};
        case FaultKind::OverlapEqual: return {Severity::Info, "the files agree; each time is taken once"};
        case FaultKind::SeveralAssets: return {Severity::Warning, "choose one with --asset"};
        case FaultKind::DuplicateConflicting: return {Severity::Error, "see which rows are the finished candles; --on-conflict keep-first, keep-last or drop"};
        case FaultKind::OverlapConflicting: return {Severity::Error, "see which file is right; --on-conflict keep-first, keep-last or drop"};
        case FaultKind::Disorder: return {Severity::Error, "see why rows changed places; --on-disorder sort"};
        case FaultKind::MixedIntervals: return {Severity::Error, "keep bars of each length in a series of their own, or join the shorter ones first"};
        case FaultKind::OffGrid: return {Severity::Error, "leave them out with --off-grid drop, or take them for the time before with --off-grid floor"};
        case FaultKind::SwappedVolume: return {Severity::Error, "exchange them with --swapped-volume swap"};
        case FaultKind::EmptyField: return {Severity::Error, "rows without any price can be left out with --on-empty drop"};
        case FaultKind::BadField:
        case FaultKind::BadRow:
        case FaultKind::InconsistentBar: break;
        }
        return {Severity::Error, "mend or remove these rows in the file, or fetch it again"};
    }();
    return {std::string(faultName(fault.kind)), severity, fault.count, fault.time, fmt::format("{}: {} {}", fault.file, fault.rowWord, fault.row), fault.text, advice};
}

double shareOf(std::size_t part, std::size_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); }

void findGapFaults(const QualityOptions& options, QualityReport& report)
{
    FindingList list(report);
    if (report.gaps > 0)
        list.add("gap", Severity::Info, report.gaps, report.gapList.front().time,
                 fmt::format("{} bars are missing in {} gaps", report.missing, report.gaps), "missing bars stay missing and are masked; nothing is invented");
    const std::size_t longBars = std::max<std::size_t>(options.longGapBars, static_cast<std::size_t>(86400 / std::max<std::int64_t>(1, report.intervalSeconds)));
    const auto isLong = [&](const QualityReport::Gap& gap) { return gap.bars >= longBars; };
    const auto first = std::ranges::find_if(report.gapList, isLong);
    if (first != report.gapList.end())
        list.add("long-gap", Severity::Warning, static_cast<std::size_t>(std::ranges::count_if(report.gapList, isLong)), first->time,
                 fmt::format("the longest has {} bars, from {}", report.longestGap, timeText(report.longestGapTime)),
                 "see whether the source has these bars, or choose a period without them");
}

void findPriceFaults(const BarSeries& series, const QualityOptions& options, QualityReport& report)
{
    FindingList list(report);
    list.add("inconsistent-bar", Severity::Error, report.inconsistent, report.firstInconsistentTime,
             "open or close lies outside of low to high, or a value is no number above zero", "fetch these bars again or leave them out");
    list.add("long-wick", Severity::Warning, report.longWicks, report.firstLongWickTime,
             fmt::format("a wick leaves the body by more than {:.0f} % of the price", 100.0 * options.wickShare),
             "look whether the venue really printed these prices");
    const Sightings outliers = findOutlierPrints(series, options.outlierShare);
    const Sightings wild = findOutlierPrints(series, options.wildOutlierShare);
    report.outlierPrints = outliers.count;
    list.add("outlier-print", shareOf(wild.count, report.present) > options.wildOutlierBars ? Severity::Error : Severity::Warning, outliers.count,
             outliers.firstTime, fmt::format("a single close lies more than {:.0f} % off those of both neighbours; {} of them by more than {:.0f} %",
                                             100.0 * options.outlierShare, wild.count, 100.0 * options.wildOutlierShare),
             "leave these bars out, or choose a period without them");
    list.add("spike", Severity::Warning, report.spikes, report.firstSpikeTime,
             fmt::format("returns beyond {} robust deviations; the largest {:+.4f} (log) at {}", options.spikeDeviations, report.largestReturn,
                         timeText(report.largestReturnTime)),
             "real markets jump; compare the largest with another venue");
    list.add("frozen-price", Severity::Warning, report.frozenRuns, report.longestFrozenTime,
             fmt::format("{} bars in {} runs stand at one price; the longest run has {} bars", report.frozenBars, report.frozenRuns, report.longestFrozen),
             "a market that does not trade teaches nothing; choose a period without long runs");
    if (const auto slip = findTimeSlip(series, options.slipBars)) {
        report.slippedBars = slip->bars.count;
        list.add("time-zone-slip", Severity::Error, slip->bars.count, slip->bars.firstTime,
                 fmt::format("bars repeat the prices and volume of {:g} hours before", static_cast<double>(slip->lagSeconds) / 3600.0),
                 "some rows are stamped in another time zone; fetch this stretch from another source");
    }
    const Sightings repeats = findRepeatedBars(series);
    report.repeatedBars = repeats.count;
    if (shareOf(repeats.count, report.present) > options.repeatedShare)
        list.add("repeated-rows", Severity::Warning, repeats.count, repeats.firstTime, "bars repeat the bar before them, volume included",
                 "the source fills times without a trade; import with --repeats drop makes them missing bars");
}

void findVolumeFaults(const BarSeries& series, const QualityOptions& options, QualityReport& report)
{
    FindingList list(report);
    if (report.zeroVolume == report.present) {
        list.add("no-volume", Severity::Info, report.present, report.firstTime, "no bar has a volume", "features of volume say nothing here");
        return;
    }
    const ZeroVolume zero = findZeroVolume(series);
    report.longestZeroVolume = zero.longestRun;
    const bool notable = zero.longestRun >= options.zeroVolumeRun || shareOf(zero.bars.count, report.present) > options.zeroVolumeShare;
    list.add("zero-volume", notable ? Severity::Warning : Severity::Info, zero.bars.count, zero.bars.firstTime,
             fmt::format("bars without a trade; the longest run has {} bars, from {}", zero.longestRun, timeText(zero.longestRunTime)),
             "an outage of the exchange, or a source that fills times without a trade");
    const Sightings absurd = findAbsurdVolume(series, options.absurdVolume);
    report.absurdVolume = absurd.count;
    list.add("absurd-volume", Severity::Warning, absurd.count, absurd.firstTime,
             fmt::format("volumes above {:g} times the median", options.absurdVolume), "look at these bars in another source");
    const VolumeStep step = findVolumeStep(series, options.volumeWindow);
    if (step.factor > options.volumeStep) {
        const bool changesUnit = std::abs(std::log(step.factor) - std::abs(std::log(step.price))) < std::log(options.unitTolerance);
        list.add("volume-step", changesUnit ? Severity::Error : Severity::Warning, 1, step.time,
                 fmt::format("the typical volume changes by a factor of {:.0f} at a price of {:g}", step.factor, step.price),
                 changesUnit ? "the factor is about the price: coins and money have changed places there" : "see whether the source changed its unit there");
    }
}

void findStaleTail(const QualityOptions& options, QualityReport& report)
{
    if (!options.now)
        return;
    const std::int64_t due = *options.now - (report.lastTime + report.intervalSeconds);
    report.staleSeconds = std::max<std::int64_t>(0, due);
    if (due > static_cast<std::int64_t>(options.staleBars) * report.intervalSeconds)
        FindingList(report).add("stale-tail", Severity::Warning, static_cast<std::size_t>(due / report.intervalSeconds), report.lastTime,
                                fmt::format("the last bar is of {}, {} s ago", timeText(report.lastTime), due), "fetch what is missing at the end");
}

double scoreOf(const QualityReport& report)
{
    if (report.present == 0)
        return 0.0;
    const auto percent = [](std::size_t part, std::size_t whole) { return 100.0 * shareOf(part, whole); };
    const double lost = std::min(40.0, percent(report.missing, report.expected))
        + std::min(25.0, 10.0 * percent(report.inconsistent, report.present))
        + std::min(10.0, 100.0 * percent(report.spikes + report.longWicks, report.present))
        + std::min(10.0, 0.2 * percent(report.zeroVolume, report.present))
        + std::min(10.0, 0.5 * percent(report.frozenBars, report.present)) + std::min(5.0, 0.1 * percent(report.flat, report.present));
    // Inconsistent bars have a part of their own already.
    const auto errors = std::ranges::count_if(report.findings, [](const Finding& f) { return f.severity == Severity::Error && f.name != "inconsistent-bar"; });
    return std::max(0.0, 100.0 - lost - 10.0 * static_cast<double>(errors));
}

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
    if (report.present == 0) {
        report.findings.push_back({"no-bars", Severity::Error, 1, 0, {}, "there is not a single bar", "choose another file"});
        return report;
    }
    report.firstTime = series.startTime();
    report.lastTime = series.timestamp(series.size() - 1);
    findGaps(series, report);
    countBars(series, options, report);
    findSpikes(series, options, report);
    findFrozen(series, options, report);
    drawGapMap(series, report);
    findGapFaults(options, report);
    findPriceFaults(series, options, report);
    findVolumeFaults(series, options, report);
    findStaleTail(options, report);
    report.score = scoreOf(report);
    return report;
}

QualityReport assessQuality(const ImportResult& imported, const QualityOptions& options)
{
    QualityReport report = assessQuality(imported.series, options);
    std::vector<Finding> findings;
    for (const ImportFault& fault : imported.report.faults)
        findings.push_back(findingOf(fault));
    report.findings.insert(report.findings.begin(), findings.begin(), findings.end());
    report.score = scoreOf(report);
    return report;
}

Verdict blocksTraining(const QualityReport& report)
{
    Verdict verdict;
    for (const Finding& finding : report.findings)
        if (finding.severity == Severity::Error)
            verdict.reasons.push_back(fmt::format("{} ({}): {}", finding.name, finding.count, finding.text));
    return verdict;
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
    json["outlier_prints"] = outlierPrints;
    json["slipped_bars"] = slippedBars;
    json["repeated_bars"] = repeatedBars;
    json["absurd_volume"] = absurdVolume;
    json["longest_zero_volume_bars"] = longestZeroVolume;
    json["stale_s"] = staleSeconds;
    json["score"] = score;
    json["findings"] = Json::array();
    for (const Finding& finding : findings)
        json["findings"].push_back(finding.toJson());
    const Verdict verdict = blocksTraining(*this);
    json["blocks_training"] = verdict.blocks();
    json["blocking_reasons"] = verdict.reasons;
    json["gap_map"] = {{"cell_bars", gapMapCellBars}, {"present_share", gapMap}};
    json["longest_gaps"] = Json::array();
    for (const Gap& gap : longestGaps(kListedGaps))
        json["longest_gaps"].push_back({{"time", gap.time}, {"bars", gap.bars}});
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
    if (missing > 0)
        text += fmt::format("\ngap map, {} bars a sign: # all there, + most, - less than 90 %, . less than half, blank none\n[{}]\n", gapMapCellBars, gapMapText());
    text += findings.empty() ? "\nnothing was found\n" : "\n";
    for (const Finding& finding : findings) {
        text += fmt::format("{:<8}{} ({}): {}", severityName(finding.severity), finding.name, finding.count, finding.text);
        if (!finding.place.empty())
            text += fmt::format("; first {}", finding.place);
        else if (finding.firstTime != 0)
            text += fmt::format("; first {}", timeText(finding.firstTime));
        text += fmt::format("\n        {}\n", finding.advice);
    }
    const Verdict verdict = blocksTraining(*this);
    text += verdict.blocks() ? "\ntraining on this data needs an explicit override\n" : "\nfit for training\n";
    return text;
}

std::string QualityReport::gapMapText() const
{
    std::string signs;
    for (const double share : gapMap)
        signs += share == 1.0 ? '#' : share >= 0.9 ? '+' : share >= 0.5 ? '-' : share > 0.0 ? '.' : ' ';
    return signs;
}

std::vector<QualityReport::Gap> QualityReport::longestGaps(std::size_t most) const
{
    std::vector<Gap> longest = gapList;
    if (longest.size() > most) {
        std::ranges::stable_sort(longest, std::ranges::greater(), &Gap::bars);
        longest.resize(most);
        std::ranges::sort(longest, {}, &Gap::time);
    }
    return longest;
}

} // namespace btcai
