#include <algorithm>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "base/Json.h"
#include "base/Rng.h"
#include "data/dataset/SyntheticMarket.h"
#include "env/TradingEnv.h"

namespace btcai::cli {

namespace {

struct EnvBenchOptions {
    double seconds = 1.0;
    std::size_t repeats = 5;
    std::size_t threads = 0;
    bool json = false;
};

/// The default options; 8 stretches of 16 accounts, as training has by default.
TradingEnvOptions defaults(const Market& market, std::size_t lookbackBars)
{
    TradingEnvOptions options;
    options.rows = {{lookbackBars, market.rows()}};
    options.stretches = 8;
    options.accounts = 16;
    options.episodeBars = 4096;
    return options;
}

/// Every cost on, up to 25 positions with stop and take-profit.
TradingEnvOptions everyCost(const Market& market, std::size_t lookbackBars)
{
    TradingEnvOptions options = defaults(market, lookbackBars);
    options.allowShort = true;
    options.actionMode = ActionMode::Orders;
    options.maxPositions = 25;
    options.stopLoss = 0.02;
    options.takeProfit = 0.03;
    options.costs.spread = SpreadModel::Estimated;
    options.costs.tiers = {{50'000.0, 9.0, 7.0}, {500'000.0, 8.0, 6.0}};
    options.margin = {.perpetual = true, .leverage = 2.0};
    options.flows = {.everyDays = 30.0, .amount = 100.0};
    options.goal = {.period = GoalPeriod::Month, .least = 0.15, .most = 0.3, .inState = true};
    options.reward.drawdownPenalty = 0.05;
    options.reward.goalShaping = 0.1;
    return options;
}

/// Actions drawn in advance, a period of them used again and again. `stay`: an action stays with this probability.
std::vector<std::vector<std::uint8_t>> drawActions(const TradingEnv& env, double stay)
{
    std::vector<std::vector<std::uint8_t>> actions(509, std::vector<std::uint8_t>(env.lanes()));
    for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
        Rng rng(1, "bench-actions", lane);
        std::uint8_t action = 0;
        for (auto& step : actions) {
            if (rng.uniform() >= stay)
                action = static_cast<std::uint8_t>(rng.below(env.actionCount()));
            step[lane] = action;
        }
    }
    return actions;
}

double stepsPerSecond(TradingEnv& env, const std::vector<std::vector<std::uint8_t>>& actions, double seconds)
{
    StepResult result;
    const double began = wallSeconds();
    std::size_t steps = 0;
    double elapsed = 0.0;
    do {
        env.step(actions[steps++ % actions.size()], result);
        elapsed = wallSeconds() - began;
    } while (elapsed < seconds);
    return static_cast<double>(steps * env.lanes()) / elapsed;
}

double measure(const std::shared_ptr<const Market>& market, const TradingEnvOptions& options, double stay, const EnvBenchOptions& bench)
{
    TradingEnv env(market, options);
    const auto actions = drawActions(env, stay);
    stepsPerSecond(env, actions, 0.1 * bench.seconds);
    std::vector<double> rates;
    for (std::size_t i = 0; i < bench.repeats; ++i)
        rates.push_back(stepsPerSecond(env, actions, bench.seconds / static_cast<double>(bench.repeats)));
    return median(rates);
}

#ifdef NDEBUG
constexpr bool kAssertions = false;
#else
constexpr bool kAssertions = true;
#endif

int runBenchEnv(const EnvBenchOptions& bench)
{
    const auto market = std::make_shared<const Market>(makeSyntheticMarket({.bars = 200'000, .seed = 1}).series);
    Json rates = Json::array();
    std::string text;
    const auto add = [&](const std::string& name, const TradingEnvOptions& options, double stay, std::size_t lookback) {
        const double rate = measure(market, options, stay, bench);
        rates.push_back({{"what", name}, {"lookback_bars", lookback}, {"threads", options.threads}, {"lanes", options.stretches * options.accounts}, {"account_steps_per_s", rate}});
        text += fmt::format("{:<62} lookback {:>5}, {} threads: {:>12.0f} account-steps/s\n", name, lookback, options.threads, rate);
    };
    for (const std::size_t lookback : {144U, 4032U}) {
        add("every cost, 25 positions, actions drawn anew each bar", everyCost(*market, lookback), 0.0, lookback);
        add("every cost, 25 positions, actions kept 19 times in 20", everyCost(*market, lookback), 0.95, lookback);
        add("default run", defaults(*market, lookback), 0.95, lookback);
    }
    const std::size_t most = bench.threads > 0 ? bench.threads : std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t threads = 1; threads <= most; threads *= 2) {
        TradingEnvOptions options = everyCost(*market, 144);
        options.stretches = 64;
        options.accounts = 256;
        options.threads = threads;
        add("the first, with 64 stretches of 256 accounts", options, 0.0, 144);
    }
    TradingEnvOptions one = everyCost(*market, 144);
    const std::size_t bytes = TradingEnv(market, one).bytesPerAccount();
    if (bench.json)
        printBench({{"bench", "env"}, {"rates", rates}, {"bytes_per_account", bytes}, {"max_positions", one.maxPositions}, {"assertions", kAssertions}, {"repeats", bench.repeats}});
    else
        fmt::print("{}{} bytes per account with {} positions{}\n", text, bytes, one.maxPositions,
                   kAssertions ? "; assertions are on in this build, the books are checked at every step" : "");
    return 0;
}

} // namespace

void addBenchEnv(CLI::App& bench, Action& action)
{
    CLI::App* command = bench.add_subcommand("env", "Steps of the trading environment, with every cost and with the defaults");
    const auto options = std::make_shared<EnvBenchOptions>();
    command->add_option("--seconds", options->seconds, "Time for each figure")->check(CLI::Range(0.01, 600.0))->capture_default_str();
    command->add_option("--repeats", options->repeats, "Parts of that time; the median is told")->check(CLI::Range(1, 1000))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads to go up to, doubling; 0 for all cores")->check(CLI::Range(0, 1024))->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runBenchEnv(*options); }; });
}

} // namespace btcai::cli
