#pragma once

#include <cstdint>
#include <string>

#include "agent/config/RunConfig.h"
#include "data/dataset/SyntheticMarket.h"

namespace btcai {

/// The market on which it is measured whether, and how fast, an agent learns: blocks of 8 bars rise or fall, and the volume tells which
/// before they begin.
SyntheticMarketOptions plantedMarket(std::uint64_t seed);

/// A small network and the settings that it learns the planted market with.
RunConfig plantedConfig(std::int64_t seed);

/// What one earns who knows each block's sign before it begins, by the same fills and costs: the log return over a part ("train", "validation",
/// "test") of the market as the configuration splits it. Long in blocks that rise, flat in those that fall; optimal for plantedMarket, since
/// a block moves 0.8 % and a round trip costs about 0.24 %.
double attainableLogReturn(const RunConfig& config, const SyntheticMarket& market, const std::string& part);

} // namespace btcai
