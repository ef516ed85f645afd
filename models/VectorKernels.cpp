#include "models/VectorKernels.h"

#include <bit>
#include <utility>

#include "base/VectorClones.h"

#define BTCAI_INLINE inline __attribute__((always_inline))
#define BTCAI_LAMBDA_INLINE __attribute__((always_inline))

namespace btcai::kernels {

namespace {

template <int Lanes> struct VectorOf {
    typedef float Type __attribute__((vector_size(4 * Lanes), aligned(4), may_alias)); // at any address
};
template <int Lanes> using Vector = typename VectorOf<Lanes>::Type;

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

/// As many rows at a time as there are registers for, so that each number of b that is read serves them all.
template <int Lanes, int Vectors>
BTCAI_INLINE void columns(float* c, std::int64_t cStride, const float* a, std::int64_t aRow, std::int64_t aColumn, const float* b,
                          std::int64_t bStride, std::int64_t rows, std::int64_t depth, bool add)
{
    std::int64_t i = 0;
    const auto take = [&]<int Rows>() BTCAI_LAMBDA_INLINE {
        for (; i + Rows <= rows; i += Rows)
            tile<Lanes, Rows, Vectors>(c + i * cStride, cStride, a + i * aRow, aRow, aColumn, b, bStride, depth, add);
    };
    take.template operator()<6>();
    take.template operator()<4>();
    take.template operator()<2>();
    take.template operator()<1>();
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

/// 2^exponent = 2^n 2^f with f in [-1/2, 1/2], and 2^f by its Taylor series to degree 7 (remainder 5e-9). |exponent| is below 127.
BTCAI_INLINE float powerOfTwo(float exponent)
{
    constexpr float ln2 = 0.69314718055994531F;
    constexpr float rounder = 12582912.0F; // 1.5 * 2^23: adding it rounds to an integer that stands in the low bits
    const float shifted = exponent + rounder;
    const float f = (exponent - (shifted - rounder)) * ln2;
    const float power = ((((((1.0F / 5040.0F * f + 1.0F / 720.0F) * f + 1.0F / 120.0F) * f + 1.0F / 24.0F) * f + 1.0F / 6.0F) * f + 0.5F) * f + 1.0F) * f + 1.0F;
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << 23) + std::bit_cast<std::uint32_t>(power));
}

BTCAI_INLINE float clamped(float x, float limit) { return x > limit ? limit : x < -limit ? -limit : x; }

/// 1 - 2 / (1 + e^2x).
BTCAI_INLINE float tanhOf(float value)
{
    constexpr float twiceLog2E = 2.8853900817779268F;
    const float x = clamped(value, 9.0F); // beyond it the result is 1 in float
    return 1.0F - 2.0F / (1.0F + powerOfTwo(x * twiceLog2E)) + (x - x); // so that a NaN stays one
}

/// e^x where |x| < 87, else what it is there.
BTCAI_INLINE float exponential(float value)
{
    constexpr float log2E = 1.4426950408889634F;
    const float x = clamped(value, 87.0F);
    return powerOfTwo(x * log2E) + (x - x);
}

BTCAI_INLINE float sigmoidOf(float x) { return 1.0F / (1.0F + exponential(-x)); }

BTCAI_INLINE float total(const float (&parts)[kLanes])
{
    float sum = 0.0F;
    for (const float part : parts)
        sum += part;
    return sum;
}

struct NormalPoint {
    float below;   ///< the probability of less than x
    float density; ///< at x, times the square root of 2 pi
};

/// By erf as Abramowitz and Stegun give it (Handbook of Mathematical Functions, 7.1.26), off by 1.5e-7 at most.
BTCAI_INLINE NormalPoint normalAt(float value)
{
    const float x = clamped(value, 13.0F); // beyond it e^(-x^2 / 2) is 0 in float
    const float density = exponential(-0.5F * x * x);
    const float size = x < 0.0F ? -x : x;
    const float t = 1.0F / (1.0F + 0.3275911F * 0.70710678F * size);
    const float beyond = 0.5F * ((((1.061405429F * t - 1.453152027F) * t + 1.421413741F) * t - 0.284496736F) * t + 0.254829592F) * t * density;
    return {x < 0.0F ? beyond : 1.0F - beyond, density};
}

} // namespace

BTCAI_VECTOR_CLONES void multiply(float* c, std::int64_t cStride, const float* a, std::int64_t aRow, std::int64_t aColumn, const float* b,
                                  std::int64_t bStride, std::int64_t rows, std::int64_t width, std::int64_t depth, bool add)
{
    constexpr std::int64_t atOnce = 256; // of the depth: as much of b, four registers wide, as stays close to the core for all rows
    std::int64_t l = 0;
    do {
        const std::int64_t part = depth - l < atOnce ? depth - l : atOnce;
        std::int64_t j = 0;
        withLanes([&]<int Lanes>() BTCAI_LAMBDA_INLINE {
            if constexpr (Lanes == 16) // which comes with 32 registers
                for (; j + 4 * Lanes <= width; j += 4 * Lanes)
                    columns<Lanes, 4>(c + j, cStride, a, aRow, aColumn, b + j, bStride, rows, part, add);
            for (; j + 2 * Lanes <= width; j += 2 * Lanes)
                columns<Lanes, 2>(c + j, cStride, a, aRow, aColumn, b + j, bStride, rows, part, add);
            for (; j + Lanes <= width; j += Lanes)
                columns<Lanes, 1>(c + j, cStride, a, aRow, aColumn, b + j, bStride, rows, part, add);
        });
        for (; j < width; ++j)
            for (std::int64_t i = 0; i < rows; ++i) {
                float sum = add ? c[i * cStride + j] : 0.0F;
                for (std::int64_t k = 0; k < part; ++k)
                    sum += a[i * aRow + k * aColumn] * b[k * bStride + j];
                c[i * cStride + j] = sum;
            }
        a += part * aColumn;
        b += part * bStride;
        l += part;
        add = true;
    } while (l < depth);
}

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

BTCAI_VECTOR_CLONES void transpose(float* out, std::int64_t outStride, const float* in, std::int64_t inStride, std::int64_t rows, std::int64_t columns)
{
    const std::int64_t wholeRows = rows - rows % kLanes;
    const std::int64_t wholeColumns = columns - columns % kLanes;
    withLanes([&]<int Lanes>() BTCAI_LAMBDA_INLINE {
        for (std::int64_t i = 0; i < wholeRows; i += Lanes)
            for (std::int64_t j = 0; j < wholeColumns; j += Lanes)
                transposeSquare<Lanes>(out + j * outStride + i, outStride, in + i * inStride + j, inStride);
    });
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = i < wholeRows ? wholeColumns : 0; j < columns; ++j)
            out[j * outStride + i] = in[i * inStride + j];
}

BTCAI_VECTOR_CLONES void addRows(float* sums, const float* rows, std::int64_t stride, std::int64_t count, std::int64_t width)
{
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t j = 0; j < width; ++j)
            sums[j] += rows[i * stride + j];
}

BTCAI_VECTOR_CLONES void hyperbolicTangent(float* values, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; ++i)
        values[i] = tanhOf(values[i]);
}

BTCAI_VECTOR_CLONES void throughTanh(float* gradient, const float* h, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; ++i)
        gradient[i] *= 1.0F - h[i] * h[i];
}

BTCAI_VECTOR_CLONES void gelu(float* output, const float* input, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; ++i)
        output[i] = input[i] * normalAt(input[i]).below;
}

BTCAI_VECTOR_CLONES void throughGelu(float* gradient, const float* input, std::int64_t count)
{
    constexpr float perRoot = 0.39894228F; // 1 / sqrt(2 pi)
    for (std::int64_t i = 0; i < count; ++i) {
        const NormalPoint at = normalAt(input[i]);
        gradient[i] *= at.below + input[i] * at.density * perRoot;
    }
}

BTCAI_VECTOR_CLONES void softmaxRows(float* values, std::int64_t rows, std::int64_t width, float scale)
{
    const std::int64_t stride = padded(width);
    for (std::int64_t r = 0; r < rows; ++r) {
        float* const row = values + r * stride;
        for (std::int64_t j = width; j < stride; ++j)
            row[j] = row[0];
        float most[kLanes], sums[kLanes] = {};
        for (std::int64_t l = 0; l < kLanes; ++l)
            most[l] = row[l];
        for (std::int64_t j = kLanes; j < stride; j += kLanes)
            for (std::int64_t l = 0; l < kLanes; ++l)
                most[l] = row[j + l] > most[l] ? row[j + l] : most[l];
        float largest = most[0];
        for (const float one : most)
            largest = one > largest ? one : largest;
        for (std::int64_t j = 0; j < stride; ++j)
            row[j] = exponential(scale * (row[j] - largest));
        for (std::int64_t j = width; j < stride; ++j)
            row[j] = 0.0F;
        for (std::int64_t j = 0; j < stride; j += kLanes)
            for (std::int64_t l = 0; l < kLanes; ++l)
                sums[l] += row[j + l];
        const float share = 1.0F / total(sums);
        for (std::int64_t j = 0; j < stride; ++j)
            row[j] *= share;
    }
}

BTCAI_VECTOR_CLONES void throughSoftmax(float* gradient, const float* shares, std::int64_t rows, std::int64_t width, float scale)
{
    const std::int64_t stride = padded(width);
    for (std::int64_t r = 0; r < rows; ++r) {
        float* const out = gradient + r * stride;
        const float* const share = shares + r * stride;
        float sums[kLanes] = {};
        for (std::int64_t j = 0; j < stride; j += kLanes)
            for (std::int64_t l = 0; l < kLanes; ++l)
                sums[l] += out[j + l] * share[j + l];
        const float sum = total(sums);
        for (std::int64_t j = 0; j < stride; ++j)
            out[j] = scale * share[j] * (out[j] - sum);
    }
}

BTCAI_VECTOR_CLONES void lstmCell(float* gates, const float* cellBefore, float* cell, float* cellTanh, float* state, std::int64_t rows, std::int64_t width)
{
    for (std::int64_t r = 0; r < rows; ++r) {
        float* const input = gates + r * 4 * width;
        float *const forget = input + width, *const output = forget + width, *const candidate = output + width;
        const std::int64_t at = r * width;
#pragma GCC ivdep
        for (std::int64_t j = 0; j < width; ++j) {
            input[j] = sigmoidOf(input[j]);
            forget[j] = sigmoidOf(forget[j]);
            output[j] = sigmoidOf(output[j]);
            candidate[j] = tanhOf(candidate[j]);
            cell[at + j] = forget[j] * cellBefore[at + j] + input[j] * candidate[j];
            cellTanh[at + j] = tanhOf(cell[at + j]);
            state[at + j] = output[j] * cellTanh[at + j];
        }
    }
}

BTCAI_VECTOR_CLONES void throughLstmCell(const float* gates, const float* cellBefore, const float* cellTanh, const float* gradState, float* gradCell,
                                         float* gradGates, std::int64_t rows, std::int64_t width)
{
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* const input = gates + r * 4 * width;
        const float *const forget = input + width, *const output = forget + width, *const candidate = output + width;
        float* const gradInput = gradGates + r * 4 * width;
        float *const gradForget = gradInput + width, *const gradOutput = gradForget + width, *const gradCandidate = gradOutput + width;
        const std::int64_t at = r * width;
#pragma GCC ivdep
        for (std::int64_t j = 0; j < width; ++j) {
            const float tanh = cellTanh[at + j];
            const float gradient = gradCell[at + j] + gradState[at + j] * output[j] * (1.0F - tanh * tanh);
            gradInput[j] = gradient * candidate[j] * input[j] * (1.0F - input[j]);
            gradForget[j] = gradient * cellBefore[at + j] * forget[j] * (1.0F - forget[j]);
            gradOutput[j] = gradState[at + j] * tanh * output[j] * (1.0F - output[j]);
            gradCandidate[j] = gradient * input[j] * (1.0F - candidate[j] * candidate[j]);
            gradCell[at + j] = gradient * forget[j];
        }
    }
}

} // namespace btcai::kernels
