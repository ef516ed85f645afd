#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/evaluation/HorizonLadder.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/protocol/Messages.h"
#include "models/AgentNetwork.h"
#include "models/RunCalibration.h"

namespace btcai {

class ContextMemory;

struct EvaluationResult {
    protocol::Evaluation evaluation;
    std::vector<protocol::Forecast> forecasts; ///< one a horizon that is in use
    std::vector<protocol::Calibration> calibrations; ///< the same; none where the validation part is too short to fit one
    std::optional<RunCalibration> fitted;      ///< of this network, where the rows are the validation part; the horizons in use after the moves
    std::vector<HorizonMove> moves;            ///< with forecast.adapt, where the rows are the validation part
    std::vector<protocol::Trade> trades;       ///< of the argmax account, the latest at most 200
};

/// Trades one part of the data from its first to its last row, once, by the same environment, features and network as in
/// training: some accounts that sample, one that takes the most likely action, buy-and-hold and cash. Every account starts
/// flat with the initial cash and pays all costs. `part` is "train", "validation" or "test".
///
/// With forecast.adapt `calibration` also says which horizons are in use, those of the configuration where it is null; only they are told of.
/// Entries are sized by `calibration`, by the network alone where it is null. On the validation part they are sized by one that is fitted to this
/// network there, as those of the test part will be: the validation part is to choose by, the test part to judge by, and nothing is fitted on that.
///
/// `memory`, where there is one, is what the run remembers; nothing is added to it.
///
/// "agent (sampled)": total return is the mean over the sampled accounts with its standard error; the other figures are
/// means over them. An account that is ruined stays at nothing.
EvaluationResult evaluatePart(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors,
                              const RunConfig& config, const std::string& part, std::int64_t step,
                              const RunCalibration* calibration = nullptr, const std::function<void()>& poll = {},
                              const ContextMemory* memory = nullptr);

/// The same over any rows, which begin on the encoder's token grid and not before its context; `name` is what the result calls them.
EvaluationResult evaluateRows(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors, const RunConfig& config,
                              const RowRange& rows, const std::string& name, std::int64_t step, const RunCalibration* calibration = nullptr,
                              const std::function<void()>& poll = {}, const ContextMemory* memory = nullptr);

/// Rows of a part; of the training part its longest range. Throws Error(BadInput) for another name.
RowRange partRows(const RunSplit& split, const std::string& part);

} // namespace btcai
