#include "data/importers/LoadSeries.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/Error.h"
#include "base/Hash.h"
#include "data/bars/BarStore.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/PartReader.h"
#include "data/importers/SeriesAssembly.h"

namespace btcai {

namespace {

enum class Hashing { Skip, Sources };

std::string instrumentOf(const std::filesystem::path& path, const ImportOptions& options)
{
    if (!options.instrument.empty())
        return options.instrument;
    const std::string name = path.filename().string();
    std::string instrument = name.substr(0, name.find_first_of("-_. "));
    std::ranges::transform(instrument, instrument.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return instrument;
}

bool isFunding(Content content) { return content == Content::Funding; }

const char* contentName(Content content)
{
    switch (content) {
    case Content::Bars: return "bars";
    case Content::Trades: return "trades";
    case Content::Quotes: return "quotes";
    case Content::Funding: return "funding rates";
    }
    return "something else";
}

/// Reads all texts of all files. Empty replies are noted and left out unless nothing else is there.
std::vector<PartRows> readAll(std::span<const std::filesystem::path> inputs, const ImportOptions& options, Strictness strictness, Hashing hashing,
                              FaultLog& log, ImportReport& report)
{
    std::vector<PartRows> parts;
    std::optional<PartRows> empty;
    for (const std::filesystem::path& path : expandInputs(inputs)) {
        const std::string hash = hashing == Hashing::Sources ? sha256HexOfFile(path) : std::string();
        for (const InputPart& part : partsOf(path)) {
            PartRows rows = readPart(part, options, strictness, log);
            rows.source.sha256 = hash;
            if (rows.layout.format == SourceFormat::EmptyReply) {
                report.sources.push_back(rows.source);
                empty.emplace(std::move(rows));
                continue;
            }
            if (!parts.empty() && rows.layout.content != parts[0].layout.content)
                throw Error(ErrorKind::BadInput, "{}: holds {} where {} holds {}; import them apart", part.label, contentName(rows.layout.content),
                            parts[0].source.name, contentName(parts[0].layout.content));
            parts.push_back(std::move(rows));
        }
    }
    if (parts.empty() && empty)
        throw Error(ErrorKind::BadInput, "{}: holds 0 bars: {}", empty->source.name, empty->source.reason);
    return parts;
}

void describeSources(const std::vector<PartRows>& parts, ImportReport& report)
{
    for (const PartRows& part : parts) {
        report.sources.push_back(part.source);
        report.rowsRead += part.source.rows;
        report.rowsSkipped += part.source.blankRows;
    }
    report.format = parts[0].source.format;
    report.reason = parts[0].source.reason;
    report.timeUnit = parts[0].source.timeUnit;
}

ImportResult run(std::span<const std::filesystem::path> inputs, const ImportOptions& options, Strictness strictness, Hashing hashing)
{
    FaultLog log;
    ImportResult result;
    std::vector<PartRows> parts = readAll(inputs, options, strictness, hashing, log, result.report);
    if (isFunding(parts[0].layout.content))
        throw Error(ErrorKind::BadInput, "{}: holds funding rates, not bars ({})", parts[0].source.name, parts[0].source.reason);
    const std::string instrument = instrumentOf(expandInputs(inputs).front(), options);
    result.series = assembleBars(parts, instrument, options, strictness, log, result.report);
    describeSources(parts, result.report);
    result.report.options = toJson(options);
    result.report.faults = log.faults();
    return result;
}

/// Of a store with several series of bars the one that instrument and interval of the options name; else the only one.
BarSeries readStored(const std::filesystem::path& path, const ImportOptions& options)
{
    std::vector<SeriesId> fitting;
    std::size_t bars = 0;
    for (const StoredSeries& stored : BarStore::list(path)) {
        if (stored.id.kind != SeriesKind::Bars)
            continue;
        ++bars;
        if ((options.instrument.empty() || options.instrument == stored.id.instrument)
            && (options.intervalSeconds == 0 || options.intervalSeconds == stored.id.intervalSeconds))
            fitting.push_back(stored.id);
    }
    return bars > 1 && fitting.size() == 1 ? BarStore::read(path, fitting.front()) : BarStore::read(path);
}

/// A stored series keeps its instrument and its grid.
std::optional<ImportResult> openStored(std::span<const std::filesystem::path> inputs, const ImportOptions& options, Hashing hashing)
{
    if (inputs.size() != 1 || !BarStore::looksLikeOne(inputs[0]))
        return std::nullopt;
    ImportResult result;
    result.series = readStored(inputs[0], options);
    ImportSource source;
    source.name = inputs[0].string();
    source.sha256 = hashing == Hashing::Sources ? sha256HexOfFile(inputs[0]) : std::string();
    source.format = SourceFormat::BarStore;
    source.reason = "starts as a file of this program's bar store";
    source.timeUnit = timeUnitName(TimeUnit::Seconds);
    source.order = "oldest-first";
    source.rows = result.series.presentCount();
    result.report.sources = {source};
    result.report.format = source.format;
    result.report.reason = source.reason;
    result.report.timeUnit = source.timeUnit;
    result.report.rowsRead = source.rows;
    describeSeries(result.series, result.report);
    return result;
}

} // namespace

ImportResult importSeries(std::span<const std::filesystem::path> inputs, const ImportOptions& options)
{
    if (auto stored = openStored(inputs, options, Hashing::Sources))
        return std::move(*stored);
    return run(inputs, options, Strictness::Strict, Hashing::Sources);
}

ImportResult importSeries(const std::filesystem::path& path, const ImportOptions& options) { return importSeries(std::span(&path, 1), options); }

ImportResult inspectSeries(std::span<const std::filesystem::path> inputs, const ImportOptions& options)
{
    if (auto stored = openStored(inputs, options, Hashing::Sources))
        return std::move(*stored);
    return run(inputs, options, Strictness::Lenient, Hashing::Sources);
}

FundingResult importFunding(std::span<const std::filesystem::path> inputs, const ImportOptions& options)
{
    FaultLog log;
    FundingResult result;
    std::vector<PartRows> parts = readAll(inputs, options, Strictness::Strict, Hashing::Sources, log, result.report);
    if (!isFunding(parts[0].layout.content))
        throw Error(ErrorKind::BadInput, "{}: holds {}, not funding rates ({})", parts[0].source.name, contentName(parts[0].layout.content),
                    parts[0].source.reason);
    result.series = assembleFunding(parts, instrumentOf(expandInputs(inputs).front(), options), options, Strictness::Strict, log, result.report);
    describeSources(parts, result.report);
    result.report.options = toJson(options);
    result.report.faults = log.faults();
    return result;
}

Content contentOf(std::span<const std::filesystem::path> inputs, const ImportOptions& options)
{
    Content content = Content::Bars;
    for (const std::filesystem::path& path : expandInputs(inputs)) {
        const Sniffed sniffed = sniff(partsOf(path).front(), options);
        content = sniffed.common().content;
        if (sniffed.common().format != SourceFormat::EmptyReply)
            break;
    }
    return content;
}

BarSeries loadSeries(const std::filesystem::path& path, const ImportOptions& options)
{
    const std::span inputs(&path, 1);
    if (auto stored = openStored(inputs, options, Hashing::Skip))
        return std::move(stored->series);
    return std::move(run(inputs, options, Strictness::Strict, Hashing::Skip).series);
}

} // namespace btcai
