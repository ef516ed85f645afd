#pragma once

#include "models/Torch.h"

namespace btcai {

/// The last hidden state of an LSTM (Hochreiter and Schmidhuber 1997, with forget gate) over every window of `length`
/// consecutive tokens, each window starting from zero state.
///
/// projected: [G, N, 4H], the tokens times the input weights plus bias, in gate order input, forget, output, cell.
///            Projecting once per token, before windows are formed, is what makes many overlapping windows cheap.
/// recurrent: [4H, H].
/// Returns [G, N - length + 1, H]; row w is the state after tokens w ... w + length - 1. Differentiable once.
/// With `bfloat16` the matrix products, of both passes, take their factors and give their results in bfloat16; all else is as it was.
torch::Tensor lstmOverWindows(const torch::Tensor& projected, const torch::Tensor& recurrent, std::int64_t length, bool bfloat16 = false);

/// The same LSTM over one window whose tokens come one at a time. On the CPU, in float32, without gradients.
class LstmReader {
public:
    /// The weights are read now.
    explicit LstmReader(const torch::Tensor& recurrent);

    /// Begins a window.
    void restart();
    /// The next token, [4H].
    void read(const float* projected);
    /// Tokens read since the window began.
    std::int64_t tokens() const { return m_tokens; }
    /// The hidden state after them, [H].
    torch::Tensor hidden() const { return m_hidden.clone(); }

private:
    torch::Tensor m_turned; ///< the weights, [H, 4H]
    torch::Tensor m_gates, m_hidden, m_cell, m_cellTanh;
    std::int64_t m_tokens = 0;
};

} // namespace btcai
