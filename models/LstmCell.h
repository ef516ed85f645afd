#pragma once

#include "models/Torch.h"

namespace btcai {

/// Initial weights: orthogonal recurrent ones [4H, H] gate by gate, no bias but that of the forget gate, by which what comes in is remembered at first.
void initializeLstm(torch::nn::Linear& input, torch::Tensor& recurrent, double forgetBias);

/// One step of an LSTM (Hochreiter and Schmidhuber 1997, with forget gate) without its matrix product, forward and backward, for autograd functions that
/// run many. Rows are independent; gates are in order input, forget, output, cell.
///
/// gate [rows, 4H] holds what the gates are squashed from, afterwards the gates. Writes cell, its tanh and state, [rows, H] each.
void lstmStep(torch::Tensor gate, const torch::Tensor& cellBefore, torch::Tensor cell, torch::Tensor cellTanh, torch::Tensor state);

/// Given the loss's derivatives with respect to the state and, from later steps, to the cell. Writes those with respect to what the gates were squashed from
/// to gradGate [rows, 4H], and leaves in gradCell those with respect to cellBefore.
void lstmStepBackward(const torch::Tensor& gate, const torch::Tensor& cellBefore, const torch::Tensor& cellTanh, const torch::Tensor& gradState,
                      torch::Tensor& gradCell, torch::Tensor gradGate);

} // namespace btcai
