#include "agent/evaluation/PlantedTask.h"

#include <cmath>

#include "agent/config/EnvironmentOptions.h"
#include "agent/dataset/MarketDataset.h"
#include "agent/evaluation/Evaluator.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"

namespace btcai {

SyntheticMarketOptions plantedMarket(std::uint64_t seed)
{
    return {.bars = 80'000, .seed = seed, .volatility = 0.004, .driftPerBar = 0.001, .blockBars = 8, .baseVolume = 50000.0};
}

RunConfig plantedConfig(std::int64_t seed)
{
    RunConfig config = defaultConfig(Bucket::Scalping);
    config.seed = seed;
    config.model.lookbackBars = 48;
    config.model.width = 32;
    config.model.heads = 2;
    config.model.layers = 1;
    config.model.headWidth = 32;
    config.model.horizons = "1,12";
    config.train.rolloutBars = 128;
    config.account.episodeBars = 512;
    config.train.accounts = 8;
    config.train.steps = 700'000;
    config.train.evaluateEvery = 100;
    config.train.checkpointEvery = 100;
    config.ppo.gamma = 0.9; // a block is 8 bars long
    // A price without drift leaves an agent that cares for profit alone indifferent between cash and coins once it holds them.
    config.reward.drawdownPenalty = 0.1;
    config.ppo.entropyCoefficient = 0.02;
    config.model.holdBias = 2.0;
    return config;
}

double attainableLogReturn(const RunConfig& config, const SyntheticMarket& market, const std::string& part)
{
    MarketEncoder encoder(agentNetworkOptions(config, 1, 1, 2).encoder);
    const MarketDataset dataset = makeMarketDataset(config, {market.series}, static_cast<std::size_t>(encoder->contextRows()));
    const RowRange rows = partRows(dataset.split, part);
    TradingEnvOptions options;
    options.rows = {rows};
    options.stretches = options.accounts = 1;
    options.episodeBars = rows.size() - 1;
    options.startGrid = static_cast<std::size_t>(config.model.patchBars);
    options.randomStarts = false;
    options.costs = environmentOptions(config).costs;
    TradingEnv env(dataset.market, options);
    env.reset(1);
    StepResult result;
    std::uint8_t action[] = {0};
    for (std::size_t i = 0; i + 1 < options.episodeBars; ++i) {
        if (const int next = market.driftSign[env.row(0) + 1]; next != 0)
            action[0] = next > 0 ? 1 : 0;
        env.step(action, result);
    }
    return std::log(env.equity(0) / options.initialCash);
}

} // namespace btcai
