#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/Field.h"
#include "agent/evaluation/PlantedTask.h"
#include "agent/ppo/Trainer.h"
#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "app/cli/ScratchFolder.h"
#include "base/Error.h"
#include "base/Json.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

constexpr std::array kLevels{0.6, 0.9};
constexpr std::array kPolicies{"argmax", "sampled"};

struct LearnBenchOptions {
    std::string task = "planted";
    std::string control = "none";
    std::size_t seeds = 3;
    std::int64_t evaluateEvery = 2;
    bool whole = false;
    bool json = false;
    std::vector<FieldOverride> fields;
};

/// What it took until a policy first earned a share of the attainable on the validation part; infinite if it never did.
struct Reached {
    double seconds = std::numeric_limits<double>::infinity();
    double bars = std::numeric_limits<double>::infinity();
};

/// Of the attainable log return.
double shareOf(const protocol::EvaluationRow& row, double attainable) { return std::log1p(row.totalReturn) / attainable; }

/// Listens to a run, and asks it to stop, unless all of it is wanted, once both policies have reached every level.
class LearningSink final : public EventSink {
public:
    LearningSink(RunControl& control, double attainable, std::int64_t accounts, bool whole)
        : m_control(control), m_attainable(attainable), m_accounts(accounts), m_whole(whole)
    {
    }

    void send(const protocol::Event& event) override
    {
        if (const auto* metrics = std::get_if<protocol::Metrics>(&event)) {
            m_seconds = metrics->elapsedSeconds;
            m_bars = static_cast<double>(metrics->step) / static_cast<double>(m_accounts);
            m_told = wallSeconds();
        } else if (const auto* evaluation = std::get_if<protocol::Evaluation>(&event);
                   evaluation && evaluation->part == "validation") {
            m_evaluationSeconds += wallSeconds() - m_told;
            judge(0, evaluation->rows[1]);
            judge(1, evaluation->rows[0]);
            if (m_missing == 0 && !m_whole)
                m_control.stop();
        }
    }

    const Reached& reached(std::size_t policy, std::size_t level) const { return m_reached[policy][level]; }
    double best(std::size_t policy) const { return m_best[policy]; }
    double seconds() const { return m_seconds; }
    double evaluationSeconds() const { return m_evaluationSeconds; }

private:
    void judge(std::size_t policy, const protocol::EvaluationRow& row)
    {
        const double share = shareOf(row, m_attainable);
        m_best[policy] = std::max(m_best[policy], share);
        for (std::size_t level = 0; level < kLevels.size(); ++level)
            if (Reached& reached = m_reached[policy][level]; share >= kLevels[level] && std::isinf(reached.seconds)) {
                reached = {m_seconds, m_bars};
                --m_missing;
            }
    }

    RunControl& m_control;
    double m_attainable;
    std::int64_t m_accounts;
    bool m_whole;
    double m_seconds = 0.0, m_bars = 0.0, m_told = 0.0, m_evaluationSeconds = 0.0;
    std::array<std::array<Reached, kLevels.size()>, kPolicies.size()> m_reached;
    std::array<double, kPolicies.size()> m_best{-std::numeric_limits<double>::infinity(),
                                                -std::numeric_limits<double>::infinity()};
    std::size_t m_missing = kLevels.size() * kPolicies.size();
};

struct SeedResult {
    std::array<std::array<Reached, kLevels.size()>, kPolicies.size()> reached;
    Json json;
};

RunConfig configOf(const LearnBenchOptions& options, std::size_t seed)
{
    const PlantedTask& task = findPlantedTask(options.task);
    RunConfig config = task.config(static_cast<std::int64_t>(seed));
    if (options.control == "without") {
        if (!task.takeBranch)
            throw Error(ErrorKind::BadInput, "--control without: the task {} is not one for a single branch", options.task);
        task.takeBranch(config);
    }
    config.train.evaluateEvery = options.evaluateEvery;
    for (const auto& [key, text] : options.fields) {
        if (key == "data" || key == "seed")
            throw Error(ErrorKind::BadInput, "--{}: the task makes its own markets, of seeds from 1 on", key);
        setFieldText(config, *findField(key), text);
    }
    validate(config);
    return config;
}

SeedResult learn(const LearnBenchOptions& options, std::size_t seed)
{
    const RunConfig config = configOf(options, seed);
    SyntheticMarketOptions marketOptions = findPlantedTask(options.task).market(seed);
    marketOptions.scrambleSignal = options.control == "scrambled";
    const SyntheticMarket market = makeSyntheticMarket(marketOptions);
    const double attainable = attainableLogReturn(config, market, "validation");
    const ScratchFolder scratch;
    RunFolder folder = RunFolder::create(scratch.path() / "run", config);
    RunControl control;
    LearningSink sink(control, attainable, config.train.accounts, options.whole);
    Trainer trainer(folder, config, sink, control, [&](const RunConfig&) { return market.series; });
    const TrainingResult result = trainer.run(false);

    SeedResult seedResult;
    Json best = Json::object();
    for (std::size_t policy = 0; policy < kPolicies.size(); ++policy) {
        for (std::size_t level = 0; level < kLevels.size(); ++level)
            seedResult.reached[policy][level] = sink.reached(policy, level);
        best[kPolicies[policy]] = sink.best(policy);
    }
    seedResult.json = {{"seed", seed},
                       {"attainable_log_return", attainable},
                       {"best_share", std::move(best)},
                       {"steps", result.step},
                       {"parameters", result.parameters},
                       {"account_steps_per_s", result.accountStepsPerSecond},
                       {"training_seconds", sink.seconds()},
                       {"evaluation_seconds", sink.evaluationSeconds()}};
    if (options.whole) {
        const double onTest = attainableLogReturn(config, market, "test");
        Json shares = Json::object();
        for (std::size_t policy = 0; policy < kPolicies.size(); ++policy)
            shares[kPolicies[policy]] = shareOf(result.test->rows[1 - policy], onTest);
        seedResult.json["test_share"] = std::move(shares);
        seedResult.json["test_attainable_log_return"] = onTest;
    }
    return seedResult;
}

Json medianOf(const std::vector<SeedResult>& seeds, std::size_t policy, std::size_t level, double Reached::*figure)
{
    std::vector<double> values;
    Json all = Json::array();
    for (const SeedResult& seed : seeds) {
        const double value = seed.reached[policy][level].*figure;
        values.push_back(value);
        all.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
    }
    const double typical = median(values);
    return {{"median", std::isfinite(typical) ? Json(typical) : Json(nullptr)}, {"seeds", std::move(all)}};
}

Json modelOf(const RunConfig& config)
{
    return {{"bucket", bucketSpec(config.bucket).name},
            {"lookback_bars", config.model.lookbackBars},
            {"width", config.model.width},
            {"layers", config.model.layers},
            {"head_width", config.model.headWidth},
            {"stretches", config.train.stretches},
            {"accounts", config.train.accounts},
            {"rollout_bars", config.train.rolloutBars},
            {"epochs", config.ppo.epochs},
            {"learning_rate", config.ppo.learningRate},
            {"gamma", config.ppo.gamma},
            {"entropy_coefficient", config.ppo.entropyCoefficient}};
}

int runBenchLearn(const LearnBenchOptions& options)
{
    std::vector<SeedResult> seeds;
    Json details = Json::array();
    for (std::size_t seed = 1; seed <= options.seeds; ++seed) {
        seeds.push_back(learn(options, seed));
        details.push_back(seeds.back().json);
    }
    const RunConfig config = configOf(options, 1);
    Json policies = Json::object();
    std::string text;
    for (std::size_t policy = 0; policy < kPolicies.size(); ++policy) {
        Json levels = Json::array();
        for (std::size_t level = 0; level < kLevels.size(); ++level) {
            levels.push_back({{"share", kLevels[level]},
                              {"seconds", medianOf(seeds, policy, level, &Reached::seconds)},
                              {"market_bars", medianOf(seeds, policy, level, &Reached::bars)}});
            const Json& seconds = levels.back()["seconds"]["median"];
            const Json& bars = levels.back()["market_bars"]["median"];
            text +=
                fmt::format("{:<7} {:.0f} % of the attainable profit: {}\n", kPolicies[policy], 100.0 * kLevels[level],
                            seconds.is_null() ? "not reached"
                                              : fmt::format("{:.1f} s, {:.0f} market bars", seconds.get<double>(),
                                                            bars.get<double>()));
        }
        policies[kPolicies[policy]] = std::move(levels);
    }
    if (options.json) {
        printBench(
            {{"bench", "learn"},
             {"task", options.task},
             {"control", options.control},
             {"seeds", options.seeds},
             {"part", "validation"},
             {"evaluate_every", options.evaluateEvery},
             {"bars_between_evaluations", options.evaluateEvery * config.train.stretches * config.train.rolloutBars},
             {"step_limit", config.train.steps},
             {"threads", torch::get_num_threads()},
             {"model", modelOf(config)},
             {"until", std::move(policies)},
             {"runs", std::move(details)}});
    } else {
        fmt::print("median over {} seeds, training time alone, on unseen bars, looked at every {} iterations\n{}",
                   options.seeds, options.evaluateEvery, text);
        for (const Json& run : details)
            if (options.whole)
                fmt::print("seed {}, after {} steps, on the test part: argmax {:.2f}, sampled {:.2f} of the attainable\n", run["seed"].get<std::size_t>(),
                           run["steps"].get<std::int64_t>(), run["test_share"]["argmax"].get<double>(), run["test_share"]["sampled"].get<double>());
    }
    return 0;
}

} // namespace

void addBenchLearn(CLI::App& bench, Action& action)
{
    CLI::App* command = bench.add_subcommand(
        "learn", "Training seconds and market bars until 60 % and 90 % of the attainable profit on a market with "
                 "a planted signal; evaluation is not counted");
    const auto options = std::make_shared<LearnBenchOptions>();
    command->add_option("--task", options->task, "The task: planted, detail, order or far")->capture_default_str();
    command->add_option("--control", options->control, "Without the branch that the task is for, or on a scrambled signal; else the task itself")
        ->check(CLI::IsMember({"none", "without", "scrambled"}))
        ->capture_default_str();
    command->add_option("--seeds", options->seeds, "Seeds, from 1 on; the median is told")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command
        ->add_option("--evaluate-every", options->evaluateEvery, "Iterations between two looks at the validation part")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_flag("--whole", options->whole, "Train all steps, and tell what the last policy earns on the test part as well");
    command->add_flag("--json", options->json, "Print JSON");
    addFieldOptions(*command, options->fields);
    command->callback(
        [&action, options] { action = [options](const LogOptions&) { return runBenchLearn(*options); }; });
}

} // namespace btcai::cli
