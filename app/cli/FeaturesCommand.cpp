#include "app/cli/FeaturesCommand.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli/CommandLine.h"
#include "base/DurableFile.h"
#include "base/Error.h"
#include "base/Json.h"
#include "data/features/CausalityCheck.h"
#include "data/features/FeatureCsv.h"
#include "data/features/FeatureKernel.h"
#include "data/importers/LoadSeries.h"

namespace btcai::cli {

namespace {

struct FeaturesOptions {
    bool list = false;
    bool json = false;
    std::string data;
    std::string select;
    std::string csv;
    std::vector<std::filesystem::path> funding;
    ImportOptions import;
};

/// null where a range is open: JSON has no infinity.
Json boundOf(double bound) { return std::isfinite(bound) ? Json(bound) : Json(nullptr); }

Json toJson(const FeatureInfo& info)
{
    const bool isDefault = std::ranges::count(defaultFeatureNames(), info.name) > 0;
    return {{"name", info.name},
            {"group", featureGroupName(info.group)},
            {"formula", info.formula},
            {"source", info.source},
            {"parameters", info.parameters},
            {"warm_up", info.warmUp},
            {"timeframe_s", info.timeframeSeconds},
            {"range", {boundOf(info.range.low), boundOf(info.range.high)}},
            {"stationary", info.scale == FeatureScale::Stationary},
            {"reference", info.reference.empty() ? Json(nullptr) : Json{{"function", "TA-Lib " + info.reference}, {"column", info.name}}},
            {"default", isDefault}};
}

int listFeatures(const FeaturesOptions& options)
{
    const auto names = resolveFeatureSelection(options.select.empty() ? "all" : options.select);
    if (options.json) {
        Json list = Json::array();
        for (const std::string& name : names)
            list.push_back(toJson(findFeature(name)));
        printJson({{"catalogue_version", kFeatureCatalogVersion}, {"features", std::move(list)}});
        return 0;
    }
    for (const std::string& name : names) {
        const FeatureInfo& info = findFeature(name);
        fmt::print("{:<26} {:<11} {:>4}  {}\n", info.name, featureGroupName(info.group), info.warmUp, info.formula);
    }
    return 0;
}

void writeAll(std::FILE* file, std::string_view text)
{
    if (std::fwrite(text.data(), 1, text.size(), file) != text.size())
        throw Error(ErrorKind::Io, "standard output cannot be written");
}

int writeCsv(const FeaturesOptions& options)
{
    const auto names = resolveFeatureSelection(options.select.empty() ? "default" : options.select);
    const BarSeries series = loadSeries(options.data, options.import);
    const FundingSeries funding = options.funding.empty() ? FundingSeries() : importFunding(options.funding).series;
    const std::filesystem::path input = options.data;
    refuseToOverwrite({&input, 1}, options.csv);
    if (options.csv == "-") {
        writeFeatureCsv(series, names, funding, [](std::string_view text) { writeAll(stdout, text); });
        if (std::fflush(stdout) != 0)
            throw Error(ErrorKind::Io, "standard output cannot be written");
        return 0;
    }
    writeFileDurablyBy(options.csv, [&](const std::filesystem::path& temporary) {
        std::ofstream file(temporary, std::ios::binary);
        writeFeatureCsv(series, names, funding, [&](std::string_view text) { file.write(text.data(), static_cast<std::streamsize>(text.size())); });
        file.close();
        if (!file)
            throw Error(ErrorKind::Io, "{}: cannot be written; is the disk full?", options.csv);
    });
    if (options.json)
        printJson({{"file", options.csv}, {"rows", series.presentCount()}, {"features", names}, {"catalogue_version", kFeatureCatalogVersion}});
    else
        fmt::print("{} rows of {} features written to {}\n", series.presentCount(), names.size(), options.csv);
    return 0;
}

int runFeatures(const FeaturesOptions& options)
{
    if (options.list)
        return listFeatures(options);
    if (options.data.empty() || options.csv.empty())
        throw Error(ErrorKind::BadInput, "say --list, or --data FILE and --csv FILE (- for standard output)");
    return writeCsv(options);
}

} // namespace

int runCausalityCheck(const BarSeries& series, const FundingSeries& funding, const std::string& select, bool json)
{
    const auto names = resolveFeatureSelection(select.empty() ? "all" : select);
    const CausalityReport report = checkCausality(catalogueFeatures(names, series.intervalSeconds()), series, funding);
    if (json)
        printJson(report.toJson());
    else
        fmt::print("{}", report.toText());
    return report.passed() ? 0 : exitCode(ErrorKind::Internal);
}

void addFeaturesCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("features", "List the features, or write their raw values as CSV");
    const auto options = std::make_shared<FeaturesOptions>();
    CLI::Option* list = command->add_flag("--list", options->list, "Say what each feature is: formula, source, parameters, warm-up, range, reference");
    command->add_option("--data", options->data, "Market data: any file that import reads, or a stored series")->excludes(list);
    command->add_option("--select", options->select,
                        "Features with commas between: names, groups (momentum, ...), default or all. Without it --list shows all, --csv writes "
                        "default");
    command->add_option("--csv", options->csv, "File to write, one row a bar; - for standard output")->excludes(list);
    command->add_option("--funding", options->funding, "A file or stored series of funding rates, for the funding group");
    command->add_option("--instrument", options->import.instrument, "Name of the instrument; else taken from the file name");
    command->add_option("--interval", options->import.intervalSeconds, "Seconds per bar; else the commonest step");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runFeatures(*options); }; });
}

} // namespace btcai::cli
