#include "data/importers/PartReader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/Error.h"
#include "data/bars/BarStore.h"
#include "data/importers/FormatSniffer.h"

namespace btcai {

namespace {

RowSink readStored(const InputPart& part, Strictness strictness, FaultLog& log)
{
    RowSink sink(part.label, "row", strictness, log);
    const BarSeries series = BarStore::read(part.path);
    for (std::size_t i = 0; i < series.size(); ++i)
        if (const auto bar = series.bar(i)) {
            RawBar raw{bar->timestamp * kMicrosPerSecond, bar->open, bar->high, bar->low, bar->close, bar->volume};
            raw.row = static_cast<std::uint32_t>(i + 1);
            sink.add(raw);
        }
    return sink;
}

void chooseAsset(CsvLayout& layout, const InputPart& part, const ImportOptions& options, RowSink& sink)
{
    if (layout.assets.empty() && !options.asset.empty())
        throw Error(ErrorKind::BadInput, "{}: --asset {}: the table is of one asset and doesn't name it; leave the option out", part.label,
                    quotedForMessage(options.asset));
    if (layout.assets.empty() || (layout.assets.size() == 1 && options.asset.empty()))
        return;
    const std::string assets = fmt::format("{}", fmt::join(layout.assets, ", "));
    if (options.asset.empty()) {
        sink.reject(FaultKind::SeveralAssets, layout.firstRow - 1, fmt::format("the table holds {}; choose one with --asset", assets));
        layout.notes.push_back(fmt::format("of {} the first is shown", assets));
        return;
    }
    layout.otherValues.clear();
    if (!layout.has(Role::Open))
        throw Error(ErrorKind::BadInput, "{}: --asset {} is not in the table, which holds {}", part.label, quotedForMessage(options.asset), assets);
}

void readText(Sniffed& sniffed, const InputPart& part, const ImportOptions& options, RowSink& sink, StampReader& stamps)
{
    if (const auto* json = std::get_if<JsonLayout>(&sniffed.layout)) {
        readRows(*json, sink, stamps);
        return;
    }
    CsvLayout& layout = std::get<CsvLayout>(sniffed.layout);
    chooseAsset(layout, part, options, sink);
    layout.emptyRowsAreMissing = layout.emptyRowsAreMissing || options.onEmpty == OnEmpty::Drop;
    LineReader lines(openPart(part), part.label);
    readRows(layout, lines, sink, stamps);
}

/// Turns rows that run backwards in time, and finds those that do not run the way of most.
template <typename Row>
void orderRows(std::vector<Row>& rows, const ImportOptions& options, RowSink& sink, ImportSource& source)
{
    std::size_t up = 0;
    std::size_t down = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        up += rows[i].micros > rows[i - 1].micros ? 1 : 0;
        down += rows[i].micros < rows[i - 1].micros ? 1 : 0;
    }
    const bool newestFirst = down > up;
    source.order = newestFirst ? "newest-first" : "oldest-first";
    const std::size_t wrong = std::min(up, down);
    for (std::size_t i = 1; wrong > 0 && i < rows.size(); ++i) {
        const bool backwards = newestFirst ? rows[i].micros > rows[i - 1].micros : rows[i].micros < rows[i - 1].micros;
        if (backwards)
            sink.note(FaultKind::Disorder, rows[i].row, rows[i].micros,
                      fmt::format("time {} does not come {} {} of the row before", microsText(rows[i].micros), newestFirst ? "before" : "after",
                                  microsText(rows[i - 1].micros)));
    }
    if (wrong > 0 && sink.strictness() == Strictness::Strict && options.onDisorder == OnDisorder::Refuse) {
        const auto first = std::ranges::adjacent_find(rows, [&](const Row& a, const Row& b) { return newestFirst ? b.micros > a.micros : b.micros < a.micros; });
        sink.reject(FaultKind::Disorder, std::next(first)->row,
                    fmt::format("timestamp {} does not come {} {} of the row before; {} rows are out of order (disorder); see the source, or sort "
                                "them with --on-disorder sort",
                                microsText(std::next(first)->micros), newestFirst ? "before" : "after", microsText(first->micros), wrong));
    }
    if (newestFirst)
        std::ranges::reverse(rows);
    if (wrong > 0)
        std::ranges::stable_sort(rows, {}, &Row::micros);
}

} // namespace

PartRows readPart(const InputPart& part, const ImportOptions& options, Strictness strictness, FaultLog& log)
{
    Sniffed sniffed = sniff(part, options);
    const bool stored = std::holds_alternative<StoredLayout>(sniffed.layout);
    const bool json = std::holds_alternative<JsonLayout>(sniffed.layout);
    RowSink sink = stored ? readStored(part, strictness, log) : RowSink(part.label, json ? "element" : "line", strictness, log);
    const TimeUnit wanted = options.timeUnit != TimeUnit::Auto ? options.timeUnit : sniffed.common().timeUnit;
    StampReader stamps(stored ? TimeUnit::Seconds : wanted);
    if (!stored)
        readText(sniffed, part, options, sink, stamps);

    PartRows rows{sniffed.common(), {}, std::move(sink)};
    if (options.volumeUnit)
        rows.layout.volumeUnit = *options.volumeUnit;
    rows.layout.stampsMarkClose = rows.layout.stampsMarkClose || options.stampsMarkClose;
    ImportSource& source = rows.source;
    source.name = part.label;
    source.format = rows.layout.format;
    source.reason = rows.layout.reason;
    source.notes = rows.layout.notes;
    source.timeUnit = timeUnitName(stamps.unit());
    orderRows(rows.sink.bars, options, rows.sink, source);
    if (!rows.sink.trades.empty())
        orderRows(rows.sink.trades, options, rows.sink, source);
    if (!rows.sink.rates.empty())
        orderRows(rows.sink.rates, options, rows.sink, source);
    source.rows = rows.sink.bars.size() + rows.sink.trades.size() + rows.sink.rates.size();
    source.blankRows = rows.sink.blankRows;
    source.rowsWithoutTrade = rows.sink.rowsWithoutTrade;
    if (rows.sink.unfinishedLast)
        source.notes.emplace_back("the last candle was still running when the reply was made");
    if (rows.sink.rowsWithoutTrade > 0)
        source.notes.push_back(fmt::format("{} rows hold no price: missing bars", rows.sink.rowsWithoutTrade));
    return rows;
}

} // namespace btcai
