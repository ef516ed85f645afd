// Prints, as JSON, what accounts go through that follow a fixed rule: by TradingEnv and the data set alone, without anything of app/python.
// Numbers are printed to the shortest text that reads back to the same bits.
#include <cmath>
#include <cstdio>
#include <map>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "agent/dataset/MarketDataset.h"
#include "base/Json.h"
#include "env/TradingEnv.h"

using namespace btcai;

namespace {

struct Case {
    const char* name;
    const char* part;
    std::size_t envs, accountsPerStretch;
    std::uint64_t seed;
    std::map<std::string, std::string> fields;
};

const std::map<std::string, std::string> kMarket{{"data", "synthetic:jump,bars=6000,seed=4,volatility=0.01,jump-rate=0.02,jump-deviation=0.2"},
                                                 {"features.cache", "false"},
                                                 {"account.episode_bars", "40"},
                                                 {"account.ruin_share", "0.9"}};

std::vector<Case> cases()
{
    return {{"one account", "train", 1, 1, 1, {}},
            {"targets", "train", 6, 2, 7, {{"account.allow_short", "true"}, {"features.normalizer", "quantile-uniform"}}},
            {"orders on margin", "test", 4, 4, 18446744073709551615U,
             {{"account.actions", "orders"}, {"account.max_positions", "3"}, {"margin.product", "perpetual"}, {"margin.leverage", "3"},
              {"goal.in_state", "true"}, {"flows.every_days", "0.05"}, {"flows.amount", "250"}}}};
}

std::vector<RowRange> rowsOf(const MarketDataset& dataset, std::string_view part)
{
    return part == "train" ? dataset.split.training : std::vector{dataset.split.test};
}

/// The features of a row, and the private state.
std::vector<float> joined(const MarketDataset& dataset, std::size_t row, std::span<const float> state)
{
    std::vector<float> all(dataset.features.columns());
    dataset.normalizer.applyRow(dataset.features.row(row), all);
    all.insert(all.end(), state.begin(), state.end());
    return all;
}

Json run(const Case& asked)
{
    auto fields = asked.fields;
    fields.insert(kMarket.begin(), kMarket.end());
    const RunConfig config = parseRunConfig("", "defaults", std::vector<FieldOverride>(fields.begin(), fields.end()));
    const MarketDataset dataset = makeMarketDataset(config, loadMarketData(config), 0);
    TradingEnvOptions options = environmentOptions(config);
    options.rows = rowsOf(dataset, asked.part);
    options.accounts = asked.accountsPerStretch;
    options.stretches = asked.envs / asked.accountsPerStretch;
    options.episodeBars = static_cast<std::size_t>(config.account.episodeBars);
    TradingEnv env(dataset.market, options);
    env.reset(asked.seed);

    const std::size_t size = env.observationSize();
    const auto seen = [&](std::size_t lane) {
        return joined(dataset, env.row(lane / options.accounts), env.observation().subspan(lane * size, size));
    };
    Json first = Json::array(), steps = Json::array();
    for (std::size_t lane = 0; lane < asked.envs; ++lane)
        first.push_back(seen(lane));
    StepResult result;
    for (std::size_t step = 0; step < 150; ++step) {
        std::vector<std::uint8_t> actions;
        std::vector<std::size_t> before;
        for (std::size_t lane = 0; lane < asked.envs; ++lane) {
            actions.push_back(static_cast<std::uint8_t>((step / 3 + step * step / 7 + lane) % env.actionCount()));
            before.push_back(env.row(lane / options.accounts));
        }
        env.step(actions, result);
        Json lanes = Json::array();
        std::size_t ended = 0;
        for (std::size_t lane = 0; lane < asked.envs; ++lane) {
            const std::size_t row = env.row(lane / options.accounts);
            Json one{{"action", actions[lane]},
                     {"reward", result.reward[lane]},
                     {"terminated", result.terminated[lane] != 0},
                     {"truncated", result.truncated[lane] != 0},
                     {"observation", seen(lane)},
                     {"equity", env.equity(lane)},
                     {"episode_return", std::log(env.growth(lane))},
                     {"row", row},
                     {"time", dataset.market->startTime + static_cast<std::int64_t>(row + 1) * dataset.market->intervalSeconds}};
            if (result.terminated[lane] || result.truncated[lane])
                one["final"] = {{"row", before[lane] + 1},
                                {"observation", joined(dataset, before[lane] + 1,
                                                       std::span(result.finalObservation).subspan(lane * size, size))},
                                {"episode_return", env.endedEpisodeReturns()[ended++]}};
            lanes.push_back(one);
        }
        steps.push_back(lanes);
    }
    return {{"name", asked.name}, {"part", asked.part}, {"num_envs", asked.envs}, {"accounts_per_stretch", asked.accountsPerStretch},
            {"seed", asked.seed}, {"fields", fields}, {"features", dataset.features.names()}, {"first", first}, {"steps", steps}};
}

} // namespace

int main()
{
    Json all = Json::array();
    for (const Case& asked : cases())
        all.push_back(run(asked));
    std::puts(all.dump().c_str());
}
