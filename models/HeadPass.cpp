#include "models/HeadPass.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "models/VectorKernels.h"

namespace btcai {

HeadPass::HeadPass(HeadShape shape, const HeadViews<const float>& weights) : m_shape(shape), m_holdBiasAt(weights.holdBias)
{
    const auto makeLayer = [](std::int64_t inputs, std::int64_t outputs, LinearView<const float> parameters) {
        return Layer{inputs, outputs, parameters, std::vector<float>(static_cast<std::size_t>(outputs < kernels::kLanes ? 0 : inputs * outputs))};
    };
    m_stateIn = makeLayer(shape.state, 2 * shape.width, weights.stateIn);
    for (const auto& layer : weights.policyHidden)
        m_policyHidden.push_back(makeLayer(shape.width, shape.width, layer));
    for (const auto& layer : weights.valueHidden)
        m_valueHidden.push_back(makeLayer(shape.width, shape.width, layer));
    m_policyOut = makeLayer(shape.width, shape.actions, weights.policyOut);
    m_valueOut = makeLayer(shape.width, 1, weights.valueOut);
    const auto block = static_cast<std::size_t>(kBlock * 2 * shape.width);
    m_hidden.assign(static_cast<std::size_t>(shape.layers), std::vector<float>(block));
    m_gradient.resize(block);
    m_below.resize(block);
    m_transposed.resize(static_cast<std::size_t>(shape.width * std::max({2 * shape.state, shape.width, shape.actions}))); // the largest weight
    readWeights();
}

void HeadPass::readWeights()
{
    m_holdBias = m_holdBiasAt ? *m_holdBiasAt : 0.0F;
    const auto read = [](Layer& layer) {
        if (!layer.transposed.empty())
            kernels::transpose(layer.transposed.data(), layer.outputs, layer.parameters.weight, layer.inputs, layer.outputs, layer.inputs);
    };
    read(m_stateIn);
    for (std::size_t l = 0; l < m_policyHidden.size(); ++l) {
        read(m_policyHidden[l]);
        read(m_valueHidden[l]);
    }
    read(m_policyOut);
    read(m_valueOut);
}

/// output = W input + b, for all samples of the block.
void HeadPass::apply(const Layer& layer, const float* input, std::int64_t inputStride, float* output, std::int64_t outputStride) const
{
    if (layer.outputs < kernels::kLanes) {
        kernels::multiplyFew(output, outputStride, input, inputStride, layer.parameters.weight, layer.parameters.bias, m_count, layer.outputs, layer.inputs);
        return;
    }
    for (std::int64_t i = 0; i < m_count; ++i)
        std::memcpy(output + i * outputStride, layer.parameters.bias, static_cast<std::size_t>(layer.outputs) * sizeof(float));
    kernels::multiply(output, outputStride, input, inputStride, 1, layer.transposed.data(), layer.outputs, m_count, layer.outputs, layer.inputs, true);
}

std::int64_t HeadPass::blockAt(std::int64_t first, std::int64_t count, std::int64_t accountsPerRow)
{
    const std::int64_t rows = kBlock / accountsPerRow;
    return rows > 0 ? std::min(count - first, rows * accountsPerRow) : std::min(accountsPerRow - first % accountsPerRow, kBlock);
}

void HeadPass::infer(std::int64_t count, const float* state, const float* market, std::int64_t accountsPerRow, float* logits, float* value)
{
    for (std::int64_t first = 0; first < count;) {
        const std::int64_t size = blockAt(first, count, accountsPerRow);
        forward(size, state + first * m_shape.state, market ? market + first / accountsPerRow * 2 * m_shape.width : nullptr, accountsPerRow,
                logits + first * m_shape.actions, value + first);
        first += size;
    }
}

void HeadPass::forward(std::int64_t count, const float* state, const float* market, std::int64_t accountsPerRow, float* logits, float* value)
{
    m_count = count;
    m_state = state;
    m_accountsPerRow = accountsPerRow;
    const std::int64_t width = m_shape.width;
    const std::int64_t both = 2 * width;
    float* hidden = m_hidden[0].data();
    apply(m_stateIn, state, m_shape.state, hidden, both);
    if (market)
        for (std::int64_t i = 0; i < count; ++i)
            kernels::addRows(hidden + i * both, market + i / accountsPerRow * both, both, 1, both);
    kernels::hyperbolicTangent(hidden, count * both);
    for (std::size_t l = 0; l < m_policyHidden.size(); ++l) {
        float* const next = m_hidden[l + 1].data();
        apply(m_policyHidden[l], hidden, both, next, both);
        apply(m_valueHidden[l], hidden + width, both, next + width, both);
        kernels::hyperbolicTangent(next, count * both);
        hidden = next;
    }
    apply(m_policyOut, hidden, both, logits, m_shape.actions);
    apply(m_valueOut, hidden + width, both, value, 1);
    if (m_holdBias != 0.0F)
        for (std::int64_t i = 0; i < count; ++i)
            for (std::int64_t a = 0; a < m_shape.actions; ++a)
                logits[i * m_shape.actions + a] += m_holdBias * state[i * m_shape.state + a];
    if (m_shape.maskAt >= 0)
        for (std::int64_t i = 0; i < count; ++i)
            for (std::int64_t a = 1; a < m_shape.actions; ++a)
                logits[i * m_shape.actions + a] += kImpossibleLogit * (1.0F - state[i * m_shape.state + m_shape.maskAt + a - 1]);
}

/// Through one linear layer: adds to the gradients of its parameters and, unless null, writes that of its input.
void HeadPass::propagate(const Layer& layer, const float* gradient, std::int64_t gradientStride, const float* input,
                         std::int64_t inputStride, LinearView<float> sums, float* inputGradient)
{
    if (layer.inputs % kernels::kLanes != 0) { // no whole number of vectors: the other way round
        kernels::multiply(m_transposed.data(), layer.outputs, input, 1, inputStride, gradient, gradientStride, layer.inputs, layer.outputs, m_count, false);
        for (std::int64_t o = 0; o < layer.outputs; ++o)
            for (std::int64_t i = 0; i < layer.inputs; ++i)
                sums.weight[o * layer.inputs + i] += m_transposed[static_cast<std::size_t>(i * layer.outputs + o)];
    } else {
        kernels::multiply(sums.weight, layer.inputs, gradient, 1, gradientStride, input, inputStride, layer.outputs, layer.inputs, m_count, true);
    }
    kernels::addRows(sums.bias, gradient, gradientStride, m_count, layer.outputs);
    if (inputGradient)
        kernels::multiply(inputGradient, inputStride, gradient, gradientStride, 1, layer.parameters.weight, layer.inputs, m_count, layer.inputs,
                 layer.outputs, false);
}

void HeadPass::backward(const float* logitsGradient, const float* valueGradient, const HeadViews<float>& gradients, float* marketGradient,
                        float* stateGradient)
{
    const std::int64_t width = m_shape.width;
    const std::int64_t both = 2 * width;
    const std::size_t top = m_hidden.size() - 1;
    float* gradient = m_gradient.data();
    float* below = m_below.data();
    const float* hidden = m_hidden[top].data();
    propagate(m_policyOut, logitsGradient, m_shape.actions, hidden, both, gradients.policyOut, gradient);
    propagate(m_valueOut, valueGradient, 1, hidden + width, both, gradients.valueOut, gradient + width);
    kernels::throughTanh(gradient, hidden, m_count * both);
    for (std::size_t l = top; l-- > 0;) {
        hidden = m_hidden[l].data();
        propagate(m_policyHidden[l], gradient, both, hidden, both, gradients.policyHidden[l], below);
        propagate(m_valueHidden[l], gradient + width, both, hidden + width, both, gradients.valueHidden[l], below + width);
        kernels::throughTanh(below, hidden, m_count * both);
        std::swap(gradient, below);
    }
    propagate(m_stateIn, gradient, both, m_state, m_shape.state, gradients.stateIn, stateGradient);
    if (marketGradient)
        for (std::int64_t i = 0; i < m_count; ++i)
            kernels::addRows(marketGradient + i / m_accountsPerRow * both, gradient + i * both, both, 1, both);
    if (stateGradient && m_holdBiasAt)
        for (std::int64_t i = 0; i < m_count; ++i)
            for (std::int64_t a = 0; a < m_shape.actions; ++a)
                stateGradient[i * m_shape.state + a] += logitsGradient[i * m_shape.actions + a] * m_holdBias;
    if (gradients.holdBias)
        for (std::int64_t i = 0; i < m_count; ++i)
            for (std::int64_t a = 0; a < m_shape.actions; ++a)
                *gradients.holdBias += logitsGradient[i * m_shape.actions + a] * m_state[i * m_shape.state + a];
}

} // namespace btcai
