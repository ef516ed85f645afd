#include "agent/ppo/ForecastLoss.h"

namespace btcai {

namespace {

using torch::Tensor;

/// The mean over known targets of `lossOf` them. The unknown ones are replaced before the arithmetic: a NaN times zero would still be one, in the gradient too.
Tensor meanOfKnown(const Tensor& target, const Tensor& weight, const auto& lossOf)
{
    const Tensor known = torch::isfinite(target);
    const Tensor losses = lossOf(torch::where(known, target, torch::zeros_like(target)));
    Tensor each = losses * known.to(losses.dtype());
    if (weight.defined())
        each = each * weight;
    return each.sum() / known.sum().clamp_min(1);
}

/// What is to be added to a log scale to have the log deviation.
Tensor logDeviationOverScale(const Tensor& degrees) { return 0.5 * torch::log(degrees / (degrees - 2.0)); }

} // namespace

Tensor gaussianNll(const Tensor& mean, const Tensor& logDeviation, const Tensor& target, const Tensor& weight)
{
    return meanOfKnown(target, weight, [&](const Tensor& known) {
        const Tensor scaled = (known - mean) * torch::exp(-logDeviation);
        return 0.5 * scaled.square() + logDeviation;
    });
}

Tensor studentTNll(const Tensor& location, const Tensor& logScale, const Tensor& degrees, const Tensor& target, const Tensor& weight)
{
    const Tensor half = 0.5 * (degrees + 1.0);
    // The density's normalisation over that of a Gaussian, whose constant is left out.
    const Tensor constant = torch::lgamma(0.5 * degrees) - torch::lgamma(half) + 0.5 * torch::log(0.5 * degrees);
    return meanOfKnown(target, weight, [&](const Tensor& known) {
        const Tensor scaled = (known - location) * torch::exp(-logScale);
        return half * torch::log1p(scaled.square() / degrees) + logScale + constant;
    });
}

Tensor pinballLoss(const Tensor& quantiles, const Tensor& target, const Tensor& weight)
{
    const Tensor levels = torch::tensor(std::vector<float>(kForecastLevels.begin(), kForecastLevels.end()), quantiles.options());
    return meanOfKnown(target, weight, [&](const Tensor& known) {
        const Tensor error = known.unsqueeze(-1) - quantiles;
        return 2.0 * torch::max(levels * error, (levels - 1.0) * error).mean(-1);
    });
}

Tensor forecastLoss(const ForecastMembers& members, const Tensor& target, const Tensor& weight)
{
    const Tensor ofMembers = target.unsqueeze(2).expand_as(members.mean);
    if (members.quantiles.defined())
        return pinballLoss(members.quantiles, ofMembers, weight);
    if (members.degrees.defined())
        return studentTNll(members.mean, members.logDeviation - logDeviationOverScale(members.degrees), members.degrees, ofMembers, weight);
    return gaussianNll(members.mean, members.logDeviation, ofMembers, weight);
}

Tensor forecastLoss(const ForecastOutput& forecast, ForecastDistribution distribution, const Tensor& target)
{
    switch (distribution) {
    case ForecastDistribution::Gaussian: break;
    case ForecastDistribution::StudentT: {
        const Tensor degrees = forecast.shape.squeeze(-1);
        return studentTNll(forecast.mean, forecast.logDeviation - logDeviationOverScale(degrees), degrees, target);
    }
    case ForecastDistribution::Quantiles:
        return pinballLoss(forecast.mean.unsqueeze(-1) + forecast.logDeviation.exp().unsqueeze(-1) * forecast.shape, target);
    }
    return gaussianNll(forecast.mean, forecast.logDeviation, target);
}

} // namespace btcai
