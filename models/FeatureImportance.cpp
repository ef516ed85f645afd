#include "models/FeatureImportance.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <vector>

namespace btcai {

namespace {

using torch::Tensor;

/// From 1 on; equal values share the mean of theirs.
std::vector<double> ranks(std::span<const double> values)
{
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
    std::vector<double> ranks(values.size());
    for (std::size_t i = 0; i < order.size();) {
        std::size_t end = i;
        while (end < order.size() && values[order[end]] == values[order[i]])
            ++end;
        for (std::size_t k = i; k < end; ++k)
            ranks[order[k]] = 0.5 * static_cast<double>(i + 1 + end);
        i = end;
    }
    return ranks;
}

} // namespace

Attribution integratedGradients(const std::function<Tensor(const Tensor&)>& f, const Tensor& input, const Tensor& baseline, std::int64_t steps)
{
    const Tensor change = input - baseline;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(input.dim()), 1);
    shape.insert(shape.begin(), steps);
    const Tensor along = (torch::arange(steps, input.options()) + 0.5) / static_cast<double>(steps);
    const Tensor points = (baseline + along.view(shape) * change).detach().requires_grad_(true);
    const Tensor gradient = torch::autograd::grad({f(points).sum()}, {points})[0];
    const torch::NoGradGuard noGrad;
    Attribution result{.values = change * gradient.mean(0)};
    const Tensor ends = f(torch::stack({baseline, input}));
    result.difference = (ends[1] - ends[0]).item<double>();
    result.sum = result.values.sum().item<double>();
    return result;
}

std::optional<double> rankCorrelation(std::span<const double> a, std::span<const double> b)
{
    assert(a.size() == b.size());
    if (a.size() < 2)
        return {};
    const std::vector<double> x = ranks(a), y = ranks(b);
    const double mean = 0.5 * static_cast<double>(a.size() + 1);
    double xy = 0.0, xx = 0.0, yy = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - mean) * (y[i] - mean);
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
    }
    if (!(xx > 0.0) || !(yy > 0.0))
        return {};
    return xy / std::sqrt(xx * yy);
}

} // namespace btcai
