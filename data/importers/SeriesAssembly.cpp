#include "data/importers/SeriesAssembly.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/Clock.h"
#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::int64_t kSecondsPerDay = 86400;

double typicalPrice(const RawBar& bar) { return (bar.high + bar.low + bar.close) / 3.0; }

std::int64_t floorTo(std::int64_t micros, std::int64_t seconds) { return micros - micros % (seconds * kMicrosPerSecond); }

std::string valuesText(const RawBar& bar)
{
    return fmt::format("open {} high {} low {} close {} volume {}", bar.open, bar.high, bar.low, bar.close, bar.volume);
}
std::string valuesText(const RawRate& rate) { return fmt::format("rate {}", rate.rate); }

bool sameValues(const RawBar& a, const RawBar& b) { return a.sameValues(b); }
bool sameValues(const RawRate& a, const RawRate& b) { return a.rate == b.rate; }

/// The work on the rows of all parts; Row is RawBar or RawRate.
template <typename Row>
class Assembly {
public:
    Assembly(std::vector<PartRows>& parts, const ImportOptions& options, Strictness strictness, FaultLog& log, ImportReport& report)
        : m_parts(parts), m_options(options), m_strict(strictness == Strictness::Strict), m_log(log), m_report(report)
    {
    }

    void take(std::vector<Row>&& rows, std::size_t part)
    {
        for (Row& row : rows)
            row.part = static_cast<std::uint32_t>(part);
        if (m_rows.empty())
            m_rows = std::move(rows);
        else
            m_rows.insert(m_rows.end(), rows.begin(), rows.end());
    }

    /// Earliest first; of equal times in the order of files and rows, so that the file that comes first has the first word.
    void sort()
    {
        const auto earlier = [](const auto& a, const auto& b) {
            return a.micros != b.micros ? a.micros < b.micros
                : a.part != b.part      ? a.part < b.part
                                        : a.row < b.row;
        };
        if (!std::ranges::is_sorted(m_rows, earlier))
            std::ranges::sort(m_rows, earlier);
    }

    /// Leaves one row a time, or none, as the options say.
    void resolveRepeatedTimes()
    {
        if (std::ranges::adjacent_find(m_rows, {}, &Row::micros) == m_rows.end())
            return;
        std::vector<Row> kept;
        kept.reserve(m_rows.size());
        const OnConflict rule = m_strict ? m_options.onConflict : OnConflict::KeepLast;
        for (std::size_t i = 0; i < m_rows.size();) {
            std::size_t end = i + 1;
            bool conflicting = false;
            for (; end < m_rows.size() && m_rows[end].micros == m_rows[i].micros; ++end)
                conflicting |= noteRepeat(m_rows[end - 1], m_rows[end]);
            if (!conflicting || rule == OnConflict::KeepFirst)
                kept.push_back(m_rows[i]);
            else if (rule != OnConflict::Drop)
                kept.push_back(m_rows[end - 1]);
            i = end;
        }
        m_rows = std::move(kept);
        if (m_strict && m_options.onConflict == OnConflict::Refuse)
            refuse({FaultKind::DuplicateConflicting, FaultKind::OverlapConflicting},
                   "decide with --on-conflict keep-first, keep-last or drop, or see which source is right");
    }

    /// Throws the first of these faults, if there are any.
    void refuse(std::initializer_list<FaultKind> kinds, std::string_view advice) const
    {
        for (const ImportFault& fault : m_log.faults())
            if (std::ranges::find(kinds, fault.kind) != kinds.end())
                throw Error(ErrorKind::BadInput, "{}; {} such in all ({}); {}", fault.message(), fault.count, faultName(fault.kind), advice);
    }

    RowSink& sinkOf(const Row& row) { return m_parts[row.part].sink; }
    std::vector<Row>& rows() { return m_rows; }

private:
    /// Whether the two disagree.
    bool noteRepeat(const Row& before, const Row& after)
    {
        const bool equal = sameValues(before, after);
        const bool overlap = before.part != after.part;
        const FaultKind kind = overlap ? equal ? FaultKind::OverlapEqual : FaultKind::OverlapConflicting
            : equal                    ? FaultKind::DuplicateEqual
                                       : FaultKind::DuplicateConflicting;
        const std::string place = fmt::format("{}: {} {}", m_parts[before.part].sink.file(), m_parts[before.part].sink.rowWord(), before.row);
        if (equal) {
            sinkOf(after).note(kind, after.row, after.micros, fmt::format("time {} stands in {} with the same values", microsText(after.micros), place));
            return false;
        }
        if (m_report.conflicts.size() < ImportReport::kMostConflicts)
            m_report.conflicts.push_back({after.micros / kMicrosPerSecond, fmt::format("{}: {}", place, valuesText(before)),
                                          fmt::format("{}: {} {}: {}", sinkOf(after).file(), sinkOf(after).rowWord(), after.row, valuesText(after))});
        sinkOf(after).note(kind, after.row, after.micros,
                           fmt::format("time {} has {}, but {} in {}", microsText(after.micros), valuesText(after), valuesText(before), place));
        return true;
    }

    std::vector<PartRows>& m_parts;
    const ImportOptions& m_options;
    bool m_strict;
    FaultLog& m_log;
    ImportReport& m_report;
    std::vector<Row> m_rows;
};

/// Whether the volume in coins stands in the column of money and the other way round: volume / quote volume is about the price, not one over it.
/// Near a price of one the two cannot be told apart.
bool isSwapped(const RawBar& bar)
{
    if (!(bar.quoteVolume > 0.0) || bar.volume <= 0.0)
        return false;
    const double price = std::log(typicalPrice(bar));
    return std::abs(price) > 0.7 && std::abs(std::log(bar.volume / bar.quoteVolume) - price) < 0.5 * std::abs(price);
}

/// Volumes of one part: swapped columns are put right or kept as told, money becomes coins.
void settleVolumes(PartRows& part, const ImportOptions& options)
{
    if (part.layout.content == Content::Trades)
        return; // counted in coins trade by trade
    for (RawBar& bar : part.sink.bars) {
        if (part.layout.volumeUnit == VolumeUnit::Base && isSwapped(bar)) {
            part.sink.note(FaultKind::SwappedVolume, bar.row, bar.micros,
                           fmt::format("volume {} is {} times the quote volume {} at a price of {}", bar.volume, bar.volume / bar.quoteVolume,
                                       bar.quoteVolume, typicalPrice(bar)));
            if (options.onSwappedVolume == OnSwappedVolume::Swap)
                std::swap(bar.volume, bar.quoteVolume);
        } else if (part.layout.volumeUnit == VolumeUnit::Quote) {
            bar.volume /= typicalPrice(bar);
        } else if (part.layout.volumeUnit == VolumeUnit::None) {
            bar.volume = 0.0;
        }
    }
    if (part.layout.volumeUnit == VolumeUnit::Quote)
        part.source.notes.emplace_back("volume is in money; it was divided by each bar's typical price, (high + low + close) / 3, to give coins");
}

/// Trades of all parts as bars of the interval; an interval without a trade has no bar. The rows of the bars are those of their first trades.
std::vector<RawBar> aggregate(std::vector<PartRows>& parts, std::int64_t interval, std::size_t part)
{
    std::vector<RawBar> bars;
    for (const RawTrade& trade : parts[part].sink.trades) {
        const std::int64_t time = floorTo(trade.micros, interval);
        const double amount = parts[part].layout.volumeUnit == VolumeUnit::Quote ? trade.amount / trade.price : trade.amount;
        if (bars.empty() || bars.back().micros != time) {
            RawBar bar{time, trade.price, trade.price, trade.price, trade.price, amount};
            bar.row = trade.row;
            bars.push_back(bar);
            continue;
        }
        RawBar& bar = bars.back();
        bar.high = std::max(bar.high, trade.price);
        bar.low = std::min(bar.low, trade.price);
        bar.close = trade.price;
        bar.volume += amount;
    }
    return bars;
}

/// Joins the trades of all parts in the first, in time. Trades carry no name by which to tell a repeated one, so parts must not overlap.
void joinTrades(std::vector<PartRows>& parts)
{
    std::ranges::stable_sort(parts, {}, [](const PartRows& part) { return part.sink.trades.empty() ? INT64_MAX : part.sink.trades.front().micros; });
    for (std::size_t i = 1; i < parts.size(); ++i) {
        std::vector<RawTrade>& all = parts[0].sink.trades;
        std::vector<RawTrade>& more = parts[i].sink.trades;
        if (more.empty())
            continue;
        if (more.front().micros < all.back().micros)
            throw Error(ErrorKind::BadInput, "{}: its trades begin at {}, before those of the file before it end ({}); trades that stand in both cannot be told: cut one",
                        parts[i].source.name, microsText(more.front().micros), microsText(all.back().micros));
        if (parts[i].layout.volumeUnit != parts[0].layout.volumeUnit)
            throw Error(ErrorKind::BadInput, "{}: its amounts count something else than those of {}", parts[i].source.name, parts[0].source.name);
        all.insert(all.end(), more.begin(), more.end());
        more = {};
    }
}

void tradesToBars(std::vector<PartRows>& parts, const ImportOptions& options, ImportReport& report)
{
    if (options.intervalSeconds == 0)
        throw Error(ErrorKind::BadInput, "{}: holds trades; state the length of the bars to make of them with --interval SECONDS", parts[0].source.name);
    BarSeries("", options.intervalSeconds); // refuses a length that cannot be
    joinTrades(parts);
    const std::vector<RawTrade>& trades = parts[0].sink.trades;
    if (!trades.empty())
        report.notes.push_back(fmt::format("{} trades from {} to {} were made into bars; the first and the last bar may lack trades before and after",
                                           trades.size(), microsText(trades.front().micros), microsText(trades.back().micros)));
    if (parts[0].layout.volumeUnit == VolumeUnit::Quote)
        report.notes.emplace_back("amounts are in money; each was divided by its price to give coins");
    parts[0].sink.bars = aggregate(parts, options.intervalSeconds, 0);
    parts[0].sink.trades = {};
}

bool isOffGrid(const RawBar& bar, std::int64_t interval) { return bar.micros % (interval * kMicrosPerSecond) != 0; }

struct Step {
    std::int64_t seconds = 0;
    std::size_t count = 0;
};

Step commonestStep(const std::vector<RawBar>& rows, const std::string& file)
{
    std::map<std::int64_t, std::size_t> counts; // at most a day's seconds: longer steps are no interval of ours
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const std::int64_t step = rows[i].micros - rows[i - 1].micros;
        if (step > 0 && step <= kSecondsPerDay * kMicrosPerSecond && step % kMicrosPerSecond == 0)
            ++counts[step / kMicrosPerSecond];
    }
    if (counts.empty())
        throw Error(ErrorKind::BadInput, "{}: the bar interval cannot be told from {} rows; state it with --interval SECONDS", file, rows.size());
    const auto commonest = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
    return {commonest->first, commonest->second};
}

/// The commonest step. Only where it is not that of most rows, and most are off its grid, as with seconds that are mostly missing, the longest
/// usual interval that all are on: bars of one length that stand beside the grid are a fault, not shorter bars.
std::int64_t findInterval(const std::vector<RawBar>& rows, const std::string& file)
{
    const auto [step, count] = commonestStep(rows, file);
    const auto off = std::ranges::count_if(rows, [interval = step](const auto& bar) { return isOffGrid(bar, interval); });
    if (2 * static_cast<std::size_t>(off) <= rows.size() || 2 * count > rows.size())
        return step;
    for (const std::int64_t usual : {43200, 28800, 21600, 14400, 7200, 3600, 1800, 900, 300, 180, 60, 30, 15, 5, 1})
        if (usual < step && std::ranges::none_of(rows, [&](const auto& bar) { return isOffGrid(bar, usual); }))
            return usual;
    return step;
}

/// Bars of another length: in one part, many rows in a row whose steps are all the same but not the interval. Gaps are not that regular.
void findOtherIntervals(Assembly<RawBar>& assembly, std::size_t parts, std::int64_t interval)
{
    constexpr std::size_t least = 50;
    struct Run {
        const RawBar* last = nullptr;
        const RawBar* first = nullptr;
        std::int64_t step = 0;
        std::size_t steps = 0;
    };
    std::vector<Run> runs(parts);
    for (const RawBar& bar : assembly.rows()) {
        Run& run = runs[bar.part];
        const std::int64_t step = run.last ? bar.micros - run.last->micros : 0;
        if (step != run.step)
            run = {.first = run.last, .step = step};
        run.last = &bar;
        ++run.steps;
        if (run.steps < least || step == 0 || step == interval * kMicrosPerSecond)
            continue;
        // The whole run once it is long enough, then each of its further rows.
        const std::size_t rows = run.steps == least ? least + 1 : 1;
        for (std::size_t i = 0; i < rows; ++i)
            assembly.sinkOf(bar).note(FaultKind::MixedIntervals, run.first->row, run.first->micros,
                                      fmt::format("from {} on rows are {} s apart, while the bars of the series are {} s long", microsText(run.first->micros),
                                                  static_cast<double>(step) / kMicrosPerSecond, interval));
    }
}

/// Stamps that mark the close, such as 12:04:59.999, become those of the open.
void moveToOpen(Assembly<RawBar>& assembly, const std::vector<PartRows>& parts, std::int64_t interval)
{
    for (RawBar& bar : assembly.rows())
        if (parts[bar.part].layout.stampsMarkClose) {
            const std::int64_t close = (bar.micros + kMicrosPerSecond - 1) / kMicrosPerSecond * kMicrosPerSecond;
            bar.micros = close - interval * kMicrosPerSecond;
        }
}

void settleGrid(Assembly<RawBar>& assembly, const ImportOptions& options, std::int64_t interval, bool strict)
{
    std::vector<RawBar>& rows = assembly.rows();
    const auto isOff = [&](const RawBar& bar) { return isOffGrid(bar, interval); };
    if (std::ranges::none_of(rows, isOff))
        return;
    for (const RawBar& bar : rows)
        if (isOff(bar))
            assembly.sinkOf(bar).note(FaultKind::OffGrid, bar.row, bar.micros,
                                         fmt::format("timestamp {} is not on the grid of {} s that the other rows are on", microsText(bar.micros), interval));
    if (strict && options.onOffGrid == OnOffGrid::Refuse)
        assembly.refuse({FaultKind::OffGrid}, "leave them out with --off-grid drop, or take them for the time before with --off-grid floor");
    if (strict && options.onOffGrid == OnOffGrid::Floor)
        for (RawBar& bar : rows)
            bar.micros = floorTo(bar.micros, interval);
    else
        std::erase_if(rows, isOff);
    assembly.sort();
}

void settleRepeats(std::vector<RawBar>& rows, const ImportOptions& options, std::int64_t interval, ImportReport& report)
{
    std::vector<std::uint8_t> repeats(rows.size(), 0);
    std::size_t count = 0;
    for (std::size_t i = 1; i < rows.size(); ++i)
        if (rows[i].volume > 0.0 && rows[i].micros - rows[i - 1].micros == interval * kMicrosPerSecond && rows[i].sameValues(rows[i - 1])) {
            repeats[i] = 1;
            ++count;
        }
    const bool drop = options.onRepeats == OnRepeats::Drop;
    if (count == 0 || (!drop && count * 100 < rows.size())) // a few come about by themselves
        return;
    report.notes.push_back(fmt::format("{} rows repeat the row before them, volume included, as some sources fill times without a trade; {}", count,
                                       drop ? "they were left out and are missing bars" : "they were kept (--repeats drop leaves them out)"));
    if (!drop)
        return;
    std::size_t i = 0;
    std::erase_if(rows, [&](const auto&) { return repeats[i++] != 0; });
}

void sayWhatWasDecided(const FaultLog& log, const ImportOptions& options, ImportReport& report)
{
    const Json given = toJson(options);
    for (const auto& [option, kinds] : std::initializer_list<std::pair<const char*, std::vector<FaultKind>>>{
             {"on-conflict", {FaultKind::DuplicateConflicting, FaultKind::OverlapConflicting}},
             {"off-grid", {FaultKind::OffGrid}},
             {"on-disorder", {FaultKind::Disorder}},
             {"swapped-volume", {FaultKind::SwappedVolume}}})
        for (const FaultKind kind : kinds)
            if (log.count(kind) > 0 && given.contains(option))
                report.notes.push_back(fmt::format("{} rows ({}) were treated as --{} {} says", log.count(kind), faultName(kind), option,
                                                   given[option].get<std::string>()));
    for (const FaultKind kind : {FaultKind::DuplicateEqual, FaultKind::OverlapEqual})
        if (log.count(kind) > 0)
            report.notes.push_back(fmt::format("{} rows ({}) repeat a time with the same values and were left out", log.count(kind), faultName(kind)));
}

std::vector<Bar> barsOf(const std::vector<RawBar>& rows)
{
    std::vector<Bar> bars;
    bars.reserve(rows.size());
    for (const RawBar& raw : rows)
        bars.push_back({raw.micros / kMicrosPerSecond, raw.open, raw.high, raw.low, raw.close, raw.volume});
    return bars;
}

} // namespace

BarSeries assembleBars(std::vector<PartRows>& parts, const std::string& instrument, const ImportOptions& options, Strictness strictness,
                       FaultLog& log, ImportReport& report)
{
    const bool strict = strictness == Strictness::Strict;
    if (parts[0].layout.content == Content::Trades)
        tradesToBars(parts, options, report);
    Assembly<RawBar> assembly(parts, options, strictness, log, report);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        settleVolumes(parts[i], options);
        assembly.take(std::move(parts[i].sink.bars), i);
    }
    if (strict && options.onSwappedVolume == OnSwappedVolume::Refuse)
        assembly.refuse({FaultKind::SwappedVolume}, "exchange the two in such rows with --swapped-volume swap, or keep them as they are with keep");
    const std::string& file = parts[0].source.name;
    if (assembly.rows().empty())
        throw Error(ErrorKind::BadInput, "{}: is not a data set: it has no rows ({})", file, parts[0].layout.reason);
    assembly.sort();
    const std::int64_t interval = options.intervalSeconds != 0 ? options.intervalSeconds : findInterval(assembly.rows(), file);
    try {
        BarSeries(instrument, interval); // refuses a length that cannot be
        moveToOpen(assembly, parts, interval);
        if (options.intervalSeconds == 0) {
            findOtherIntervals(assembly, parts.size(), interval);
            if (strict)
                assembly.refuse({FaultKind::MixedIntervals}, "import bars of each length apart, the shorter ones with --resample; or, if these are gaps, state the interval with --interval");
        }
        settleGrid(assembly, options, interval, strict);
        assembly.resolveRepeatedTimes();
        settleRepeats(assembly.rows(), options, interval, report);
        BarSeries series = BarSeries::fromBars(instrument, interval, barsOf(assembly.rows()));
        if (strict)
            sayWhatWasDecided(log, options, report);
        describeSeries(series, report);
        return series;
    } catch (const Error& error) {
        if (std::string_view(error.what()).starts_with(file) || parts.size() > 1)
            throw;
        throw Error(error.kind(), "{}: {}", file, error.what());
    }
}

FundingSeries assembleFunding(std::vector<PartRows>& parts, const std::string& instrument, const ImportOptions& options, Strictness strictness,
                              FaultLog& log, ImportReport& report)
{
    Assembly<RawRate> assembly(parts, options, strictness, log, report);
    std::int64_t furthest = 0;
    std::size_t off = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        for (RawRate& rate : parts[i].sink.rates) {
            const std::int64_t second = (rate.micros + kMicrosPerSecond / 2) / kMicrosPerSecond * kMicrosPerSecond;
            off += second != rate.micros ? 1 : 0;
            furthest = std::max(furthest, std::abs(rate.micros - second));
            rate.micros = second;
        }
        assembly.take(std::move(parts[i].sink.rates), i);
    }
    if (off > 0)
        report.notes.push_back(fmt::format("{} stamps are off the whole second, by at most {} ms; they were taken to the nearest", off, (furthest + 999) / 1000));
    if (assembly.rows().empty())
        throw Error(ErrorKind::BadInput, "{}: is not a data set: it has no rows ({})", parts[0].source.name, parts[0].layout.reason);
    assembly.sort();
    assembly.resolveRepeatedTimes();
    if (strictness == Strictness::Strict)
        sayWhatWasDecided(log, options, report);
    std::vector<FundingRate> rates;
    for (const RawRate& raw : assembly.rows())
        rates.push_back({raw.micros / kMicrosPerSecond, raw.rate});
    report.firstTime = rates.empty() ? 0 : rates.front().timestamp;
    report.lastTime = rates.empty() ? 0 : rates.back().timestamp;
    return {instrument, std::move(rates)};
}

} // namespace btcai
