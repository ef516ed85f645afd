#include <cstdio>
#include <ctime>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli/CommandLine.h"
#include "app/cli/FeaturesCommand.h"
#include "app/cli/RewardCommand.h"
#include "base/Clock.h"
#include "base/DurableFile.h"
#include "base/Error.h"
#include "base/Json.h"
#include "data/bars/BarStore.h"
#include "data/bars/Resample.h"
#include "data/importers/LoadSeries.h"
#include "data/quality/QualityReport.h"

namespace btcai::cli {

namespace {

/// Exit code of `check`: the data are readable, and unfit to learn from.
constexpr int kUnfit = 8;

struct DataOptions {
    std::vector<std::filesystem::path> inputs;
    std::filesystem::path dataInput; ///< of check --data
    std::string output;
    bool replace = false;
    std::int64_t resampleSeconds = 0;
    double minimumCoverage = 0.0;
    bool causality = false;
    bool reward = false;
    std::string config;
    std::string select;
    std::vector<std::filesystem::path> funding;
    ImportOptions import;
    std::string timeUnit = "auto";
    std::string now;
    bool json = false;
};

template <typename Choice>
void addChoice(CLI::App& command, const char* name, Choice& value, const std::map<std::string, Choice>& choices, const char* help)
{
    command.add_option(name, value, help)->transform(CLI::CheckedTransformer(choices))->type_name("");
}

/// How to read the files: what import and check share.
void addReadingOptions(CLI::App& command, DataOptions& options)
{
    ImportOptions& import = options.import;
    command.add_option("--instrument", import.instrument, "Name of the instrument; else taken from the file name");
    command.add_option("--interval", import.intervalSeconds, "Seconds per bar; else told from the rows. Trades need it")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{86400}));
    command.add_option("--columns", import.columns,
                       "Which column is what, by place from 0 or by header name: time=0,open=1,high=2,low=3,close=4,volume=5. Fields: time, open, "
                       "high, low, close, volume, quote_volume; price, amount (trades); rate (funding)");
    command.add_option("--time-unit", options.timeUnit, "Of the stamps: auto, s, ms, us, ns or text")->capture_default_str();
    command.add_option_function<std::string>(
               "--volume-unit",
               [&import](const std::string& unit) {
                   import.volumeUnit = unit == "base" ? VolumeUnit::Base : unit == "quote" ? VolumeUnit::Quote : VolumeUnit::None;
               },
               "What volume counts: base (coins), quote (money, converted by the typical price) or none; else as the format says")
        ->check(CLI::IsMember({"base", "quote", "none"}));
    addChoice<bool>(command, "--stamp", import.stampsMarkClose, {{"open", false}, {"close", true}}, "What stamps mark: open (usual) or close of a bar");
    command.add_option("--asset", import.asset, "Which of several in one table");
    command.add_flag("--json", options.json, "Print JSON");
}

/// What to do with faults that import refuses otherwise.
void addDecisions(CLI::App& command, ImportOptions& import)
{
    addChoice<OnConflict>(command, "--on-conflict", import.onConflict,
                          {{"refuse", OnConflict::Refuse}, {"keep-first", OnConflict::KeepFirst}, {"keep-last", OnConflict::KeepLast}, {"drop", OnConflict::Drop}},
                          "Times with different values, in one file or several: refuse, keep-first, keep-last, drop");
    addChoice<OnOffGrid>(command, "--off-grid", import.onOffGrid, {{"refuse", OnOffGrid::Refuse}, {"drop", OnOffGrid::Drop}, {"floor", OnOffGrid::Floor}},
                         "Stamps off the grid: refuse, drop, floor");
    addChoice<OnDisorder>(command, "--on-disorder", import.onDisorder, {{"refuse", OnDisorder::Refuse}, {"sort", OnDisorder::Sort}},
                          "Rows out of order: refuse, sort");
    addChoice<OnSwappedVolume>(command, "--swapped-volume", import.onSwappedVolume,
                               {{"refuse", OnSwappedVolume::Refuse}, {"keep", OnSwappedVolume::Keep}, {"swap", OnSwappedVolume::Swap}},
                               "Rows whose volumes in coins and money changed places: refuse, keep, swap");
    addChoice<OnEmpty>(command, "--on-empty", import.onEmpty, {{"refuse", OnEmpty::Refuse}, {"drop", OnEmpty::Drop}}, "Rows without any price: refuse, drop");
    addChoice<OnRepeats>(command, "--repeats", import.onRepeats, {{"keep", OnRepeats::Keep}, {"drop", OnRepeats::Drop}},
                         "Bars that repeat the one before, volume included: keep, drop");
}

Provenance provenanceOf(const ImportReport& report)
{
    std::vector<SourceFile> files;
    for (const ImportSource& source : report.sources)
        files.push_back({std::filesystem::path(source.name).filename().string(), source.sha256});
    return Provenance::now(std::move(files), report.options.is_null() ? Json::object() : report.options);
}

/// Adds to the store, or begins a new one: nothing that stands there is lost unless --replace says so.
template <typename Series>
AppendResult store(const Series& series, const DataOptions& options, const ImportReport& report)
{
    const Provenance provenance = provenanceOf(report);
    refuseToOverwrite(options.inputs, options.output);
    if (options.replace && std::filesystem::exists(options.output) && !BarStore::looksLikeOne(options.output))
        throw Error(ErrorKind::BadInput, "{}: is not a bar store, so --replace leaves it alone; choose another name", options.output);
    if (!options.replace)
        return BarStore::append(series, options.output, provenance);
    AppendResult stored;
    writeFileDurablyBy(options.output, [&](const std::filesystem::path& temporary) {
        std::filesystem::remove(temporary);
        stored = BarStore::append(series, temporary, provenance);
    });
    return stored;
}

void tell(const DataOptions& options, const ImportReport& report, const char* content, const AppendResult& stored, const std::string& what)
{
    if (options.json) {
        Json json = report.toJson();
        json["content"] = content;
        json["stored"] = {{"added", stored.added}, {"filled", stored.filled}, {"equal", stored.equal}};
        printJson(json);
        return;
    }
    fmt::print("{}{}, {} to {} UTC", report.toText(), what, formatUtc(report.firstTime), formatUtc(report.lastTime));
    if (report.intervalSeconds > 0)
        fmt::print(", {} gaps with {} missing bars", report.gaps, report.missingBars);
    fmt::print("\nstored in {}: {} added, {} filled in, {} there before\n", options.output, stored.added, stored.filled, stored.equal);
}

int importFundingFiles(const DataOptions& options)
{
    const FundingResult result = importFunding(options.inputs, options.import);
    tell(options, result.report, "funding", store(result.series, options, result.report), fmt::format("{} funding rates", result.series.size()));
    return 0;
}

int runImport(DataOptions& options)
{
    options.import.timeUnit = parseTimeUnit(options.timeUnit);
    if (contentOf(options.inputs, options.import) == Content::Funding)
        return importFundingFiles(options);
    ImportResult result = importSeries(options.inputs, options.import);
    if (options.resampleSeconds > 0) {
        result.report.notes.push_back(fmt::format("resampled from bars of {} s", result.series.intervalSeconds()));
        result.report.options["resample"] = options.resampleSeconds;
        const std::size_t whole = resample(result.series, options.resampleSeconds, {.minimumCoverage = 1.0}).presentCount();
        result.series = resample(result.series, options.resampleSeconds, {.minimumCoverage = options.minimumCoverage});
        if (result.series.presentCount() > whole)
            result.report.notes.push_back(fmt::format("{} of the longer bars rest on fewer than all of their bars; --min-coverage 1 leaves those out",
                                                      result.series.presentCount() - whole));
        describeSeries(result.series, result.report);
    }
    tell(options, result.report, "bars", store(result.series, options, result.report),
         fmt::format("{} bars of {} s", result.series.presentCount(), result.series.intervalSeconds()));
    return 0;
}

int runCheck(DataOptions& options)
{
    if (options.reward)
        return runRewardCheck(options.config, options.json);
    if (!options.dataInput.empty())
        options.inputs.push_back(options.dataInput);
    if (options.inputs.empty())
        throw Error(ErrorKind::BadInput, "check: name the data with --data FILE, or ask for --reward");
    options.import.timeUnit = parseTimeUnit(options.timeUnit);
    QualityOptions quality;
    if (options.now == "now")
        quality.now = std::time(nullptr);
    else if (!options.now.empty())
        quality.now = parseUtc(options.now);
    if (options.causality)
        return runCausalityCheck(importSeries(options.inputs, options.import).series,
                                 options.funding.empty() ? FundingSeries() : importFunding(options.funding).series, options.select, options.json);
    const ImportResult result = inspectSeries(options.inputs, options.import);
    const QualityReport report = assessQuality(result, quality);
    const int code = blocksTraining(report).blocks() ? kUnfit : 0;
    if (options.json) {
        Json json = report.toJson();
        json["import"] = result.report.toJson();
        printJson(json);
        return code;
    }
    for (const ImportSource& source : result.report.sources)
        fmt::print("{}: {} ({}), {} rows, {}\n", source.name, sourceFormatName(source.format), source.reason, source.rows, source.order);
    fmt::print("{}", report.toText());
    return code;
}

} // namespace

void addImportCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("import", "Read market data of a known format and store it as a checked series (.h5)");
    const auto options = std::make_shared<DataOptions>();
    command->add_option("files", options->inputs, "Files, or folders of files, that become one series: CSV, JSON, gz, zip or stored series")->required();
    command->add_option("-o,--out,--output", options->output, "The store (.h5) to add to, or to begin")->required();
    command->add_flag("--replace", options->replace, "Begin the store anew; what stands in it is lost");
    CLI::Option* const resampled = command->add_option("--resample", options->resampleSeconds, "Join the bars to longer ones of this many seconds")
                                       ->check(CLI::Range(std::int64_t{1}, std::int64_t{86400}));
    command->add_option("--min-coverage", options->minimumCoverage,
                        "With --resample: the share of its bars that a longer bar needs; at 0 one of them is enough")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str()
        ->needs(resampled);
    addReadingOptions(*command, *options);
    addDecisions(*command, options->import);
    command->callback([&action, options] { action = [options](const LogOptions&) { return runImport(*options); }; });
}

void addCheckCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("check", "Say what is wrong with market data: gaps, faults of the file, spikes, frozen prices");
    const auto options = std::make_shared<DataOptions>();
    command->add_option("files", options->inputs, "As for import");
    command->add_option("--data", options->dataInput, "The same, one file or folder");
    command->add_option("--now", options->now, "Judge the age of the last bar at this time (ISO 8601), or \"now\"");
    CLI::Option* const causality = command->add_flag("--causality", options->causality,
                      "Show instead that no feature sees the future: whatever comes after a bar is changed and taken away, at many bars");
    command->add_option("--select", options->select, "With --causality: which features; else all")->needs(causality);
    command->add_option("--funding", options->funding, "With --causality: a file or stored series of funding rates")->needs(causality);
    CLI::Option* const reward
        = command->add_flag("--reward", options->reward, "Check the environment instead: relations that its books and its reward must keep, on made-up markets");
    command->add_option("--config", options->config, "With --reward: the run configuration (TOML) whose account, costs and reward are checked; else the defaults")
        ->needs(reward);
    addReadingOptions(*command, *options);
    command->callback([&action, options] { action = [options](const LogOptions&) { return runCheck(*options); }; });
}

} // namespace btcai::cli
