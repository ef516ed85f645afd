#include "models/MarketEncoder.h"

#include "base/Error.h"
#include "models/Attention.h"
#include "models/DenseLayers.h"
#include "models/LstmCell.h"
#include "models/LstmScan.h"

namespace btcai {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr std::int64_t kKernel = 4;
constexpr std::array<std::int64_t, 3> kDilations{1, 4, 16};
constexpr std::int64_t kConvolutionContext = (kKernel - 1) * (1 + 4 + 16);

// A deviation of 0.7 and a forget bias of 2.5 let a signal far back be found at all; with the customary 0.1 and 0 the
// prototype never saw one (DESIGN.md, section 4).
constexpr double kPositionDeviation = 0.7;
constexpr double kForgetBias = 2.5;

constexpr std::int64_t kSelectionWidth = 32;

void check(const MarketEncoderOptions& o)
{
    if (o.features < 1 || o.width < 1 || o.patch < 1 || o.tokens < 1 || o.layers < 1 || o.heads < 1)
        throw Error(ErrorKind::BadInput, "market encoder: all sizes must be positive");
    if (o.width % o.heads != 0)
        throw Error(ErrorKind::BadInput, "market encoder: width {} is not divisible by {} heads", o.width, o.heads);
    if (!o.useCnn && !o.useLstm && !o.useTransformer)
        throw Error(ErrorKind::BadInput, "market encoder: at least one branch must be on");
}

} // namespace

MarketEncoderImpl::MarketEncoderImpl(MarketEncoderOptions options) : m_options(options)
{
    check(options);
    const std::int64_t width = options.width;
    const std::int64_t context = std::max(options.patch * options.tokens, options.useCnn ? kConvolutionContext : 0);
    m_contextRows = (context + options.patch - 1) / options.patch * options.patch;

    if (options.useLstm || options.useTransformer) {
        m_patch = register_module("patch", nn::Linear(options.patch * options.features, width));
        m_patchNorm = register_module("patch_norm", nn::LayerNorm(nn::LayerNormOptions({width})));
    }
    if (options.useCnn) {
        m_branchNames.emplace_back("cnn");
        for (std::size_t i = 0; i < kDilations.size(); ++i) {
            const std::int64_t inputs = i == 0 ? options.features : width;
            m_convolutions.push_back(register_module(fmt::format("cnn_{}", i), nn::Linear(kKernel * inputs, width)));
        }
    }
    if (options.useLstm) {
        m_branchNames.emplace_back("lstm");
        m_lstmInput = register_module("lstm_input", nn::Linear(width, 4 * width));
        m_lstmRecurrent = register_parameter("lstm_recurrent", torch::empty({4 * width, width}));
        initializeLstm(m_lstmInput, m_lstmRecurrent, kForgetBias);
    }
    if (options.useTransformer) {
        m_branchNames.emplace_back("transformer");
        m_positions = register_parameter("positions", torch::randn({options.tokens, width}) * kPositionDeviation);
        for (std::int64_t i = 0; i < options.layers; ++i) {
            const auto name = [i](const char* part) { return fmt::format("attention_{}_{}", i, part); };
            AttentionLayer layer;
            layer.attentionNorm = register_module(name("norm"), nn::LayerNorm(nn::LayerNormOptions({width})));
            layer.queryKeyValue = register_module(name("qkv"), nn::Linear(width, 3 * width));
            layer.attentionOut = register_module(name("out"), nn::Linear(width, width));
            layer.feedForwardNorm = register_module(name("ff_norm"), nn::LayerNorm(nn::LayerNormOptions({width})));
            layer.feedForwardIn = register_module(name("ff_in"), nn::Linear(width, 4 * width));
            layer.feedForwardOut = register_module(name("ff_out"), nn::Linear(4 * width, width));
            m_attention.push_back(layer);
        }
    }
    const auto branches = static_cast<std::int64_t>(m_branchNames.size());
    if (branches > 1)
        m_gate = register_module("gate", nn::Linear(branches * width, branches));
    m_outputNorm = register_module("output_norm", nn::LayerNorm(nn::LayerNormOptions({width})));
    if (options.selectFeatures) {
        m_selectIn = register_module("select_in", nn::Linear(options.features, kSelectionWidth));
        m_selectOut = register_module("select_out", nn::Linear(kSelectionWidth, options.features));
        torch::NoGradGuard guard;
        m_selectOut->weight.zero_();
        m_selectOut->bias.zero_();
    }
}

Tensor MarketEncoderImpl::featureWeights(const Tensor& features)
{
    return torch::softmax(m_selectOut(torch::elu(m_selectIn(features))), -1);
}

Tensor MarketEncoderImpl::select(const Tensor& features)
{
    return m_options.selectFeatures ? features * (featureWeights(features) * static_cast<double>(m_options.features)) : features;
}

MarketEncoding MarketEncoderImpl::forward(const Tensor& all)
{
    const std::int64_t rows = all.size(1) - m_contextRows;
    const Tensor features = select(all);
    std::vector<Tensor> branches;
    if (m_options.useCnn)
        branches.push_back(convolve(features, rows));
    if (m_options.useLstm || m_options.useTransformer) {
        const Tensor tokens = tokensOf(features, rows), window = windowOfRow(rows, features.device());
        if (m_options.useLstm)
            branches.push_back(lstmOverWindows(linear(tokens, m_lstmInput), m_lstmRecurrent, m_options.tokens, m_options.bfloat16).index_select(1, window));
        if (m_options.useTransformer)
            branches.push_back(attend(tokens).index_select(1, window));
    }
    return fuse(branches);
}

Tensor MarketEncoderImpl::attention(const Tensor& all)
{
    if (!m_options.useTransformer)
        throw Error(ErrorKind::BadInput, "an encoder without its Transformer branch attends to nothing");
    const std::int64_t rows = all.size(1) - m_contextRows;
    Tensor shares;
    attend(tokensOf(select(all), rows), &shares);
    return shares.index_select(1, windowOfRow(rows, all.device()));
}

Tensor MarketEncoderImpl::tokensOf(const Tensor& features, std::int64_t rows)
{
    const std::int64_t window = m_options.tokens * m_options.patch;
    const std::int64_t completed = rows / m_options.patch; // tokens completed within the encoded rows
    return embedTokens(features.narrow(1, m_contextRows - window, window + completed * m_options.patch));
}

Tensor MarketEncoderImpl::windowOfRow(std::int64_t rows, torch::Device device) const
{
    return torch::arange(1, rows + 1, torch::TensorOptions(torch::kLong).device(device)).div(m_options.patch, "floor");
}

Tensor MarketEncoderImpl::linear(const Tensor& x, const Tensor& weight, const Tensor& bias) const
{
    if (!m_options.bfloat16)
        return linearLayer(x, weight, bias);
    return torch::linear(x.to(torch::kBFloat16), weight.to(torch::kBFloat16)).to(x.scalar_type()) + bias;
}

Tensor MarketEncoderImpl::embedTokens(const Tensor& features)
{
    const std::int64_t size = m_options.patch * m_options.features;
    return m_patchNorm(linear(features.reshape({features.size(0), features.size(1) / m_options.patch, size}), m_patch));
}

MarketEncoding MarketEncoderImpl::fuse(const std::vector<Tensor>& branches)
{
    if (branches.size() == 1)
        return {m_outputNorm(branches[0]), torch::ones({branches[0].size(0), branches[0].size(1), 1}, branches[0].options())};
    const Tensor gates = torch::softmax(m_gate(torch::cat(branches, 2)), 2);
    Tensor sum = branches[0] * gates.narrow(2, 0, 1);
    for (std::size_t i = 1; i < branches.size(); ++i)
        sum = sum + branches[i] * gates.narrow(2, static_cast<std::int64_t>(i), 1);
    return {m_outputNorm(sum), gates};
}

Tensor MarketEncoderImpl::convolve(const Tensor& features, std::int64_t rows)
{
    Tensor x = features.narrow(1, m_contextRows - kConvolutionContext, kConvolutionContext + rows);
    for (std::size_t i = 0; i < m_convolutions.size(); ++i)
        x = convolutionLayer(i, x);
    return x;
}

std::int64_t MarketEncoderImpl::convolutionReach(std::size_t layer)
{
    return (kKernel - 1) * kDilations[layer];
}

Tensor MarketEncoderImpl::convolutionLayer(std::size_t layer, const Tensor& x)
{
    const std::int64_t outputs = x.size(1) - convolutionReach(layer);
    std::vector<Tensor> taps;
    for (std::int64_t tap = 0; tap < kKernel; ++tap)
        taps.push_back(x.narrow(1, tap * kDilations[layer], outputs));
    const Tensor y = geluLayer(linear(torch::cat(taps, 2), m_convolutions[layer]));
    return layer == 0 ? y : y + taps.back();
}

Tensor MarketEncoderImpl::attend(const Tensor& tokens, Tensor* shares)
{
    const std::int64_t stretches = tokens.size(0);
    const std::int64_t windows = tokens.size(1) - m_options.tokens + 1;
    Tensor x = tokens.unfold(1, m_options.tokens, 1).permute({0, 1, 3, 2}) + m_positions;
    x = x.reshape({stretches * windows, m_options.tokens, m_options.width});
    for (std::size_t i = 0; i < m_attention.size(); ++i) {
        const bool isLast = i + 1 == m_attention.size();
        x = attentionLayer(m_attention[i], x, isLast, isLast ? shares : nullptr);
    }
    if (shares)
        *shares = shares->mean({1, 2}).view({stretches, windows, m_options.tokens}); // one query, some heads
    return x.reshape({stretches, windows, m_options.width});
}

/// x: [B, K, D]; returns the same or, with lastQueryOnly, [B, 1, D].
Tensor MarketEncoderImpl::attentionLayer(const AttentionLayer& layer, const Tensor& x, bool lastQueryOnly, Tensor* shares)
{
    const std::int64_t length = x.size(1);
    const std::int64_t width = m_options.width;
    const auto asking = [&](const Tensor& of) { return lastQueryOnly ? of.narrow(1, length - 1, 1) : of; };
    const std::vector<Tensor> weights = layer.queryKeyValue->weight.split_with_sizes({width, 2 * width}),
                              biases = layer.queryKeyValue->bias.split_with_sizes({width, 2 * width});
    const Tensor normed = nn::LayerNorm(layer.attentionNorm)(x);
    const Tensor query = linear(asking(normed), weights[0], biases[0]);
    const Tensor keyValue = linear(normed, weights[1], biases[1]);
    if (shares)
        *shares = attentionShares(query, keyValue, m_options.heads);
    const Tensor attended = asking(x) + linear(btcai::attention(query, keyValue, m_options.heads), layer.attentionOut);
    const Tensor hidden = geluLayer(linear(nn::LayerNorm(layer.feedForwardNorm)(attended), layer.feedForwardIn));
    return attended + linear(hidden, layer.feedForwardOut);
}

} // namespace btcai
