#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/ppo/ReferenceTasks.h"
#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "base/Json.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

struct PpoBenchOptions {
    std::string task = "cartpole";
    std::size_t seeds = 10;
    std::int64_t steps = 100'000;
    std::size_t runs = 5;
    bool json = false;
};

struct Speed {
    std::vector<double> rates;          ///< steps/s of each run
    std::vector<double> processorRates; ///< the same per second of processor time
    MlpPpoTimes times;                  ///< of all runs
    std::size_t parameters = 0;
};

/// Training from the start with the defaults of MlpPpoOptions, after one iteration to warm up.
Speed measureSpeed(const ReferenceTask& task, const PpoBenchOptions& bench)
{
    Speed speed;
    for (std::size_t run = 0; run < bench.runs; ++run) {
        const auto env = task.make(task.lanes);
        MlpPpo ppo(*env, {}, run);
        speed.parameters = ppo.policy().parameters().size();
        ppo.iterate();
        const std::int64_t first = ppo.steps();
        const double began = wallSeconds(), cpuBegan = cpuSeconds(CLOCK_THREAD_CPUTIME_ID);
        while (ppo.steps() - first < bench.steps)
            speed.times += ppo.iterate().times;
        const auto steps = static_cast<double>(ppo.steps() - first);
        speed.rates.push_back(steps / (wallSeconds() - began));
        speed.processorRates.push_back(steps / (cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - cpuBegan));
    }
    return speed;
}

Json modelOf(const ReferenceTask& task, const MlpPpoOptions& options)
{
    return {{"layers", options.layers},
            {"width", options.width},
            {"activation", "tanh"},
            {"lanes", task.lanes},
            {"n_steps", options.rolloutSteps},
            {"batch_size", options.minibatch},
            {"epochs", options.epochs},
            {"learning_rate", options.learningRate},
            {"learning_rate_schedule", options.schedule == Schedule::Linear ? "linear" : "constant"},
            {"gamma", options.gamma},
            {"gae_lambda", options.lambda},
            {"clip_range", options.loss.clipRange},
            {"entropy_coefficient", options.loss.entropyCoefficient}};
}

struct Learning {
    Json json;
    std::string text;
};

/// Steps until solved, seed by seed from 0. A seed that gives up counts as more than any that was solved.
Learning measureLearning(const ReferenceTask& task, std::size_t seeds)
{
    std::vector<double> steps;
    Json all = Json::array();
    std::size_t solved = 0;
    for (std::size_t seed = 0; seed < seeds; ++seed) {
        const auto env = task.make(task.lanes);
        MlpPpo ppo(*env, task.options, seed);
        const Solved result = trainUntil(ppo, task.solvedReturn, task.maxSteps);
        solved += result.steps ? 1 : 0;
        steps.push_back(result.steps ? static_cast<double>(*result.steps) : std::numeric_limits<double>::infinity());
        all.push_back(result.steps ? Json(*result.steps) : Json(nullptr));
    }
    const double typical = median(steps);
    const bool known = std::isfinite(typical);
    return {{{"solved_at_mean_return", task.solvedReturn},
             {"episodes", 100},
             {"seeds", seeds},
             {"solved", solved},
             {"given_up_after", task.maxSteps},
             {"steps_until_solved", all},
             {"median_steps", known ? Json(typical) : Json(nullptr)},
             {"model", modelOf(task, task.options)}},
            fmt::format("mean return of 100 episodes at {}: {} of {} seeds, median after {}\n", task.solvedReturn, solved, seeds,
                        known ? fmt::format("{:.0f} steps", typical) : fmt::format("more than {} steps", task.maxSteps))};
}

int runBenchPpo(const PpoBenchOptions& bench)
{
    const ReferenceTask& task = findReferenceTask(bench.task);
    setThreads(1);
    const Speed speed = measureSpeed(task, bench);
    const double typical = median(speed.rates);
    const MlpPpoTimes& t = speed.times;
    const double rest = t.total - t.environment - t.forward - t.backward - t.optimizer;
    Json json = {{"bench", "ppo"},
                 {"task", task.name},
                 {"description", task.description},
                 {"steps_per_s", typical},
                 {"steps_per_s_min", std::ranges::min(speed.rates)},
                 {"steps_per_s_max", std::ranges::max(speed.rates)},
                 {"steps_per_processor_s", median(speed.processorRates)},
                 {"runs", bench.runs},
                 {"steps_per_run", bench.steps},
                 {"threads", 1},
                 {"parameters", speed.parameters},
                 {"model", modelOf(task, {})},
                 {"share",
                  {{"env", t.environment / t.total},
                   {"forward", t.forward / t.total},
                   {"backward", t.backward / t.total},
                   {"optimizer", t.optimizer / t.total},
                   {"rest", rest / t.total}}}};
    const auto percent = [&t](double seconds) { return 100.0 * seconds / t.total; };
    std::string text = fmt::format("{}, {} parameters, one core: {:.0f} steps/s, {:.0f} per second of processor time (median of {} runs; "
                                   "env {:.0f} %, forward {:.0f} %, backward {:.0f} %, optimiser {:.0f} %, rest {:.0f} %)\n",
                                   task.description, speed.parameters, typical, median(speed.processorRates), bench.runs,
                                   percent(t.environment), percent(t.forward), percent(t.backward), percent(t.optimizer), percent(rest));
    if (bench.seeds > 0) {
        const Learning learning = measureLearning(task, bench.seeds);
        json["learning"] = learning.json;
        text += learning.text;
    }
    if (bench.json)
        printBench(json);
    else
        fmt::print("{}", text);
    return 0;
}

} // namespace

void addBenchPpo(CLI::App& bench, Action& action)
{
    CLI::App* command = bench.add_subcommand("ppo", "PPO with a small network on a task whose right answer is known: steps per second, "
                                                    "and steps until solved");
    const auto options = std::make_shared<PpoBenchOptions>();
    command->add_option("--task", options->task, "The task")->capture_default_str();
    command->add_option("--seeds", options->seeds, "Seeds to learn with; 0 for the speed alone")->check(CLI::Range(0, 10000))->capture_default_str();
    command->add_option("--steps", options->steps, "Steps of each timed run")->check(CLI::Range(1, 1'000'000'000))->capture_default_str();
    command->add_option("--runs", options->runs, "Timed runs; the median is told")->check(CLI::Range(1, 1000))->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runBenchPpo(*options); }; });
}

} // namespace btcai::cli
