#include <filesystem>
#include <functional>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "app/cli/ScratchFolder.h"
#include "base/Error.h"
#include "base/Json.h"
#include "data/bars/BarStore.h"
#include "data/features/FeatureCache.h"
#include "data/features/FeatureKernel.h"
#include "data/importers/LoadSeries.h"

namespace btcai::cli {

namespace {

namespace fs = std::filesystem;

struct DataBenchOptions {
    std::string data;
    std::string select = "all";
    std::size_t repeats = 5;
    bool json = false;
};

double medianSeconds(std::size_t repeats, const std::function<void()>& work)
{
    std::vector<double> seconds;
    for (std::size_t i = 0; i < repeats; ++i) {
        const double began = wallSeconds();
        work();
        seconds.push_back(wallSeconds() - began);
    }
    return median(seconds);
}

int runBenchData(const DataBenchOptions& options)
{
    const ScratchFolder scratch;
    const fs::path store = scratch.path() / "series.h5";
    const auto names = resolveFeatureSelection(options.select);
    BarSeries series;
    const double import = medianSeconds(options.repeats, [&] { series = importSeries(options.data).series; });
    const double write = medianSeconds(options.repeats, [&] { BarStore::write(series, store); });
    const double open = medianSeconds(options.repeats, [&] { BarStore::read(store); });

    FeatureCache cache({.folder = scratch.path() / "cache"});
    const std::string hash = series.contentHash();
    const double first = medianSeconds(1, [&] { cache.get(series, names, {}, hash); });
    const double second = medianSeconds(options.repeats, [&] { cache.get(series, names, {}, hash); });
    const Json json = {{"bench", "data"},
                       {"bars", series.presentCount()},
                       {"rows", series.size()},
                       {"features", names.size()},
                       {"import_seconds", import},
                       {"store_write_seconds", write},
                       {"store_open_seconds", open},
                       {"features_first_seconds", first},
                       {"features_second_opening_seconds", second},
                       {"repeats", options.repeats}};
    if (options.json)
        printBench(json);
    else
        fmt::print("{} bars: import {:.3f} s, write to a store {:.3f} s, open it {:.1f} ms\n{} features: computed and cached {:.3f} s, opened again {:.1f} ms\n",
                   series.presentCount(), import, write, 1e3 * open, names.size(), first, 1e3 * second);
    return 0;
}

} // namespace

void addBenchData(CLI::App& bench, Action& action)
{
    CLI::App* command = bench.add_subcommand("data", "Import a file, open it from a store, compute its features and open them from the cache");
    const auto options = std::make_shared<DataBenchOptions>();
    command->add_option("--data", options->data, "The file to import")->required();
    command->add_option("--select", options->select, "Features: names, groups, default or all")->capture_default_str();
    command->add_option("--repeats", options->repeats, "Repetitions; medians are told")->check(CLI::Range(1, 1000))->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runBenchData(*options); }; });
}

} // namespace btcai::cli
