#pragma once

#include "models/Torch.h"

namespace btcai {

/// What accounts remember, and what comes of it step by step.
struct AccountMemory {
    torch::Tensor hidden; ///< [G, T, M, R], after each step's state was read
    torch::Tensor memory; ///< [G, M, 2 R], hidden state and cell after the last step; carries no gradient
};

/// An LSTM (Hochreiter and Schmidhuber 1997, with forget gate) over the private states of accounts, each with a memory of its own that begins at zero with
/// every episode. Within a call gradients go back through all steps; what was before is taken as it was stored (truncated backpropagation through time from a
/// stored state: Kapturowski et al., "Recurrent Experience Replay in Distributed Reinforcement Learning", ICLR 2019).
class AccountLstmImpl : public torch::nn::Module {
public:
    /// inputs: S, floats of a private state; width: R.
    AccountLstmImpl(std::int64_t inputs, std::int64_t width);

    /// state: [G, T, M, S]. memory: [G, M, 2 R], before the first step; undefined for zero. ended: [G, T, M], not 0 where the next step is another episode's and
    /// begins from zero; undefined where none is. What is given back of the last step does not yet look at `ended`.
    AccountMemory forward(const torch::Tensor& state, const torch::Tensor& memory, const torch::Tensor& ended);

private:
    std::int64_t m_width;
    torch::nn::Linear m_input{nullptr}; ///< S -> 4 R
    torch::Tensor m_recurrent;          ///< [4 R, R]
};
TORCH_MODULE(AccountLstm);

/// The memory with which the next step begins: zero where the episode ended. memory: [G, M, 2 R]; ended: [G, M].
torch::Tensor withoutEnded(const torch::Tensor& memory, const torch::Tensor& ended);

} // namespace btcai
