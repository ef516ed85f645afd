#pragma once

#include <cstdint>
#include <vector>

namespace btcai {

/// Added to the logit of an action that is impossible: its probability is 0, and so is the gradient through it.
constexpr float kImpossibleLogit = -1e9F;

/// Sizes of the policy and value heads (AgentNetwork).
struct HeadShape {
    std::int64_t state = 0;   ///< S: floats of private state, and of what is remembered of it
    std::int64_t width = 0;   ///< W: hidden units per head and layer
    std::int64_t layers = 1;  ///< hidden layers
    std::int64_t actions = 0; ///< A
    std::int64_t maskAt = -1; ///< as in AgentNetworkOptions
};

/// A linear layer's weight [outputs][inputs] and bias [outputs], or their gradients.
template <typename Float> struct LinearView {
    Float* weight = nullptr;
    Float* bias = nullptr;
};

/// The parameters of the heads, or their gradients, where they lie.
template <typename Float> struct HeadViews {
    LinearView<Float> stateIn;               ///< S -> 2 W: policy half, value half
    std::vector<LinearView<Float>> policyHidden, valueHidden; ///< W -> W, layers - 1 of each
    LinearView<Float> policyOut;             ///< W -> A
    LinearView<Float> valueOut;              ///< W -> 1
    Float* holdBias = nullptr;               ///< one number, or null: added to logit a as often as state[a]
};

/// Forward and backward pass of the heads on one CPU core, written by hand: with layers this small libtorch spends most of its time on
/// the way to the arithmetic.
///
///   h1 = tanh(Ws s + bs + m),  p_l = tanh(Wp_l p_(l-1) + b),  v_l likewise,  logits = Wo p_L + bo + hold s[0..A),  value = wv v_L + bv
///
/// (logits of impossible actions less 1e9) in which s is the private state, m the market's share (a row of 2 W) and p, v the halves of h. All arrays are row-major
/// float32. The results equal those of AgentNetworkImpl::heads to rounding. Takes up to kBlock samples at a time.
class HeadPass {
public:
    static constexpr std::int64_t kBlock = 64;

    /// The weights are read now; have them read again after they have changed.
    HeadPass(HeadShape shape, const HeadViews<const float>& weights);
    void readWeights();

    /// state [count][S]; market: rows [.][2 W], sample i reads row i / accountsPerRow, or null. Writes logits [count][A] and value
    /// [count], and keeps what the backward pass needs.
    void forward(std::int64_t count, const float* state, const float* market, std::int64_t accountsPerRow, float* logits, float* value);
    /// The same for any number of samples, none of which has a backward pass.
    void infer(std::int64_t count, const float* state, const float* market, std::int64_t accountsPerRow, float* logits, float* value);
    /// How many of `count` samples the pass that begins at `first` takes: those of whole rows of the market where a row fits into a block, else
    /// part of one.
    static std::int64_t blockAt(std::int64_t first, std::int64_t count, std::int64_t accountsPerRow);
    /// For the samples of the last forward pass: adds to the gradients of the parameters and, unless null, to those of the market's
    /// rows, and writes those of the state [count][S], unless null, given the loss's derivatives with respect to logits [count][A] and value [count].
    void backward(const float* logitsGradient, const float* valueGradient, const HeadViews<float>& gradients, float* marketGradient,
                  float* stateGradient = nullptr);

private:
    struct Layer {
        std::int64_t inputs = 0, outputs = 0;
        LinearView<const float> parameters;
        std::vector<float> transposed; ///< [inputs][outputs]
    };
    void apply(const Layer& layer, const float* input, std::int64_t inputStride, float* output, std::int64_t outputStride) const;
    void propagate(const Layer& layer, const float* gradient, std::int64_t gradientStride, const float* input, std::int64_t inputStride,
                   LinearView<float> sums, float* inputGradient);

    HeadShape m_shape;
    Layer m_stateIn, m_policyOut, m_valueOut;
    std::vector<Layer> m_policyHidden, m_valueHidden;
    const float* m_holdBiasAt = nullptr;
    float m_holdBias = 0.0F;

    std::int64_t m_count = 0;
    std::int64_t m_accountsPerRow = 1;
    const float* m_state = nullptr;
    std::vector<std::vector<float>> m_hidden; ///< per layer [kBlock][2 W], after tanh
    std::vector<float> m_gradient, m_below;   ///< [kBlock][2 W]
    std::vector<float> m_transposed;          ///< the gradient of a weight, [inputs][outputs]
};

} // namespace btcai
