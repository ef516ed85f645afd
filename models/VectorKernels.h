#pragma once

#include <cstdint>

/// Arithmetic on rows of float32 on one CPU core, written by hand for matrices so small that libtorch spends most of its time on the way to the arithmetic.
/// Matrices are row-major; a stride is the distance between rows. Nothing overlaps unless it is said. A NaN comes out where one goes in.
namespace btcai::kernels {

/// A register of the widest kind, in floats: layers narrower than this go another way, whatever the processor, and padded rows are a multiple of it long.
constexpr std::int64_t kLanes = 16;

/// The smallest multiple of kLanes that is not below `count`.
constexpr std::int64_t padded(std::int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// c [rows][width] = or += a b, in which a(i, l) = a[i * aRow + l * aColumn] and b is [depth][width]. Each number of c is one sum in the order of l, whatever
/// the sizes.
void multiply(float* c, std::int64_t cStride, const float* a, std::int64_t aRow, std::int64_t aColumn, const float* b, std::int64_t bStride,
              std::int64_t rows, std::int64_t width, std::int64_t depth, bool add);

/// output [rows][outputs] = bias + the products of input rows with the weight's rows [outputs][depth]: for few outputs. Sixteen sums
/// side by side, whatever the registers hold.
void multiplyFew(float* output, std::int64_t outputStride, const float* input, std::int64_t inputStride, const float* weight, const float* bias,
                 std::int64_t rows, std::int64_t outputs, std::int64_t depth);

/// out [columns][rows] = in [rows][columns], transposed.
void transpose(float* out, std::int64_t outStride, const float* in, std::int64_t inStride, std::int64_t rows, std::int64_t columns);

/// sums [width] += every row of rows [count][width].
void addRows(float* sums, const float* rows, std::int64_t stride, std::int64_t count, std::int64_t width);

/// values = tanh(values), off by 2e-7 at most.
void hyperbolicTangent(float* values, std::int64_t count);
/// gradient *= 1 - h^2: through the tanh whose result is h.
void throughTanh(float* gradient, const float* h, std::int64_t count);

/// output = x Phi(x), in which Phi is the normal distribution's, off by 2e-7 |x| + 1e-7 at most. output may be input.
void gelu(float* output, const float* input, std::int64_t count);
/// gradient *= its derivative at input.
void throughGelu(float* gradient, const float* input, std::int64_t count);

/// values [rows][padded(width)] = softmax(scale * values), scale above 0, over the first `width` of each row; the rest becomes 0.
void softmaxRows(float* values, std::int64_t rows, std::int64_t width, float scale);
/// gradient *= through the softmax whose result is shares, both [rows][padded(width)]; the rest of a row of gradient is finite.
void throughSoftmax(float* gradient, const float* shares, std::int64_t rows, std::int64_t width, float scale);

/// One step of an LSTM without its matrix product, as lstmStep() is. gates [rows][4 width]; the others [rows][width]. cell may be cellBefore.
void lstmCell(float* gates, const float* cellBefore, float* cell, float* cellTanh, float* state, std::int64_t rows, std::int64_t width);
/// And back, as lstmStepBackward() is. gradGates may not be gates.
void throughLstmCell(const float* gates, const float* cellBefore, const float* cellTanh, const float* gradState, float* gradCell, float* gradGates,
                     std::int64_t rows, std::int64_t width);

} // namespace btcai::kernels
