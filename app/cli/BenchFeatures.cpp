#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "base/Json.h"
#include "data/dataset/SyntheticMarket.h"
#include "data/features/FeatureMatrix.h"
#include "data/features/FeatureStream.h"

namespace btcai::cli {

namespace {

/// What TA-Lib's C library makes in row-outputs a second on the machine the figure was set for.
constexpr double kTaLibRate = 110e6;
constexpr std::size_t kBlockBars = 512;

struct FeaturesBenchOptions {
    std::size_t bars = 500'000;
    std::string select = "all";
    std::size_t threads = 1;
    std::size_t repeats = 3;
    bool json = false;
};

/// One kernel over all bars as the batch runs it: the least processor time of the repeats, so that neighbours on the machine count little.
double kernelSeconds(const FeatureInfo& info, const BarBlock& bars, std::int64_t intervalSeconds, std::size_t repeats)
{
    std::vector<double> values(kBlockBars), seconds;
    for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
        const auto kernel = info.make(intervalSeconds);
        const double began = cpuSeconds(CLOCK_THREAD_CPUTIME_ID);
        for (std::size_t i = 0; i < bars.size(); i += kBlockBars) {
            const auto block = bars.subspan(i, std::min(kBlockBars, bars.size() - i));
            runKernel(*kernel, intervalSeconds, block, {}, std::span(values).first(block.size()));
        }
        seconds.push_back(cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - began);
    }
    return *std::ranges::min_element(seconds);
}

struct MatrixTiming {
    double seconds = 0.0;    ///< median
    double secondsMin = 0.0;
    double cpuSeconds = 0.0; ///< median
};

MatrixTiming timeMatrix(const BarSeries& series, std::span<const std::string> names, const FeaturesBenchOptions& options)
{
    std::vector<double> wall, cpu;
    for (std::size_t repeat = 0; repeat < options.repeats; ++repeat) {
        const double wallBegan = wallSeconds(), cpuBegan = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
        FeatureMatrix::compute(series, names, {.threads = options.threads});
        wall.push_back(wallSeconds() - wallBegan);
        cpu.push_back(cpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpuBegan);
    }
    return {median(wall), *std::ranges::min_element(wall), median(cpu)};
}

std::int64_t peakMemoryBytes()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return 1024 * static_cast<std::int64_t>(usage.ru_maxrss);
}

int runBenchFeatures(const FeaturesBenchOptions& options)
{
    const auto names = resolveFeatureSelection(options.select);
    const BarSeries series = makeSyntheticMarket({.bars = options.bars, .seed = 1}).series;
    const MatrixTiming timing = timeMatrix(series, names, options);
    const std::int64_t peak = peakMemoryBytes();

    BarTable bars;
    for (std::size_t i = 0; i < series.size(); ++i)
        bars.push_back(*series.bar(i));
    const auto rows = static_cast<double>(series.size());
    Json list = Json::array();
    for (const std::string& name : names) {
        const FeatureInfo& info = findFeature(name);
        const double rate = rows / kernelSeconds(info, bars.block(), series.intervalSeconds(), options.repeats);
        list.push_back({{"name", name},
                        {"rows_per_s", rate},
                        {"ratio_to_ta_lib", rate / kTaLibRate},
                        {"shared_with_ta_lib", !info.reference.empty()}});
    }
    const double rate = rows * static_cast<double>(names.size()) / timing.seconds;
    if (options.json) {
        printBench({{"bench", "features"},
                    {"rows", series.size()},
                    {"features", names.size()},
                    {"threads", options.threads},
                    {"row_features_per_s", rate},
                    {"seconds", timing.seconds},
                    {"seconds_min", timing.secondsMin},
                    {"cpu_seconds", timing.cpuSeconds},
                    {"matrix_bytes", series.size() * names.size() * sizeof(float)},
                    {"peak_memory_bytes", peak},
                    {"ta_lib_row_features_per_s", kTaLibRate},
                    {"repeats", options.repeats},
                    {"per_feature", std::move(list)}});
        return 0;
    }
    fmt::print("{} features over {} bars, {} thread(s): {:.3f} s (least {:.3f}, processor time {:.3f}), {:.1f} million row-features/s, peak "
               "memory {:.0f} MB\n",
               names.size(), series.size(), options.threads, timing.seconds, timing.secondsMin, timing.cpuSeconds, rate / 1e6,
               static_cast<double>(peak) / 1e6);
    for (const Json& feature : list)
        fmt::print("{:<26} {:>8.1f} million rows/s  {:.2f} of TA-Lib's {:.0f}\n", feature["name"].get<std::string>(),
                   feature["rows_per_s"].get<double>() / 1e6, feature["ratio_to_ta_lib"].get<double>(), kTaLibRate / 1e6);
    return 0;
}

} // namespace

void addBenchFeatures(CLI::App& bench, Action& action)
{
    CLI::App* command = bench.add_subcommand("features", "All kernels over a synthetic market, together and one by one");
    const auto options = std::make_shared<FeaturesBenchOptions>();
    command->add_option("--bars", options->bars, "Bars of the market")->check(CLI::Range(1, 100'000'000))->capture_default_str();
    command->add_option("--select", options->select, "Features: names, groups, default or all")->capture_default_str();
    command->add_option("--threads", options->threads, "Threads of the matrix; the figure is for one")->check(CLI::Range(1, 1024))->capture_default_str();
    command->add_option("--repeats", options->repeats, "Repetitions")->check(CLI::Range(1, 1000))->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runBenchFeatures(*options); }; });
}

} // namespace btcai::cli
