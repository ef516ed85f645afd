#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/config/RunConfig.h"
#include "data/dataset/SyntheticMarket.h"

namespace btcai {

/// The market on which it is measured whether, and how fast, an agent learns: blocks of 8 bars rise or fall, and the volume tells which
/// before they begin.
SyntheticMarketOptions plantedMarket(std::uint64_t seed);

/// A small network and the settings that it learns the planted market with.
RunConfig plantedConfig(std::int64_t seed);

/// A market with a planted signal, the settings that it is learned with, and the part of the network that it takes.
struct PlantedTask {
    std::string_view name;
    std::string_view description;
    SyntheticMarketOptions (*market)(std::uint64_t seed);
    RunConfig (*config)(std::int64_t seed);
    /// The control: takes from the network what alone can see the signal, and leaves everything else; null where no one part does.
    void (*takeBranch)(RunConfig&);
};

/// planted, detail, order and far. Of the last three the price moves within one bar, so that the move itself tells nothing in time.
std::span<const PlantedTask> plantedTasks();
/// Throws Error(BadInput) that lists the names there are.
const PlantedTask& findPlantedTask(std::string_view name);

/// What one earns who knows each block's sign before it begins, by the same fills and costs: the log return over a part ("train", "validation",
/// "test") of the market as the configuration splits it. Long in blocks that rise, flat in those that fall, as before where nothing drifts; optimal for
/// the planted tasks, since a block moves more than a round trip costs (0.8 % and 0.24 % in plantedMarket).
double attainableLogReturn(const RunConfig& config, const SyntheticMarket& market, const std::string& part);

} // namespace btcai
