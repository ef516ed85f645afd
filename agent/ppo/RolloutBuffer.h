#pragma once

#include "models/Torch.h"

namespace btcai {

/// What a Collector gathered between two updates: G stretches of T steps of M accounts. A sample is (stretch, step, account);
/// the market itself is not copied, only the row each stretch began at. CPU tensors, allocated once.
struct RolloutBuffer {
    RolloutBuffer(std::int64_t stretches, std::int64_t steps, std::int64_t accounts, std::int64_t stateSize);

    std::int64_t stretches, steps, accounts;
    std::vector<std::int64_t> startRow; ///< [G], row of the first decision; unused without a market

    torch::Tensor state;          ///< [G, T, M, S] float
    torch::Tensor action;         ///< [G, T, M] int64
    torch::Tensor logProbability; ///< [G, T, M] float, under the policy that acted
    torch::Tensor reward;         ///< [G, T, M] float
    torch::Tensor value;          ///< [G, T, M] float
    torch::Tensor nextValue;      ///< [G, T, M] float
    torch::Tensor terminated;     ///< [G, T, M] uint8
    torch::Tensor truncated;      ///< [G, T, M] uint8
    torch::Tensor advantage;      ///< [G, T, M] float
    torch::Tensor returns;        ///< [G, T, M] float
    /// [G, T] float: root mean square, over the horizons, of the forecast's error in units of its deviation; 0 where no outcome is known. Undefined
    /// where nobody asked for it.
    torch::Tensor surprise;
    torch::Tensor temperature;    ///< [G, T] float, that actions were drawn with: the policy is softmax(logits / temperature); undefined for 1
    torch::Tensor entropyScale;   ///< [G, T] float, what the entropy of these samples counts; undefined for 1
    /// With recurrence, else undefined: what the accounts remembered before the first step [G, M, 2 R] float, and whether an episode ended with a step
    /// [G, T, M] uint8, so that the next begins with nothing remembered.
    torch::Tensor memory, ended;

    /// Embeddings of some bars, spread evenly: [G, n, D]; undefined where nobody asked for them.
    torch::Tensor sampledEmbeddings;
    /// Bars at which an account opened a position: embedding [G, K, D], time from which on the outcome is known [G, K] int64 (UTC seconds), and log return over
    /// the sizing horizon [G, K] double, NaN where there are fewer than K such bars or the outcome is not known. Undefined where nobody asked.
    torch::Tensor situationEmbedding, situationClosedAt, situationOutcome;

    /// Fills advantage and returns.
    void estimateAdvantages(double gamma, double lambda);

    /// What an update reads of it, on a device: there in one piece, by way of pinned memory, instead of minibatch by minibatch in each epoch. The
    /// tensors themselves where they are on it already.
    RolloutBuffer on(torch::Device device) const;
};

} // namespace btcai
