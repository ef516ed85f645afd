#include "agent/ppo/HeadLoss.h"

#include <algorithm>

namespace btcai {

LossSums headLoss(AgentNetwork& network, const HeadSamples& samples, const PpoLossOptions& options, torch::Tensor& marketGradient,
                  torch::Tensor* stateGradient)
{
    const HeadShape shape = network->headShape();
    const HeadViews<float> gradients = network->headGradients();
    HeadPass pass(shape, network->headParameters());
    const bool hasMarket = samples.marketShare.defined();
    if (hasMarket)
        marketGradient = torch::zeros_like(samples.marketShare);
    if (stateGradient)
        *stateGradient = torch::empty_like(samples.state);

    const std::int64_t accounts = samples.state.size(2);
    const std::int64_t count = samples.action.numel();
    const std::int64_t rowSize = 2 * shape.width;
    SampleLoss loss(shape.actions, samples.minibatch, options);
    std::vector<float> logits(static_cast<std::size_t>(HeadPass::kBlock * shape.actions)), logitsGradient(logits.size());
    std::vector<float> value(static_cast<std::size_t>(HeadPass::kBlock)), valueGradient(value.size());
    const auto* const state = samples.state.data_ptr<float>();
    const auto* const action = samples.action.data_ptr<std::int64_t>();
    const auto* const logProbability = samples.logProbability.data_ptr<float>();
    const auto* const advantage = samples.advantage.data_ptr<float>();
    const auto* const returns = samples.returns.data_ptr<float>();
    const auto* const oldValue = options.valueClipRange > 0.0 ? samples.oldValue.data_ptr<float>() : nullptr;
    const auto* const temperature = samples.temperature.defined() ? samples.temperature.data_ptr<float>() : nullptr;
    const auto* const entropyScale = samples.entropyScale.defined() ? samples.entropyScale.data_ptr<float>() : nullptr;
    for (std::int64_t first = 0; first < count;) {
        const std::int64_t row = first / accounts;
        const std::int64_t size = HeadPass::blockAt(first, count, accounts);
        pass.forward(size, state + first * shape.state, hasMarket ? samples.marketShare.data_ptr<float>() + row * rowSize : nullptr, accounts,
                     logits.data(), value.data());
        for (std::int64_t i = 0; i < size; ++i) {
            const std::int64_t k = first + i;
            float* const logitsOf = logits.data() + i * shape.actions;
            float* const gradientOf = logitsGradient.data() + i * shape.actions;
            const float coldness = temperature ? 1.0F / temperature[k / accounts] : 1.0F;
            if (temperature)
                std::transform(logitsOf, logitsOf + shape.actions, logitsOf, [coldness](float logit) { return coldness * logit; });
            loss.add({.action = action[k], .logProbability = logProbability[k], .advantage = advantage[k], .returns = returns[k],
                      .oldValue = oldValue ? oldValue[k] : 0.0F, .entropyScale = entropyScale ? entropyScale[k / accounts] : 1.0F},
                     logitsOf, value[static_cast<std::size_t>(i)], gradientOf, valueGradient.data() + i);
            if (temperature)
                std::transform(gradientOf, gradientOf + shape.actions, gradientOf, [coldness](float slope) { return coldness * slope; });
        }
        pass.backward(logitsGradient.data(), valueGradient.data(), gradients,
                      hasMarket ? marketGradient.data_ptr<float>() + row * rowSize : nullptr,
                      stateGradient ? stateGradient->data_ptr<float>() + first * shape.state : nullptr);
        first += size;
    }
    return loss.sums();
}

} // namespace btcai
