#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli/CommandLine.h"
#include "base/Clock.h"
#include "base/Json.h"
#include "data/bars/BarStore.h"
#include "data/importers/LoadSeries.h"
#include "data/quality/QualityReport.h"

namespace btcai::cli {

namespace {

struct DataOptions {
    std::string input;
    std::string output;
    ImportOptions import;
    bool json = false;
};

void addImportOptions(CLI::App& command, DataOptions& options)
{
    command.add_option("file", options.input, "CSV (gz too), Binance kline file or stored series")->required();
    command.add_option("--instrument", options.import.instrument, "Name of the instrument; else taken from the file name");
    command.add_option("--interval", options.import.intervalSeconds, "Seconds per bar; else the commonest step");
    command.add_flag("--json", options.json, "Print JSON");
}

int runImport(const DataOptions& options)
{
    const ImportResult result = importSeries(options.input, options.import);
    BarStore::write(result.series, options.output);
    const ImportReport& report = result.report;
    if (options.json) {
        printJson(report.toJson());
        return 0;
    }
    fmt::print("{}: {} ({})\n{} bars of {} s, {} to {} UTC, {} gaps with {} missing bars\nwritten to {}\n", options.input,
               sourceFormatName(report.format), report.reason, report.rowsRead, report.intervalSeconds,
               formatUtc(report.firstTime), formatUtc(report.lastTime), report.gaps, report.missingBars, options.output);
    return 0;
}

int runCheck(const DataOptions& options)
{
    const QualityReport report = assessQuality(importSeries(options.input, options.import).series);
    if (options.json)
        printJson(report.toJson());
    else
        fmt::print("{}", report.toText());
    return 0;
}

} // namespace

void addImportCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("import", "Read market data of a known format and store it as a checked series (.h5)");
    const auto options = std::make_shared<DataOptions>();
    addImportOptions(*command, *options);
    command->add_option("-o,--output", options->output, "The stored series to write")->required();
    command->callback([&action, options] { action = [options](const LogOptions&) { return runImport(*options); }; });
}

void addCheckCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("check", "Say what is wrong with market data: gaps, spikes, frozen prices");
    const auto options = std::make_shared<DataOptions>();
    addImportOptions(*command, *options);
    command->callback([&action, options] { action = [options](const LogOptions&) { return runCheck(*options); }; });
}

} // namespace btcai::cli
