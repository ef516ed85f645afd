#pragma once

#include "models/Torch.h"

namespace btcai {

/// Scaled dot-product attention with several heads (Vaswani et al., "Attention is all you need", 2017, section 3.2), without the projections before and after:
/// softmax(q k' / sqrt(W / heads)) v in each head. Differentiable once.
///
/// query: [B, Q, W]; keyValue: [B, N, 2 W], keys and then values; a head owns W / heads consecutive numbers of each. Returns [B, Q, W].
torch::Tensor attention(const torch::Tensor& query, const torch::Tensor& keyValue, std::int64_t heads);

/// The shares that it weighs values with: [B, heads, Q, N], sum 1.
torch::Tensor attentionShares(const torch::Tensor& query, const torch::Tensor& keyValue, std::int64_t heads);

} // namespace btcai
