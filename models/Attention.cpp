#include "models/Attention.h"

#include <cmath>
#include <vector>

#include <ATen/Parallel.h>

#include "models/KernelChoice.h"
#include "models/VectorKernels.h"

namespace btcai {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// [B, N, W] to [B, heads, N, W / heads].
Tensor perHead(const Tensor& x, std::int64_t heads) { return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2); }

/// libtorch's CPU version goes through the heads of each window one product after the other, by way of its dispatcher, and copies what it reads; these loops stay in the
/// cache.
class AttentionByHand : public torch::autograd::Function<AttentionByHand> {
public:
    static Tensor forward(AutogradContext* ctx, const Tensor& query, const Tensor& keyValue, std::int64_t heads)
    {
        const Sizes s(query, keyValue, heads);
        const Tensor shares = torch::empty({s.batch, heads, s.queries, s.stride}, query.options());
        const Tensor mixed = torch::empty_like(query);
        const auto *const q = query.data_ptr<float>(), *const kv = keyValue.data_ptr<float>();
        auto *const p = shares.data_ptr<float>(), *const out = mixed.data_ptr<float>();
        s.forEachHead([&](std::int64_t b, std::int64_t h, float* turned) {
            const float* const key = kv + s.keyAt(b, h);
            float* const share = p + s.shareAt(b, h);
            kernels::transpose(turned, s.stride, key, 2 * s.width, s.keys, s.perHead);
            kernels::multiply(share, s.stride, q + s.queryAt(b, h), s.width, 1, turned, s.stride, s.queries, s.stride, s.perHead, false);
            kernels::softmaxRows(share, s.queries, s.keys, s.scale);
            kernels::multiply(out + s.queryAt(b, h), s.width, share, s.stride, 1, key + s.width, 2 * s.width, s.queries, s.perHead, s.keys, false);
        });
        ctx->save_for_backward({query, keyValue, shares});
        ctx->saved_data["heads"] = heads;
        return mixed;
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const variable_list saved = ctx->get_saved_variables();
        const Tensor &query = saved[0], &keyValue = saved[1], &shares = saved[2];
        const Sizes s(query, keyValue, ctx->saved_data["heads"].toInt());
        const Tensor gradMixed = gradients[0].contiguous();
        const Tensor gradQuery = torch::empty_like(query), gradKeyValue = torch::empty_like(keyValue);
        const auto *const q = query.data_ptr<float>(), *const kv = keyValue.data_ptr<float>(), *const p = shares.data_ptr<float>(),
                   *const g = gradMixed.data_ptr<float>();
        auto *const gq = gradQuery.data_ptr<float>(), *const gkv = gradKeyValue.data_ptr<float>();
        s.forEachHead([&](std::int64_t b, std::int64_t h, float* turned) {
            const float *const key = kv + s.keyAt(b, h), *const value = key + s.width, *const share = p + s.shareAt(b, h), *const grad = g + s.queryAt(b, h);
            float *const gradKey = gkv + s.keyAt(b, h), *const gradScore = turned + s.perHead * s.stride;
            kernels::multiply(gradKey + s.width, 2 * s.width, share, 1, s.stride, grad, s.width, s.keys, s.perHead, s.queries, false);
            kernels::transpose(turned, s.stride, value, 2 * s.width, s.keys, s.perHead);
            kernels::multiply(gradScore, s.stride, grad, s.width, 1, turned, s.stride, s.queries, s.stride, s.perHead, false);
            kernels::throughSoftmax(gradScore, share, s.queries, s.keys, s.scale);
            kernels::multiply(gq + s.queryAt(b, h), s.width, gradScore, s.stride, 1, key, 2 * s.width, s.queries, s.perHead, s.keys, false);
            kernels::multiply(gradKey, 2 * s.width, gradScore, 1, s.stride, q + s.queryAt(b, h), s.width, s.keys, s.perHead, s.queries, false);
        });
        return {gradQuery, gradKeyValue, Tensor()};
    }

private:
    struct Sizes {
        std::int64_t batch, queries, keys, width, heads, perHead;
        std::int64_t stride; ///< of a row of shares
        float scale;

        Sizes(const Tensor& query, const Tensor& keyValue, std::int64_t headCount)
            : batch(query.size(0)), queries(query.size(1)), keys(keyValue.size(1)), width(query.size(2)), heads(headCount), perHead(width / heads),
              stride(kernels::padded(keys)), scale(1.0F / std::sqrt(static_cast<float>(perHead)))
        {
        }

        std::int64_t queryAt(std::int64_t b, std::int64_t h) const { return b * queries * width + h * perHead; }
        std::int64_t keyAt(std::int64_t b, std::int64_t h) const { return b * keys * 2 * width + h * perHead; }
        std::int64_t shareAt(std::int64_t b, std::int64_t h) const { return (b * heads + h) * queries * stride; }

        /// body(b, h, scratch): scratch is [perHead + queries][stride], and beyond the keys the first perHead rows hold 0 unless body writes there.
        template <typename Body> void forEachHead(const Body& body) const
        {
            at::parallel_for(0, batch, 1, [&](std::int64_t begin, std::int64_t end) {
                std::vector<float> scratch(static_cast<std::size_t>((perHead + queries) * stride));
                for (std::int64_t b = begin; b < end; ++b)
                    for (std::int64_t h = 0; h < heads; ++h)
                        body(b, h, scratch.data());
            });
        }
    };
};

} // namespace

Tensor attentionShares(const Tensor& query, const Tensor& keyValue, std::int64_t heads)
{
    const std::int64_t width = query.size(2);
    const Tensor scores = torch::matmul(perHead(query, heads), perHead(keyValue.narrow(2, 0, width), heads).transpose(2, 3));
    return torch::softmax(scores * std::sqrt(static_cast<double>(heads) / static_cast<double>(width)), 3);
}

Tensor attention(const Tensor& query, const Tensor& keyValue, std::int64_t heads)
{
    if (takesKernels(query, keyValue))
        return AttentionByHand::apply(query, keyValue, heads);
    const std::int64_t width = query.size(2);
    return torch::matmul(attentionShares(query, keyValue, heads), perHead(keyValue.narrow(2, width, width), heads)).transpose(1, 2).reshape(query.sizes());
}

} // namespace btcai
