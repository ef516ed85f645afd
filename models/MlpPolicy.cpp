#include "models/MlpPolicy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/Error.h"
#include "base/Rng.h"
#include "models/Torch.h"

namespace btcai {

namespace {

std::int64_t parameterCountOf(const HeadShape& s)
{
    const std::int64_t both = 2 * s.width;
    return both * (s.state + 1) + (s.layers - 1) * both * (s.width + 1) + (s.actions + 1) * (s.width + 1);
}

HeadShape checked(const HeadShape& shape)
{
    for (const auto& [name, size] : {std::pair("observation size", shape.state), {"width", shape.width}, {"layers", shape.layers}, {"actions", shape.actions}})
        if (size < 1)
            throw Error(ErrorKind::BadInput, "MLP policy: {} {}; it must be 1 or more", name, size);
    return shape;
}

template <typename Float> HeadViews<Float> viewsOf(const HeadShape& shape, Float* at)
{
    const auto take = [&at](std::int64_t inputs, std::int64_t outputs) {
        const LinearView<Float> layer{at, at + inputs * outputs};
        at += (inputs + 1) * outputs;
        return layer;
    };
    HeadViews<Float> views;
    views.stateIn = take(shape.state, 2 * shape.width);
    for (std::int64_t l = 1; l < shape.layers; ++l) {
        views.policyHidden.push_back(take(shape.width, shape.width));
        views.valueHidden.push_back(take(shape.width, shape.width));
    }
    views.policyOut = take(shape.width, shape.actions);
    views.valueOut = take(shape.width, 1);
    return views;
}

/// Orthonormal rows, or columns where there are fewer of them, times the gain: Q of a Gaussian matrix, with the signs that make
/// every orthogonal matrix as likely (Mezzadri, "How to generate random matrices from the classical compact groups", 2007).
void fillOrthogonal(float* weight, std::int64_t rows, std::int64_t columns, double gain, Rng& rng)
{
    const std::int64_t longer = std::max(rows, columns);
    const std::int64_t shorter = std::min(rows, columns);
    torch::Tensor gaussian = torch::empty({longer, shorter}, torch::kFloat64);
    std::generate_n(gaussian.data_ptr<double>(), gaussian.numel(), [&rng] { return rng.normal(); });
    const auto [q, r] = torch::linalg_qr(gaussian);
    torch::Tensor orthogonal = gain * q * r.diagonal().sign();
    if (rows < columns)
        orthogonal = orthogonal.t();
    const torch::Tensor flat = orthogonal.to(torch::kFloat32).contiguous();
    std::copy_n(flat.data_ptr<float>(), flat.numel(), weight);
}

} // namespace

MlpPolicy::MlpPolicy(HeadShape shape, std::uint64_t seed)
    : m_shape(checked(shape)), m_parameters(static_cast<std::size_t>(parameterCountOf(shape)), 0.0F), m_gradients(m_parameters.size(), 0.0F),
      m_gradientViews(viewsOf(shape, m_gradients.data())), m_pass(shape, viewsOf<const float>(shape, m_parameters.data()))
{
    torch::NoGradGuard guard;
    const HeadViews<float> weights = viewsOf(shape, m_parameters.data());
    Rng rng(seed, "mlp-weights");
    const double hidden = std::numbers::sqrt2;
    fillOrthogonal(weights.stateIn.weight, shape.width, shape.state, hidden, rng);
    fillOrthogonal(weights.stateIn.weight + shape.width * shape.state, shape.width, shape.state, hidden, rng);
    for (std::size_t l = 0; l < weights.policyHidden.size(); ++l) {
        fillOrthogonal(weights.policyHidden[l].weight, shape.width, shape.width, hidden, rng);
        fillOrthogonal(weights.valueHidden[l].weight, shape.width, shape.width, hidden, rng);
    }
    fillOrthogonal(weights.policyOut.weight, shape.actions, shape.width, 0.01, rng);
    fillOrthogonal(weights.valueOut.weight, 1, shape.width, 1.0, rng);
    parametersChanged();
}

void MlpPolicy::forward(std::int64_t count, const float* observation, float* logits, float* value)
{
    for (std::int64_t first = 0; first < count; first += HeadPass::kBlock)
        m_pass.forward(std::min(HeadPass::kBlock, count - first), observation + first * m_shape.state, nullptr, 1,
                       logits + first * m_shape.actions, value + first);
}

void MlpPolicy::backward(const float* logitsGradient, const float* valueGradient)
{
    m_pass.backward(logitsGradient, valueGradient, m_gradientViews, nullptr);
}

} // namespace btcai
