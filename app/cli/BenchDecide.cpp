#include <array>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/EnvironmentOptions.h"
#include "agent/config/RunConfig.h"
#include "agent/decision/LiveDecision.h"
#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "base/Json.h"
#include "data/dataset/SyntheticMarket.h"
#include "data/features/FeatureMatrix.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

constexpr std::size_t kWarmUp = 100;          ///< decisions that are not counted
constexpr std::size_t kNormalizerRows = 5000; ///< what the normaliser is fitted on
constexpr double kGoalMs = 2.0;

struct DecideBenchOptions {
    std::string bucket = "all";
    std::size_t decisions = 1000;
    bool json = false;
};

/// What decisions took, in milliseconds, one entry each.
struct Latencies {
    std::vector<double> wall, processor;
    std::vector<double> features, network; ///< of `wall`: kernels and normaliser; encoder, heads and action
    std::vector<double> newToken; ///< of `wall`, where a token was completed: LSTM and Transformer run for these alone
    std::int64_t parameters = 0, featureCount = 0;
};

/// Bar by bar on a synthetic market, which has the cost of a real one: a new bar comes, an action leaves. The account
/// is flat.
Latencies measure(const RunConfig& config, std::size_t decisions)
{
    const std::vector<std::string> names = resolveFeatureSelection(config.features.select);
    const TradingEnvOptions account = environmentOptions(config);
    const auto sizes = agentNetworkOptions(config, static_cast<std::int64_t>(names.size()),
                                           static_cast<std::int64_t>(TradingEnv::observationSizeOf(account)),
                                           static_cast<std::int64_t>(TradingEnv::actionCountOf(account)));
    AgentNetwork network = makeAgentNetwork(sizes, 1);
    std::vector<float> state(static_cast<std::size_t>(sizes.privateSize), 0.0F);
    state[0] = 1.0F; // the target is flat

    const std::int64_t interval = SyntheticMarketOptions{}.intervalSeconds;
    const std::size_t warmUp = FeatureStream(interval, names).warmUpBars();
    const auto context = static_cast<std::size_t>(network->encoder()->contextRows() + 2 * config.model.patchBars);
    const std::size_t fitted = warmUp + kNormalizerRows;
    const std::size_t history = std::max(fitted, warmUp + context);
    const BarSeries series = makeSyntheticMarket({.bars = history + kWarmUp + decisions, .seed = 1}).series;
    const FeatureMatrix matrix = FeatureMatrix::compute(series.slice(0, fitted), names);
    LiveDecision live(network, Normalizer::fit(matrix, matrix.warmUp(), matrix.rows()), series.startTime(), interval);

    torch::Tensor memory;
    Latencies result;
    result.parameters = parameterCount(*network);
    result.featureCount = static_cast<std::int64_t>(names.size());
    for (std::size_t row = 0; row < series.size(); ++row) {
        const Bar bar = *series.bar(row);
        const double began = wallSeconds(), cpuBegan = cpuSeconds(CLOCK_THREAD_CPUTIME_ID);
        live.push(bar);
        if (row < history)
            continue;
        const double pushed = wallSeconds();
        memory = live.decide(state, memory).memory;
        const double ended = wallSeconds(), cpuEnded = cpuSeconds(CLOCK_THREAD_CPUTIME_ID);
        if (row < history + kWarmUp)
            continue;
        result.wall.push_back(1e3 * (ended - began));
        result.processor.push_back(1e3 * (cpuEnded - cpuBegan));
        result.features.push_back(1e3 * (pushed - began));
        result.network.push_back(1e3 * (ended - pushed));
        if ((row + 1) % static_cast<std::size_t>(config.model.patchBars) == 0)
            result.newToken.push_back(result.wall.back());
    }
    return result;
}

Json percentiles(const std::vector<double>& milliseconds)
{
    return {{"median", median(milliseconds)},
            {"p95", percentile(milliseconds, 0.95)},
            {"p99", percentile(milliseconds, 0.99)},
            {"max", percentile(milliseconds, 1.0)}};
}

Json measuredBucket(Bucket bucket, std::size_t decisions)
{
    const RunConfig config = defaultConfig(bucket);
    const Latencies latencies = measure(config, decisions);
    return {
        {"bucket", bucketSpec(bucket).name},
        {"lookback_bars", config.model.lookbackBars},
        {"patch_bars", config.model.patchBars},
        {"parameters", latencies.parameters},
        {"features", latencies.featureCount},
        {"milliseconds", percentiles(latencies.wall)},
        {"processor_milliseconds", percentiles(latencies.processor)},
        {"median_milliseconds", {{"features", median(latencies.features)}, {"network", median(latencies.network)}}},
        {"new_token", {{"decisions", latencies.newToken.size()}, {"milliseconds", percentiles(latencies.newToken)}}},
        {"within_goal", percentile(latencies.wall, 0.99) < kGoalMs}};
}

int runBenchDecide(const DecideBenchOptions& options)
{
    std::vector<Bucket> buckets(kBuckets.begin(), kBuckets.end());
    if (options.bucket != "all")
        buckets = {parseRunConfig("", "command line", std::array{FieldOverride{"bucket", options.bucket}}).bucket};
    const int threads = setThreads(1);
    Json list = Json::array();
    for (const Bucket bucket : buckets)
        list.push_back(measuredBucket(bucket, options.decisions));
    if (options.json) {
        printBench({{"bench", "decide"},
                    {"decisions", options.decisions},
                    {"goal_milliseconds", kGoalMs},
                    {"threads", threads},
                    {"buckets", std::move(list)}});
        return 0;
    }
    for (const Json& bucket : list)
        fmt::print("{:<9} {} parameters, {} features, one core: median {:.3f} ms, p95 {:.3f}, p99 {:.3f} (of processor "
                   "time {:.3f}, {:.3f}, {:.3f}); "
                   "with a new token {:.3f}\n",
                   bucket["bucket"].get<std::string>(), bucket["parameters"].get<std::int64_t>(),
                   bucket["features"].get<std::int64_t>(), bucket["milliseconds"]["median"].get<double>(),
                   bucket["milliseconds"]["p95"].get<double>(), bucket["milliseconds"]["p99"].get<double>(),
                   bucket["processor_milliseconds"]["median"].get<double>(),
                   bucket["processor_milliseconds"]["p95"].get<double>(),
                   bucket["processor_milliseconds"]["p99"].get<double>(),
                   bucket["new_token"]["milliseconds"]["median"].get<double>());
    return 0;
}

} // namespace

void addBenchDecide(CLI::App& bench, Action& action)
{
    CLI::App* command =
        bench.add_subcommand("decide", "One live decision from a new bar, features included, per bucket on one core");
    const auto options = std::make_shared<DecideBenchOptions>();
    command->add_option("--bucket", options->bucket, "A bucket, or all")->capture_default_str();
    command->add_option("--decisions", options->decisions, "Timed decisions a bucket, after a hundred to warm up")
        ->check(CLI::Range(200, 10'000'000))
        ->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback(
        [&action, options] { action = [options](const LogOptions&) { return runBenchDecide(*options); }; });
}

} // namespace btcai::cli
