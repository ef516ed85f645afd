#include <algorithm>
#include <chrono>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/EnvironmentOptions.h"
#include "agent/config/Field.h"
#include "agent/distributed/RolloutExchange.h"
#include "agent/ppo/Collector.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/PpoUpdater.h"
#include "agent/ppo/Trainer.h"
#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "app/cli/LocalRanks.h"
#include "base/Json.h"
#include "data/dataset/SyntheticMarket.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

using SteadyClock = std::chrono::steady_clock;

struct TrainBenchOptions {
    std::int64_t iterations = 5;
    std::int64_t ranks = 0;
    bool json = false;
    std::vector<FieldOverride> fields;
};

/// Seconds of some iterations.
struct Timing {
    double total = 0.0;
    double update = 0.0; ///< of the total
    RolloutTimes inRollout;
    UpdateTimes inUpdate;

    void add(const Timing& other)
    {
        total += other.total;
        update += other.update;
        inRollout.add(other.inRollout);
        inUpdate.add(other.inUpdate, 1.0);
    }
};

/// Rollout and update as in training, on a synthetic market, which has the cost of a real one; evaluation and checkpoints aside.
class TrainBench {
public:
    TrainBench(const RunConfig& config, RankGroup* group) : m_config(config), m_group(group)
    {
        const torch::Device device = selectDevice(config.device, group ? group->options().localRank : 0);
        auto sizes = agentNetworkOptions(config, 1, static_cast<std::int64_t>(TradingEnv::observationSizeOf(environmentOptions(config))), 2);
        const auto context = static_cast<std::size_t>(MarketEncoder(sizes.encoder)->contextRows());
        const auto bars = 3 * (context + static_cast<std::size_t>(config.model.lookbackBars)) + 40'000 + 2 * static_cast<std::size_t>(config.account.episodeBars);
        m_dataset = makeMarketDataset(config, {makeSyntheticMarket({.bars = bars, .seed = 1}).series}, context);
        m_tensors.emplace(m_dataset, forecastHorizons(config), device);
        m_env.emplace(m_dataset.market, trainingEnvOptions(config, m_dataset.trainingRows(), group));
        m_env->reset(1);
        sizes.encoder.features = static_cast<std::int64_t>(m_dataset.features.columns());
        sizes.actions = static_cast<std::int64_t>(m_env->actionCount());
        m_network = makeAgentNetwork(sizes, 1);
        m_network->to(device);
        m_optimizer.emplace(*m_network);
        m_collector.emplace(m_network, *m_env, *m_tensors, EntrySizer(config, *m_tensors), config.train.rolloutBars, 1);
        m_updater.emplace(m_network, *m_optimizer, &*m_tensors, 1, group);
        m_own.emplace(m_collector->makeBuffer());
        m_all.emplace(config.train.stretches, config.train.rolloutBars, config.train.accounts, static_cast<std::int64_t>(m_env->observationSize()));
    }

    Timing iterate(std::int64_t iteration)
    {
        const auto began = SteadyClock::now();
        RolloutBuffer& own = m_group ? *m_own : *m_all;
        m_collector->collect(iteration, own);
        own.estimateAdvantages(m_config.ppo.gamma, m_config.ppo.gaeLambda);
        if (m_group)
            gatherRollout(*m_group, own, *m_all);
        const auto collected = SteadyClock::now();
        RunConfig::Ppo ppo = m_config.ppo;
        ppo.targetKl = 0.0; // every epoch runs, whatever the policy does
        const UpdateStatistics update = m_updater->update(*m_all, ppo, {ppo.learningRate, ppo.entropyCoefficient}, iteration);
        const auto ended = SteadyClock::now();
        return {.total = std::chrono::duration<double>(ended - began).count(),
                .update = std::chrono::duration<double>(ended - collected).count(),
                .inRollout = m_collector->times(),
                .inUpdate = update.times};
    }

    std::int64_t parameters() { return parameterCount(*m_network); }

private:
    RunConfig m_config;
    MarketDataset m_dataset;
    std::optional<MarketTensors> m_tensors;
    std::optional<TradingEnv> m_env;
    AgentNetwork m_network{nullptr};
    std::optional<FlatAdam> m_optimizer;
    std::optional<Collector> m_collector;
    std::optional<PpoUpdater> m_updater;
    RankGroup* m_group;
    std::optional<RolloutBuffer> m_own, m_all; ///< of this rank, of all
};

/// The timed iterations, after one to warm up: allocations, thread start.
std::vector<Timing> timeIterations(TrainBench& bench, std::int64_t count)
{
    bench.iterate(0);
    std::vector<Timing> timings;
    for (std::int64_t i = 1; i <= count; ++i)
        timings.push_back(bench.iterate(i));
    return timings;
}

/// Where the time goes: shares that add up to 1. Input is reading and normalising the features of the stretches; nothing is written here.
Json shareByWork(const Timing& t)
{
    const double encode = t.inRollout.encode + t.inUpdate.encode;
    const double heads = t.inRollout.policy + t.inUpdate.heads;
    const double known
        = t.inRollout.environment + encode + heads + t.inUpdate.backward + t.inUpdate.exchange + t.inUpdate.optimizer + t.inUpdate.data;
    return {{"env", t.inRollout.environment / t.total},
            {"encode", encode / t.total},
            {"heads", heads / t.total},
            {"backward", t.inUpdate.backward / t.total},
            {"exchange", t.inUpdate.exchange / t.total},
            {"optimizer", t.inUpdate.optimizer / t.total},
            {"input", t.inUpdate.data / t.total},
            {"rest", (t.total - known) / t.total}};
}

int runBenchTrain(const TrainBenchOptions& options)
{
    const RunConfig config = parseRunConfig("", "command line", options.fields);
    const int threads = setThreads(config.threads);
    const auto ranks = wantedRanks(options.ranks);
    if (ranks)
        checkRanks(config, ranks->size);
    if (ranks && ranks->rank > 0)
        return followRankZero(*ranks, [&](RankGroup& group) {
            setThreads(group.threads(threads));
            TrainBench bench(config, &group);
            timeIterations(bench, options.iterations);
        });
    std::optional<RankSession> session;
    if (ranks) {
        session.emplace(*ranks);
        setThreads(session->group().threads(threads));
    }
    TrainBench bench(config, session ? &session->group() : nullptr);
    std::vector<double> seconds;
    Timing sum;
    for (const Timing& t : timeIterations(bench, options.iterations)) {
        seconds.push_back(t.total);
        sum.add(t);
    }
    const double encode = sum.inRollout.encode / sum.total, update = sum.update / sum.total;
    const double rollout = 1.0 - encode - update;
    const double steps = static_cast<double>(config.train.stretches * config.train.accounts * config.train.rolloutBars);
    const double typical = median(seconds);
    const double barsPerSecond = steps / static_cast<double>(config.train.accounts) / typical;
    const Json json = {{"bench", "train"},
                       {"bucket", bucketSpec(config.bucket).name},
                       {"account_steps_per_s", steps / typical},
                       {"market_bars_per_s", barsPerSecond},
                       {"parameters", bench.parameters()},
                       {"lookback_bars", config.model.lookbackBars},
                       {"stretches", config.train.stretches},
                       {"accounts", config.train.accounts},
                       {"rollout_bars", config.train.rolloutBars},
                       {"epochs", config.ppo.epochs},
                       {"device", selectDevice(config.device).str()},
                       {"threads", threads},
                       {"ranks", ranks ? ranks->size : 1},
                       {"iterations", options.iterations},
                       {"seconds_per_iteration", {{"median", typical}, {"min", *std::ranges::min_element(seconds)}, {"max", *std::ranges::max_element(seconds)}}},
                       {"share", {{"encode", encode}, {"rollout", rollout}, {"update", update}}},
                       {"share_by_work", shareByWork(sum)}};
    if (options.json)
        printBench(json);
    else
        fmt::print("{} bucket, {} parameters, {} threads: {:.0f} account-steps/s, {:.0f} market bars/s (median of {} iterations; encode "
                   "{:.0f} %, rollout {:.0f} %, update {:.0f} %)\n",
                   bucketSpec(config.bucket).name, bench.parameters(), threads, steps / typical, barsPerSecond, options.iterations,
                   100.0 * encode, 100.0 * rollout, 100.0 * update);
    return 0;
}

} // namespace

void addBenchCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("bench", "Measure speed on this machine");
    command->require_subcommand(1);
    CLI::App* train = command->add_subcommand("train", "Rollout and update of the fused network, per bucket");
    const auto options = std::make_shared<TrainBenchOptions>();
    train->add_option("--iterations", options->iterations, "Timed iterations, after one to warm up")->check(CLI::Range(1, 10000))->capture_default_str();
    train->add_option("--ranks", options->ranks, "Processes that train together and share the threads")->check(CLI::Range(1, 4096));
    train->add_flag("--json", options->json, "Print JSON");
    addFieldOptions(*train, options->fields);
    train->callback([&action, options] { action = [options](const LogOptions&) { return runBenchTrain(*options); }; });
    addBenchAblate(*command, action);
    addBenchData(*command, action);
    addBenchDecide(*command, action);
    addBenchEnv(*command, action);
    addBenchFeatures(*command, action);
    addBenchLearn(*command, action);
    addBenchPpo(*command, action);
}

} // namespace btcai::cli
