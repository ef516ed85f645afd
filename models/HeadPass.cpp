#include "models/HeadPass.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/VectorClones.h"

#define BTCAI_INLINE inline __attribute__((always_inline))
#define BTCAI_LAMBDA_INLINE __attribute__((always_inline))

namespace btcai {

namespace {

template <int Lanes> struct VectorOf {
    typedef float Type __attribute__((vector_size(4 * Lanes), aligned(4), may_alias)); // at any address
};
template <int Lanes> using Vector = typename VectorOf<Lanes>::Type;
constexpr std::int64_t kLanes = 16; // narrower layers go another way, whatever the processor

/// Runs `body` with the number of floats in a register as its template argument. No sum depends on that number.
template <typename Body> BTCAI_INLINE void withLanes(const Body& body)
{
    switch (vectorFloats()) {
    case 16: body.template operator()<16>(); break;
    case 8: body.template operator()<8>(); break;
    default: body.template operator()<4>();
    }
}

/// Rows i0 ... i0 + Rows of c [.][columns at j] = or += sum over l of a(i, l) * b [l][j], in registers.
template <int Lanes, int Rows, int Vectors>
BTCAI_INLINE void tile(float* c, std::int64_t cStride, const float* a, std::int64_t aRow, std::int64_t aColumn, const float* b,
                       std::int64_t bStride, std::int64_t depth, bool add)
{
    using V = Vector<Lanes>;
    V sum[Rows][Vectors];
    for (int i = 0; i < Rows; ++i)
        for (int v = 0; v < Vectors; ++v)
            sum[i][v] = add ? *reinterpret_cast<const V*>(c + i * cStride + v * Lanes) : V{};
    for (std::int64_t l = 0; l < depth; ++l) {
        V right[Vectors];
        for (int v = 0; v < Vectors; ++v)
            right[v] = *reinterpret_cast<const V*>(b + l * bStride + v * Lanes);
        for (int i = 0; i < Rows; ++i) {
            const float left = a[i * aRow + l * aColumn];
            for (int v = 0; v < Vectors; ++v)
                sum[i][v] += left * right[v];
        }
    }
    for (int i = 0; i < Rows; ++i)
        for (int v = 0; v < Vectors; ++v)
            *reinterpret_cast<V*>(c + i * cStride + v * Lanes) = sum[i][v];
}

template <int Lanes, int Vectors>
BTCAI_INLINE void columns(float* c, std::int64_t cStride, const float* a, std::int64_t aRow, std::int64_t aColumn, const float* b,
                          std::int64_t bStride, std::int64_t rows, std::int64_t depth, bool add)
{
    std::int64_t i = 0;
    for (; i + 4 <= rows; i += 4)
        tile<Lanes, 4, Vectors>(c + i * cStride, cStride, a + i * aRow, aRow, aColumn, b, bStride, depth, add);
    for (; i < rows; ++i)
        tile<Lanes, 1, Vectors>(c + i * cStride, cStride, a + i * aRow, aRow, aColumn, b, bStride, depth, add);
}

/// c [rows][width] = or += a b, in which a(i, l) = a[i * aRow + l * aColumn] and b is [depth][width].
BTCAI_VECTOR_CLONES void multiply(float* c, std::int64_t cStride, const float* a, std::int64_t aRow, std::int64_t aColumn, const float* b,
                                  std::int64_t bStride, std::int64_t rows, std::int64_t width, std::int64_t depth, bool add)
{
    std::int64_t j = 0;
    withLanes([&]<int Lanes>() BTCAI_LAMBDA_INLINE {
        if constexpr (Lanes == 16) // which comes with 32 registers
            for (; j + 4 * Lanes <= width; j += 4 * Lanes)
                columns<Lanes, 4>(c + j, cStride, a, aRow, aColumn, b + j, bStride, rows, depth, add);
        for (; j + 2 * Lanes <= width; j += 2 * Lanes)
            columns<Lanes, 2>(c + j, cStride, a, aRow, aColumn, b + j, bStride, rows, depth, add);
        for (; j + Lanes <= width; j += Lanes)
            columns<Lanes, 1>(c + j, cStride, a, aRow, aColumn, b + j, bStride, rows, depth, add);
    });
    for (; j < width; ++j)
        for (std::int64_t i = 0; i < rows; ++i) {
            float sum = add ? c[i * cStride + j] : 0.0F;
            for (std::int64_t l = 0; l < depth; ++l)
                sum += a[i * aRow + l * aColumn] * b[l * bStride + j];
            c[i * cStride + j] = sum;
        }
}

/// output [rows][outputs] = bias + the products of input rows with the weight's rows [outputs][depth]: for few outputs. Sixteen sums
/// side by side, whatever the registers hold.
BTCAI_VECTOR_CLONES void multiplyFew(float* output, std::int64_t outputStride, const float* input, std::int64_t inputStride,
                                     const float* weight, const float* bias, std::int64_t rows, std::int64_t outputs, std::int64_t depth)
{
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t o = 0; o < outputs; ++o) {
            const float* const a = input + i * inputStride;
            const float* const b = weight + o * depth;
            float sums[kLanes];
            std::int64_t l = 0;
            withLanes([&]<int Lanes>() BTCAI_LAMBDA_INLINE {
                Vector<Lanes> parts[kLanes / Lanes] = {};
                const auto load = [](const float* at) BTCAI_LAMBDA_INLINE { return *reinterpret_cast<const Vector<Lanes>*>(at); };
                for (; l + kLanes <= depth; l += kLanes)
                    for (int p = 0; p < kLanes / Lanes; ++p)
                        parts[p] += load(a + l + p * Lanes) * load(b + l + p * Lanes);
                for (int p = 0; p < kLanes / Lanes; ++p)
                    *reinterpret_cast<Vector<Lanes>*>(sums + p * Lanes) = parts[p];
            });
            float sum = bias[o];
            for (const float part : sums)
                sum += part;
            for (; l < depth; ++l)
                sum += a[l] * b[l];
            output[i * outputStride + o] = sum;
        }
}

/// tanh x = 1 - 2 / (1 + e^2x), off by 2e-7 at most. e^2x = 2^n 2^f with f in [-1/2, 1/2], and 2^f by its Taylor series to degree 7
/// (remainder 5e-9).
BTCAI_VECTOR_CLONES void hyperbolicTangent(float* values, std::int64_t count)
{
    constexpr float limit = 9.0F; // beyond it the result is 1 in float
    constexpr float twiceLog2E = 2.8853900817779268F;
    constexpr float ln2 = 0.69314718055994531F;
    constexpr float rounder = 12582912.0F; // 1.5 * 2^23: adding it rounds to an integer that stands in the low bits
    for (std::int64_t i = 0; i < count; ++i) {
        const float x = values[i] > limit ? limit : values[i] < -limit ? -limit : values[i];
        const float exponent = x * twiceLog2E;
        const float shifted = exponent + rounder;
        const float f = (exponent - (shifted - rounder)) * ln2;
        float power = 1.0F / 5040.0F;
        for (const float coefficient : {1.0F / 720.0F, 1.0F / 120.0F, 1.0F / 24.0F, 1.0F / 6.0F, 0.5F, 1.0F, 1.0F})
            power = power * f + coefficient;
        const std::uint32_t scaled = (std::bit_cast<std::uint32_t>(shifted) << 23) + std::bit_cast<std::uint32_t>(power);
        values[i] = 1.0F - 2.0F / (1.0F + std::bit_cast<float>(scaled)) + (x - x); // so that a NaN stays one
    }
}

/// gradient *= 1 - h^2: through the tanh whose result is h.
BTCAI_VECTOR_CLONES void throughTanh(float* gradient, const float* h, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; ++i)
        gradient[i] *= 1.0F - h[i] * h[i];
}

BTCAI_VECTOR_CLONES void addRows(float* sums, const float* rows, std::int64_t stride, std::int64_t count, std::int64_t width)
{
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t j = 0; j < width; ++j)
            sums[j] += rows[i * stride + j];
}

/// a0 b0 a1 b1 ... of the lower halves of two vectors (Half 0) or of the upper ones (Half 1).
template <int Lanes, int Half, int... I>
BTCAI_INLINE Vector<Lanes> interleave(Vector<Lanes> a, Vector<Lanes> b, std::integer_sequence<int, I...>)
{
    return __builtin_shufflevector(a, b, (Half * Lanes / 2 + I / 2 + I % 2 * Lanes)...);
}

/// A square of Lanes by Lanes numbers, transposed: row i is interleaved with row i + Lanes / 2, log2(Lanes) times.
template <int Lanes> BTCAI_INLINE void transposeSquare(float* out, std::int64_t outStride, const float* in, std::int64_t inStride)
{
    using V = Vector<Lanes>;
    V rows[Lanes], next[Lanes];
    for (int i = 0; i < Lanes; ++i)
        rows[i] = *reinterpret_cast<const V*>(in + i * inStride);
    for (int round = 1; round < Lanes; round *= 2) {
        for (int i = 0; i < Lanes / 2; ++i) {
            next[2 * i] = interleave<Lanes, 0>(rows[i], rows[i + Lanes / 2], std::make_integer_sequence<int, Lanes>());
            next[2 * i + 1] = interleave<Lanes, 1>(rows[i], rows[i + Lanes / 2], std::make_integer_sequence<int, Lanes>());
        }
        for (int i = 0; i < Lanes; ++i)
            rows[i] = next[i];
    }
    for (int i = 0; i < Lanes; ++i)
        *reinterpret_cast<V*>(out + i * outStride) = rows[i];
}

/// out [columns][rows] = in [rows][columns], transposed.
BTCAI_VECTOR_CLONES void transpose(float* out, const float* in, std::int64_t rows, std::int64_t columns)
{
    const std::int64_t wholeRows = rows - rows % kLanes;
    const std::int64_t wholeColumns = columns - columns % kLanes;
    withLanes([&]<int Lanes>() BTCAI_LAMBDA_INLINE {
        for (std::int64_t i = 0; i < wholeRows; i += Lanes)
            for (std::int64_t j = 0; j < wholeColumns; j += Lanes)
                transposeSquare<Lanes>(out + j * rows + i, rows, in + i * columns + j, columns);
    });
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = i < wholeRows ? wholeColumns : 0; j < columns; ++j)
            out[j * rows + i] = in[i * columns + j];
}

} // namespace

HeadPass::HeadPass(HeadShape shape, const HeadViews<const float>& weights) : m_shape(shape), m_holdBiasAt(weights.holdBias)
{
    const auto makeLayer = [](std::int64_t inputs, std::int64_t outputs, LinearView<const float> parameters) {
        return Layer{inputs, outputs, parameters, std::vector<float>(static_cast<std::size_t>(outputs < kLanes ? 0 : inputs * outputs))};
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
            transpose(layer.transposed.data(), layer.parameters.weight, layer.outputs, layer.inputs);
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
    if (layer.outputs < kLanes) {
        multiplyFew(output, outputStride, input, inputStride, layer.parameters.weight, layer.parameters.bias, m_count, layer.outputs, layer.inputs);
        return;
    }
    for (std::int64_t i = 0; i < m_count; ++i)
        std::memcpy(output + i * outputStride, layer.parameters.bias, static_cast<std::size_t>(layer.outputs) * sizeof(float));
    multiply(output, outputStride, input, inputStride, 1, layer.transposed.data(), layer.outputs, m_count, layer.outputs, layer.inputs, true);
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
            addRows(hidden + i * both, market + i / accountsPerRow * both, both, 1, both);
    hyperbolicTangent(hidden, count * both);
    for (std::size_t l = 0; l < m_policyHidden.size(); ++l) {
        float* const next = m_hidden[l + 1].data();
        apply(m_policyHidden[l], hidden, both, next, both);
        apply(m_valueHidden[l], hidden + width, both, next + width, both);
        hyperbolicTangent(next, count * both);
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
    if (layer.inputs % kLanes != 0) { // no whole number of vectors: the other way round
        multiply(m_transposed.data(), layer.outputs, input, 1, inputStride, gradient, gradientStride, layer.inputs, layer.outputs, m_count, false);
        for (std::int64_t o = 0; o < layer.outputs; ++o)
            for (std::int64_t i = 0; i < layer.inputs; ++i)
                sums.weight[o * layer.inputs + i] += m_transposed[static_cast<std::size_t>(i * layer.outputs + o)];
    } else {
        multiply(sums.weight, layer.inputs, gradient, 1, gradientStride, input, inputStride, layer.outputs, layer.inputs, m_count, true);
    }
    addRows(sums.bias, gradient, gradientStride, m_count, layer.outputs);
    if (inputGradient)
        multiply(inputGradient, inputStride, gradient, gradientStride, 1, layer.parameters.weight, layer.inputs, m_count, layer.inputs,
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
    throughTanh(gradient, hidden, m_count * both);
    for (std::size_t l = top; l-- > 0;) {
        hidden = m_hidden[l].data();
        propagate(m_policyHidden[l], gradient, both, hidden, both, gradients.policyHidden[l], below);
        propagate(m_valueHidden[l], gradient + width, both, hidden + width, both, gradients.valueHidden[l], below + width);
        throughTanh(below, hidden, m_count * both);
        std::swap(gradient, below);
    }
    propagate(m_stateIn, gradient, both, m_state, m_shape.state, gradients.stateIn, stateGradient);
    if (marketGradient)
        for (std::int64_t i = 0; i < m_count; ++i)
            addRows(marketGradient + i / m_accountsPerRow * both, gradient + i * both, both, 1, both);
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
