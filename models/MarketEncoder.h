#pragma once

#include "models/Torch.h"

namespace btcai {

class EncoderStream;

/// Sizes of a MarketEncoder. Lookback = patch * tokens bars.
struct MarketEncoderOptions {
    std::int64_t features = 0;  ///< F
    std::int64_t width = 128;   ///< D: size of a token, of each branch and of the embedding
    std::int64_t patch = 8;     ///< P: bars per token
    std::int64_t tokens = 18;   ///< K: tokens in a window
    std::int64_t layers = 2;    ///< of the Transformer
    std::int64_t heads = 4;     ///< divides width
    bool useCnn = true;
    bool useLstm = true;
    bool useTransformer = true;
    bool selectFeatures = false; ///< learned weights of the features of each bar
    bool bfloat16 = false;       ///< matrix products of tokens, convolutions, LSTM and Transformer take bfloat16; weights, sums of gradients and all else stay
};

/// What the encoder says about each bar.
struct MarketEncoding {
    torch::Tensor embedding; ///< [G, R, D]: z
    torch::Tensor gates;     ///< [G, R, branches]: shares of the branches (CNN, LSTM, Transformer, those in use), sum 1
};

/// Reads the market and nothing else: z[t] = encoder(normalised features of bars up to t).
///
/// Bars are cut into tokens of P bars on an absolute grid (row 0 of the data starts a token), so a token belongs to its bars and not
/// to a window. For bar t, with k the last token complete at t's close:
/// - the LSTM and the Transformer (pre-norm, learned positions) read tokens k-K+1 ... k;
/// - the CNN, causal convolutions with dilations 1, 4 and 16 and kernel 4, reads the last 64 bars at full resolution.
/// Learned gates weigh the branches (softmax) and their sum is normalised. z[t] is an exact function of the
/// bars (k-K+1)P ... t and t-63 ... t, whatever the batch it was computed in.
///
/// With selectFeatures every branch reads features that are weighted, bar by bar, by F times featureWeights: equal weights, with which training begins, leave them as
/// they are.
///
/// A stretch is encoded at once: its windows overlap, and what belongs to a token or a bar is computed once.
class MarketEncoderImpl : public torch::nn::Module {
public:
    /// Throws Error(BadInput) for sizes that do not fit together.
    explicit MarketEncoderImpl(MarketEncoderOptions options);

    const MarketEncoderOptions& options() const { return m_options; }
    /// Rows of features needed before the first row that is encoded; a multiple of the patch.
    std::int64_t contextRows() const { return m_contextRows; }
    /// Names of the branches in use, in the order of the gates.
    const std::vector<std::string>& branchNames() const { return m_branchNames; }

    /// Variable selection after Lim et al., "Temporal Fusion Transformers for interpretable multi-horizon time series forecasting" (2021), equation 6, with one hidden
    /// layer for their gated residual network: softmax(W2 elu(W1 x + b1) + b2) of each bar's features. [..., F] to [..., F], sum 1. Only with selectFeatures.
    torch::Tensor featureWeights(const torch::Tensor& features);

    /// What the Transformer looks at, for display: the shares that the newest token, which speaks for the window, gives to the tokens of the window in the last layer, a
    /// mean over its heads. features as forward() takes them; [G, R, K], oldest token first, sum 1. Only with useTransformer.
    torch::Tensor attention(const torch::Tensor& features);

    /// features: [G, contextRows + R, F]; the row after the context must stand on the token grid (absolute row divisible
    /// by P). Returns encodings of the last R rows.
    MarketEncoding forward(const torch::Tensor& features);

private:
    friend class EncoderStream;

    /// The features as the branches read them, [..., F].
    torch::Tensor select(const torch::Tensor& features);
    torch::Tensor convolve(const torch::Tensor& features, std::int64_t rows);
    /// x: [G, convolutionReach(layer) + R, C]; returns [G, R, D].
    torch::Tensor convolutionLayer(std::size_t layer, const torch::Tensor& x);
    /// Rows before its own that an output of the layer reads.
    static std::int64_t convolutionReach(std::size_t layer);
    /// Whole tokens, [G, N * patch, F], to [G, N, D].
    torch::Tensor embedTokens(const torch::Tensor& features);
    /// x: [..., in]; weight: [out, in].
    torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) const;
    torch::Tensor linear(const torch::Tensor& x, const torch::nn::Linear& layer) const { return linear(x, layer->weight, layer->bias); }
    /// The tokens that the last R rows see, [G, K + R / P, D]: of features as forward() selected them.
    torch::Tensor tokensOf(const torch::Tensor& features, std::int64_t rows);
    /// The window that each of R rows sees, the one that ends with the last token complete at its close: [R].
    torch::Tensor windowOfRow(std::int64_t rows, torch::Device device) const;
    /// tokens: [G, K - 1 + W, D]; returns [G, W, D], an entry a window. `shares`: of attention(), [G, W, K], unless null.
    torch::Tensor attend(const torch::Tensor& tokens, torch::Tensor* shares = nullptr);
    /// The branches in use, [G, R, D] each, weighed and summed.
    MarketEncoding fuse(const std::vector<torch::Tensor>& branches);

    MarketEncoderOptions m_options;
    std::int64_t m_contextRows = 0;
    std::vector<std::string> m_branchNames;

    torch::nn::Linear m_patch{nullptr};
    torch::nn::LayerNorm m_patchNorm{nullptr};
    std::vector<torch::nn::Linear> m_convolutions;
    torch::nn::Linear m_lstmInput{nullptr};
    torch::Tensor m_lstmRecurrent;
    torch::Tensor m_positions;
    struct AttentionLayer {
        torch::nn::LayerNorm attentionNorm{nullptr};
        torch::nn::Linear queryKeyValue{nullptr};
        torch::nn::Linear attentionOut{nullptr};
        torch::nn::LayerNorm feedForwardNorm{nullptr};
        torch::nn::Linear feedForwardIn{nullptr};
        torch::nn::Linear feedForwardOut{nullptr};
    };
    torch::Tensor attentionLayer(const AttentionLayer& layer, const torch::Tensor& x, bool lastQueryOnly, torch::Tensor* shares = nullptr);
    std::vector<AttentionLayer> m_attention;
    torch::nn::Linear m_gate{nullptr};
    torch::nn::LayerNorm m_outputNorm{nullptr};
    torch::nn::Linear m_selectIn{nullptr};
    torch::nn::Linear m_selectOut{nullptr};
};
TORCH_MODULE(MarketEncoder);

} // namespace btcai
