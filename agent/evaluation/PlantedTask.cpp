#include "agent/evaluation/PlantedTask.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "agent/config/EnvironmentOptions.h"
#include "agent/dataset/MarketDataset.h"
#include "agent/evaluation/Evaluator.h"
#include "base/Error.h"
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
    config.forecast.distribution = "gaussian"; // as the noise is; and a Student-t takes rare large moves, which the tasks below plant, for its tails
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

namespace {

/// What the tasks for a branch have in common: few features that look back no further than they say, so that memory is the network's own; forecasts
/// that teach as much as the reward does, since a signal that is found late has to be found before the policy has settled on cash.
RunConfig branchConfig(std::int64_t seed)
{
    RunConfig config = plantedConfig(seed);
    config.features.select = "LOGRET_1,VOLUME_RATIO_288";
    config.features.cache = false;
    config.split.trainShare = 0.8;
    config.split.validationShare = 0.1;
    config.costs.takerFeeBps = 5.0;
    config.reward.drawdownPenalty = 0.0;
    config.ppo.forecastCoefficient = 1.0;
    config.ppo.entropyCoefficient = 0.3;
    config.train.evaluateEvery = config.train.checkpointEvery = 1000;
    config.train.checkpointSeconds = 600.0;
    return config;
}

constexpr double kBranchVolume = 50000.0; ///< in coins, so that fills have no impact to speak of

SyntheticMarketOptions detailMarket(std::uint64_t seed)
{
    return {.bars = 60'000, .seed = seed, .volatility = 0.0005, .driftPerBar = 0.006, .blockBars = 16, .phaseBars = 5, .moveBars = 1,
            .signalBars = 1, .volumeGap = 3.0, .volumeNoise = 0.1, .baseVolume = kBranchVolume};
}

RunConfig detailConfig(std::int64_t seed)
{
    RunConfig config = branchConfig(seed);
    config.model.lookbackBars = 32;
    config.model.width = 16;
    config.model.horizons = "1";
    config.train.accounts = 4;
    config.train.steps = 300'000;
    config.ppo.learningRate = 0.002;
    config.ppo.entropyCoefficient = 0.1;
    config.ppo.forecastCoefficient = 0.5;
    return config;
}

SyntheticMarketOptions orderMarket(std::uint64_t seed)
{
    return {.bars = 600'000, .seed = seed, .intervalSeconds = 720, .volatility = 0.0005, .driftPerBar = 0.006, .blockBars = 120, .moveBars = 1,
            .lagBars = 64, .signalBars = 48, .code = SignalCode::Order, .slotBars = 4, .bellBars = 1, .volumeGap = 3.0, .volumeNoise = 0.1,
            .baseVolume = kBranchVolume};
}

RunConfig orderConfig(std::int64_t seed)
{
    RunConfig config = branchConfig(seed);
    config.features.select = "LOGRET_1,VOLUME_RATIO_288,HOUR_SIN,HOUR_COS"; // a block is a day, so the hour tells when it begins
    config.model.lookbackBars = 120;
    config.model.width = 48;
    config.model.patchBars = 4;
    config.model.horizons = "32,96"; // the longer sees the move from where the signal is
    config.train.rolloutBars = 384;
    config.account.episodeBars = 768;
    config.train.steps = 6'000'000;
    config.ppo.learningRate = 0.002;
    config.ppo.gateCoefficient = 0.1; // else the LSTM's gate closes before the LSTM has learned anything
    config.ppo.gamma = 0.5; // so that all is decided at the bell, and nobody buys in the signal's sight
    // The forecast takes 150,000 to 350,000 bars to find the signal, and by then a policy whose entropy may fall as it likes has settled on cash or on coins.
    config.explore.decay = "adaptive";
    config.ppo.entropyShare = 0.55;
    return config;
}

SyntheticMarketOptions farMarket(std::uint64_t seed)
{
    return {.bars = 300'000, .seed = seed, .volatility = 0.0005, .driftPerBar = 0.006, .blockBars = 64, .phaseBars = 32, .moveBars = 1,
            .lagBars = 3040, .signalBars = 32, .volumeGap = 3.0, .volumeNoise = 0.1, .baseVolume = kBranchVolume};
}

RunConfig farConfig(std::int64_t seed)
{
    const RunConfig bucket = defaultConfig(Bucket::Long);
    RunConfig config = branchConfig(seed);
    config.model.lookbackBars = bucket.model.lookbackBars;
    config.model.patchBars = bucket.model.patchBars;
    config.model.horizons = "32"; // in the first half of a token its move lies ahead within so many bars
    config.train.accounts = 2;
    config.train.rolloutBars = 512;
    config.account.episodeBars = 2048;
    config.train.steps = 1'000'000;
    config.ppo.learningRate = 0.003;
    config.ppo.gateCoefficient = 0.1;
    // The token that tells the move is complete 32 bars before it, so to wait costs little; what makes the policy decided is a far sight, and an entropy that
    // counts nothing for long enough at the end. With 0.6 three of five seeds stayed below 0.9, with 0.3 two of eight settled on cash before they had found the signal.
    config.ppo.gamma = 0.99;
    config.ppo.entropyShare = 0.4;
    return config;
}

void takeCnn(RunConfig& config) { config.model.useCnn = false; }
void takeLstm(RunConfig& config) { config.model.useLstm = false; }

void takeLongLookback(RunConfig& config)
{
    const RunConfig bucket = defaultConfig(Bucket::Medium);
    config.model.lookbackBars = bucket.model.lookbackBars;
    config.model.patchBars = bucket.model.patchBars;
}

const std::array kTasks{
    PlantedTask{"planted", "blocks of 8 bars rise or fall, told by the volume of the 2 bars before them", plantedMarket, plantedConfig, nullptr},
    PlantedTask{"detail", "one bar's volume tells the next bar's move, over before the token is complete: for the CNN", detailMarket, detailConfig, takeCnn},
    PlantedTask{"order", "the pulse after a mark tells a move that comes when the CNN no longer sees either: for the LSTM", orderMarket, orderConfig,
                takeLstm},
    PlantedTask{"far", "32 bars of volume tell a move 3,040 bars later: for the long bucket's lookback", farMarket, farConfig, takeLongLookback},
};

} // namespace

std::span<const PlantedTask> plantedTasks() { return kTasks; }

const PlantedTask& findPlantedTask(std::string_view name)
{
    const auto found = std::ranges::find(kTasks, name, &PlantedTask::name);
    if (found != kTasks.end())
        return *found;
    std::string names;
    for (const PlantedTask& task : kTasks)
        names += (names.empty() ? "" : ", ") + std::string(task.name);
    throw Error(ErrorKind::BadInput, "unknown task '{}'; there are {}", name, names);
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
