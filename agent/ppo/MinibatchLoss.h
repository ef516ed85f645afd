#pragma once

#include <functional>

#include "agent/config/RunConfig.h"
#include "agent/ppo/SampleLoss.h"
#include "data/dataset/Split.h"
#include "models/AgentNetwork.h"

namespace btcai {

/// Seconds of one update. Where threads work side by side, the mean of theirs.
struct UpdateTimes {
    double data = 0.0;      ///< reading and normalising the features of the stretches
    double encode = 0.0;    ///< the encoder's forward pass
    double heads = 0.0;     ///< forward and backward pass of the heads, forward pass of the forecasts
    double backward = 0.0;  ///< backward pass of the encoder and the forecasts
    double exchange = 0.0;  ///< sums over the ranks, and waiting for them
    double optimizer = 0.0;

    void add(const UpdateTimes& other, double share)
    {
        data += share * other.data;
        encode += share * other.encode;
        heads += share * other.heads;
        backward += share * other.backward;
        exchange += share * other.exchange;
        optimizer += share * other.optimizer;
    }
};

/// What may change from one update to the next.
struct UpdateSchedule {
    double learningRate = 0.0;
    double entropyCoefficient = 0.0;
    double progress = 0.0; ///< share of the run that is over
};

/// What one step of the optimiser learns from: B stretches (without a market: B samples, each a stretch of one step of one account), a rank's
/// share of the whole minibatch.
struct Minibatch {
    torch::Tensor state;                                        ///< [B, T, M, S]
    torch::Tensor memory{}, ended{};                            ///< as in RolloutBuffer; undefined without recurrence
    torch::Tensor action, logProbability, advantage, returns;   ///< [B, T, M]; the advantages normalised over the whole minibatch if asked for
    torch::Tensor oldValue{};                                   ///< [B, T, M], of the rollout; undefined: the value loss is not clipped
    torch::Tensor features;                                     ///< [B, context + T, F], undefined without a market
    torch::Tensor targets;                                      ///< [B, T, H], undefined without forecasts
    double knownTargets = 0.0;                                  ///< of the whole minibatch: its forecast loss is a mean over so many
    double samples = 0.0;                                       ///< the same of samples and their losses
    torch::Tensor memberWeights{};                              ///< [B, T, K], undefined without an ensemble
    torch::Tensor temperature{}, entropyScale{};                ///< [B, T], undefined for 1
    bool forecastsOnly = false;                                 ///< policy and value learn nothing
    bool measuresSurprise = false;

    std::size_t count() const { return static_cast<std::size_t>(state.size(0)); }
};

/// A part's share in the losses of the minibatch: the parts add up to its means.
struct PartLoss {
    LossSums heads;
    double forecast = 0.0;
    double surprise = 0.0; ///< mean square of the forecast's errors in units of its deviation, where it is measured
    UpdateTimes times;

    void add(const PartLoss& other)
    {
        heads += other.heads;
        forecast += other.forecast;
    }
};

/// The root of the mean square, over the horizons whose outcome is known, of the forecast's errors in units of its deviation: [G, T], 0 where none is
/// known. targets: [G, T, H].
torch::Tensor forecastSurprise(const ForecastOutput& forecast, const torch::Tensor& targets);

/// The part's rows of the first dimension.
torch::Tensor cut(const torch::Tensor& tensor, RowRange part);

/// Called with what libtorch goes backward from, before it does.
using BeforeBackward = std::function<void(const std::vector<torch::Tensor>& ends)>;

/// Forward and backward pass over some stretches of the batch. Adds their share of the gradient to that in the network.
PartLoss backward(AgentNetwork& network, const Minibatch& batch, RowRange part, const RunConfig::Ppo& options, UpdateSchedule schedule,
                  const BeforeBackward& beforeBackward = {});

} // namespace btcai
