#include "data/importers/LoadSeries.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/Error.h"
#include "base/Hash.h"
#include "data/bars/BarStore.h"
#include "data/importers/FormatSniffer.h"
#include "data/importers/PartReader.h"
#include "data/importers/SeriesAssembly.h"

namespace btcai {

namespace {

enum class Hashing { Skip, Sources };

/// Whether a name of an instrument may hold it: such a name goes into stores, "STORE.h5#NAME/SECONDS" and paths.
bool isNameCharacter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
}

std::string instrumentOf(const std::filesystem::path& path, const ImportOptions& options)
{
    if (!options.instrument.empty()) {
        if (options.instrument.size() > 64 || !std::ranges::all_of(options.instrument, isNameCharacter))
            throw Error(ErrorKind::BadInput, "--instrument {}: an instrument's name has at most 64 letters, digits, points, colons, dashes and underscores",
                        quotedForMessage(options.instrument));
        return options.instrument;
    }
    const std::string name = path.filename().string();
    std::string instrument = name.substr(0, name.find_first_of("-_. "));
    std::erase_if(instrument, [](char c) { return !isNameCharacter(c); });
    std::ranges::transform(instrument, instrument.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return instrument.empty() ? "SERIES" : instrument;
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

/// A store and which of its series: what stands before and after the # of "STORE.h5#INSTRUMENT/SECONDS".
struct StoreChoice {
    std::filesystem::path file;
    std::string instrument;           ///< empty: any
    std::int64_t intervalSeconds = 0; ///< 0: any
    bool named = false;               ///< by #, so that even an only series must fit
};

/// Nothing for what is no store.
std::optional<StoreChoice> storeChoice(std::span<const std::filesystem::path> inputs, const ImportOptions& options)
{
    if (inputs.size() != 1)
        return std::nullopt;
    if (BarStore::looksLikeOne(inputs[0]))
        return StoreChoice{inputs[0], options.instrument, options.intervalSeconds};
    const std::string text = inputs[0].string();
    const std::size_t mark = text.rfind('#');
    if (mark == std::string::npos || !BarStore::looksLikeOne(text.substr(0, mark)))
        return std::nullopt;
    const std::string which = text.substr(mark + 1);
    const std::size_t slash = which.find('/');
    StoreChoice choice{.file = text.substr(0, mark), .instrument = which.substr(0, slash), .named = true};
    const char* const end = which.data() + which.size();
    bool valid = !choice.instrument.empty();
    if (slash != std::string::npos) {
        const auto [rest, code] = std::from_chars(which.data() + slash + 1, end, choice.intervalSeconds);
        valid = valid && code == std::errc{} && rest == end && choice.intervalSeconds > 0;
    }
    if (!valid)
        throw Error(ErrorKind::BadInput, "{}: after # must stand INSTRUMENT or INSTRUMENT/SECONDS", text);
    return choice;
}

/// The stored series of this kind that fit, and all that are there for the error.
struct StoreMatches {
    std::vector<SeriesId> fitting;
    std::vector<std::string> held;
};

StoreMatches matches(const StoreChoice& choice, SeriesKind kind)
{
    StoreMatches found;
    std::vector<SeriesId> ofKind;
    for (const StoredSeries& stored : BarStore::list(choice.file)) {
        found.held.push_back(stored.id.toString());
        if (stored.id.kind == kind)
            ofKind.push_back(stored.id);
    }
    if (ofKind.size() == 1 && !choice.named) {
        found.fitting = ofKind;
        return found;
    }
    std::ranges::copy_if(ofKind, std::back_inserter(found.fitting), [&](const SeriesId& id) {
        const bool sameInterval = kind == SeriesKind::Funding || choice.intervalSeconds == 0 || choice.intervalSeconds == id.intervalSeconds;
        return sameInterval && (choice.instrument.empty() || choice.instrument == id.instrument);
    });
    return found;
}

SeriesId chosenSeries(const StoreChoice& choice, SeriesKind kind)
{
    const StoreMatches found = matches(choice, kind);
    if (found.fitting.size() == 1)
        return found.fitting.front();
    throw Error(ErrorKind::BadInput, "{}: holds {}; name {} as FILE#{}", choice.file.string(), fmt::join(found.held, ", "),
                found.fitting.empty() ? "one that is there" : "one", kind == SeriesKind::Bars ? "INSTRUMENT/SECONDS" : "INSTRUMENT");
}

ImportReport storeReport(const StoreChoice& choice, Hashing hashing, std::size_t rows)
{
    ImportSource source;
    source.name = choice.file.string();
    source.sha256 = hashing == Hashing::Sources ? sha256HexOfFile(choice.file) : std::string();
    source.format = SourceFormat::BarStore;
    source.reason = "starts as a file of this program's bar store";
    source.timeUnit = timeUnitName(TimeUnit::Seconds);
    source.order = "oldest-first";
    source.rows = rows;
    ImportReport report;
    report.sources = {source};
    report.format = source.format;
    report.reason = source.reason;
    report.timeUnit = source.timeUnit;
    report.rowsRead = rows;
    return report;
}

/// A stored series keeps its instrument and its grid.
std::optional<ImportResult> openStored(std::span<const std::filesystem::path> inputs, const ImportOptions& options, Hashing hashing)
{
    const auto choice = storeChoice(inputs, options);
    if (!choice)
        return std::nullopt;
    ImportResult result;
    result.series = BarStore::read(choice->file, chosenSeries(*choice, SeriesKind::Bars));
    result.report = storeReport(*choice, hashing, result.series.presentCount());
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
    if (const auto choice = storeChoice(inputs, options)) {
        FundingResult stored;
        stored.series = BarStore::readFunding(choice->file, chosenSeries(*choice, SeriesKind::Funding).instrument);
        stored.report = storeReport(*choice, Hashing::Sources, stored.series.size());
        stored.report.firstTime = stored.series.empty() ? 0 : stored.series.rates().front().timestamp;
        stored.report.lastTime = stored.series.empty() ? 0 : stored.series.rates().back().timestamp;
        return stored;
    }
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
    if (const auto choice = storeChoice(inputs, options))
        return matches(*choice, SeriesKind::Bars).fitting.empty() && !matches(*choice, SeriesKind::Funding).fitting.empty() ? Content::Funding
                                                                                                                           : Content::Bars;
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
