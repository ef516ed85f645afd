#include "models/DenseLayers.h"

#include <algorithm>

#include <ATen/Parallel.h>

#include "models/KernelChoice.h"
#include "models/VectorKernels.h"

namespace btcai {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kRowsPerThread = 48; ///< fewer are not worth a second one
constexpr std::int64_t kFewRows = 4;        ///< up to these a weight is read as it lies, since turning it takes longer than the product

class LinearByHand : public torch::autograd::Function<LinearByHand> {
public:
    static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const Tensor& bias)
    {
        const std::int64_t outputs = weight.size(0), inputs = weight.size(1), rows = x.numel() / inputs;
        std::vector<std::int64_t> sizes = x.sizes().vec();
        sizes.back() = outputs;
        const Tensor y = torch::empty(sizes, x.options());
        const auto *const in = x.data_ptr<float>(), *const w = weight.data_ptr<float>(), *const b = bias.data_ptr<float>();
        auto* const out = y.data_ptr<float>();
        if (rows <= kFewRows) {
            kernels::multiplyFew(out, outputs, in, inputs, w, b, rows, outputs, inputs);
        } else {
            const Tensor turned = torch::empty({inputs, outputs}, x.options());
            auto* const t = turned.data_ptr<float>();
            kernels::transpose(t, outputs, w, inputs, outputs, inputs);
            at::parallel_for(0, rows, kRowsPerThread, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    std::copy_n(b, outputs, out + i * outputs);
                kernels::multiply(out + begin * outputs, outputs, in + begin * inputs, inputs, 1, t, outputs, end - begin, outputs, inputs, true);
            });
        }
        ctx->save_for_backward({x, weight});
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const variable_list saved = ctx->get_saved_variables();
        const Tensor &x = saved[0], &weight = saved[1];
        const Tensor gradient = gradients[0].contiguous();
        const std::int64_t outputs = weight.size(0), inputs = weight.size(1), rows = x.numel() / inputs;
        const auto *const g = gradient.data_ptr<float>(), *const in = x.data_ptr<float>(), *const w = weight.data_ptr<float>();
        Tensor gradX, gradWeight, gradBias;
        if (ctx->needs_input_grad(0)) {
            gradX = torch::empty_like(x);
            auto* const out = gradX.data_ptr<float>();
            at::parallel_for(0, rows, kRowsPerThread, [&](std::int64_t begin, std::int64_t end) {
                kernels::multiply(out + begin * inputs, inputs, g + begin * outputs, outputs, 1, w, inputs, end - begin, inputs, outputs, false);
            });
        }
        if (ctx->needs_input_grad(1)) {
            gradWeight = torch::empty_like(weight);
            auto* const out = gradWeight.data_ptr<float>();
            at::parallel_for(0, outputs, kRowsPerThread, [&](std::int64_t begin, std::int64_t end) {
                kernels::multiply(out + begin * inputs, inputs, g + begin, 1, outputs, in, inputs, end - begin, inputs, rows, false);
            });
        }
        if (ctx->needs_input_grad(2)) {
            gradBias = torch::zeros({outputs}, x.options());
            kernels::addRows(gradBias.data_ptr<float>(), g, outputs, rows, outputs);
        }
        return {gradX, gradWeight, gradBias};
    }
};

class GeluByHand : public torch::autograd::Function<GeluByHand> {
public:
    static Tensor forward(AutogradContext* ctx, const Tensor& x)
    {
        const Tensor y = torch::empty_like(x);
        kernels::gelu(y.data_ptr<float>(), x.data_ptr<float>(), x.numel());
        ctx->save_for_backward({x});
        return y;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const Tensor x = ctx->get_saved_variables()[0], gradient = gradients[0].clone(at::MemoryFormat::Contiguous);
        kernels::throughGelu(gradient.data_ptr<float>(), x.data_ptr<float>(), x.numel());
        return {gradient};
    }
};

} // namespace

Tensor geluLayer(const Tensor& x) { return takesKernels(x) ? GeluByHand::apply(x) : torch::gelu(x); }

Tensor linearLayer(const Tensor& x, const Tensor& weight, const Tensor& bias)
{
    return takesKernels(weight, bias) ? LinearByHand::apply(x.contiguous(), weight, bias) : torch::linear(x, weight, bias);
}

} // namespace btcai
