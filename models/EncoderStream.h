#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/LstmScan.h"
#include "models/MarketEncoder.h"

namespace btcai {

/// The encoding of the newest row, for rows that come one at a time. It is that of MarketEncoder::forward, up to rounding.
///
/// What belongs to a row or a token is kept: the convolutions are worked out for the rows that are new, tokens for those just completed, and
/// LSTM and Transformer run over a window only when it has a new token, one row in `patch`. They start from zero in every window and place a
/// token by its place in the window, so of them nothing can be kept from one window to the next. But all tokens of the next window except its last are known
/// already: the LSTM reads them ahead, some at every row, and has little left to do when the last one comes.
///
/// On the CPU, in float32. The weights must not change while a stream lives.
class EncoderStream {
public:
    explicit EncoderStream(MarketEncoder encoder);

    /// The normalised features [F] of the next row. The first row must start a token of the grid.
    void push(std::span<const float> features);
    /// Whether the rows pushed hold a whole context and one row more.
    bool isReady() const { return m_count > m_encoder->contextRows(); }
    /// Of the newest row, once it is ready: [1, 1, D] and [1, 1, branches].
    MarketEncoding newest();

private:
    torch::Tensor rows(std::int64_t first, std::int64_t count);
    torch::Tensor convolve();
    void completeTokens();
    void readWindow(const float* first, std::int64_t tokens);

    MarketEncoder m_encoder;
    std::int64_t m_kept;           ///< rows that must stay at hand
    std::vector<float> m_rows;     ///< of the latest rows, 2 * m_kept at most, [rows, F]
    std::int64_t m_count = 0;      ///< rows pushed
    std::int64_t m_encoded = 0;    ///< rows pushed when m_newest was worked out
    std::int64_t m_tokenCount = 0; ///< tokens completed by then
    std::vector<torch::Tensor> m_reach; ///< a layer of the convolution: the inputs that its next output reads back to, [1, reach, C]
    torch::Tensor m_tokens, m_projected; ///< of the window: [1, K, D] and, as the LSTM reads them, [1, K, 4D]
    torch::Tensor m_lstm, m_attended;    ///< [1, 1, D]
    std::optional<LstmReader> m_ahead;   ///< has read the first tokens of the next window; none in bfloat16
    MarketEncoding m_newest;
};

} // namespace btcai
