#include "agent/ppo/HeadLoss.h"

#include <algorithm>
#include <cmath>

namespace btcai {

namespace {

/// What the loss needs to know of a sample besides its logits and value.
struct Sample {
    std::int64_t action;
    float logProbability, advantage, returns;
};

/// The loss of one sample and its derivatives; `share` is the sample's weight in the mean.
class SampleLoss {
public:
    SampleLoss(std::int64_t actions, double minibatch, const PpoLossOptions& options)
        : m_options(options), m_clip(static_cast<float>(options.clipRange)), m_share(1.0 / minibatch), m_log(static_cast<std::size_t>(actions))
    {
    }

    void add(const Sample& sample, const float* logits, float value, float* logitsGradient, float* valueGradient)
    {
        float entropy = 0.0F;
        takeLogarithms(logits, entropy);
        const float logRatio = m_log[static_cast<std::size_t>(sample.action)] - sample.logProbability;
        const float ratio = std::exp(logRatio);
        const float free = ratio * sample.advantage;
        const float clipped = std::clamp(ratio, 1.0F - m_clip, 1.0F + m_clip) * sample.advantage;
        const float error = value - sample.returns;
        m_sums.policy -= std::min(free, clipped);
        m_sums.value += error * error;
        m_sums.entropy += entropy;
        m_sums.approxKl += ratio - 1.0F - logRatio;
        m_sums.clipFraction += std::abs(ratio - 1.0F) > m_clip ? 1.0 : 0.0;

        const auto share = static_cast<float>(m_share);
        // Where the clipped term is the smaller one, the ratio no longer moves it. A NaN goes on, to be caught in the gradient.
        const float byLogProbability = clipped < free ? 0.0F : -share * free;
        const float byEntropy = share * static_cast<float>(m_options.entropyCoefficient);
        for (std::size_t a = 0; a < m_log.size(); ++a) {
            const float probability = std::exp(m_log[a]);
            logitsGradient[a] = -byLogProbability * probability + byEntropy * probability * (m_log[a] + entropy);
        }
        logitsGradient[sample.action] += byLogProbability;
        *valueGradient = 2.0F * share * static_cast<float>(m_options.valueCoefficient) * error;
    }

    HeadLossSums sums() const
    {
        HeadLossSums means = m_sums;
        for (double* sum : {&means.policy, &means.value, &means.entropy, &means.approxKl, &means.clipFraction})
            *sum *= m_share;
        means.total = means.policy + m_options.valueCoefficient * means.value - m_options.entropyCoefficient * means.entropy;
        return means;
    }

private:
    void takeLogarithms(const float* logits, float& entropy)
    {
        const std::size_t actions = m_log.size();
        const float highest = *std::max_element(logits, logits + actions);
        float sum = 0.0F;
        for (std::size_t a = 0; a < actions; ++a)
            sum += std::exp(logits[a] - highest);
        const float norm = highest + std::log(sum);
        for (std::size_t a = 0; a < actions; ++a) {
            m_log[a] = logits[a] - norm;
            entropy -= std::exp(m_log[a]) * m_log[a];
        }
    }

    PpoLossOptions m_options;
    float m_clip;
    double m_share;
    std::vector<float> m_log; ///< log probabilities
    HeadLossSums m_sums;
};

} // namespace

HeadLossSums headLoss(AgentNetwork& network, const HeadSamples& samples, const PpoLossOptions& options, torch::Tensor& marketGradient)
{
    const HeadShape shape = network->headShape();
    const HeadViews<float> gradients = network->headGradients();
    HeadPass pass(shape, network->headParameters());
    const bool hasMarket = samples.marketShare.defined();
    if (hasMarket)
        marketGradient = torch::zeros_like(samples.marketShare);

    const std::int64_t accounts = samples.state.size(2);
    const std::int64_t count = samples.action.numel();
    const std::int64_t rowSize = 2 * shape.width;
    // Whole rows of the market where they fit into a block, else parts of one.
    const std::int64_t block = accounts < HeadPass::kBlock ? HeadPass::kBlock / accounts * accounts : HeadPass::kBlock;
    SampleLoss loss(shape.actions, samples.minibatch, options);
    std::vector<float> logits(static_cast<std::size_t>(block * shape.actions)), logitsGradient(logits.size());
    std::vector<float> value(static_cast<std::size_t>(block)), valueGradient(value.size());
    const auto* const state = samples.state.data_ptr<float>();
    const auto* const action = samples.action.data_ptr<std::int64_t>();
    const auto* const logProbability = samples.logProbability.data_ptr<float>();
    const auto* const advantage = samples.advantage.data_ptr<float>();
    const auto* const returns = samples.returns.data_ptr<float>();
    for (std::int64_t first = 0; first < count;) {
        const std::int64_t row = first / accounts;
        const std::int64_t size = std::min(accounts < HeadPass::kBlock ? count - first : (row + 1) * accounts - first, block);
        pass.forward(size, state + first * shape.state, hasMarket ? samples.marketShare.data_ptr<float>() + row * rowSize : nullptr, accounts,
                     logits.data(), value.data());
        for (std::int64_t i = 0; i < size; ++i) {
            const std::int64_t k = first + i;
            loss.add({action[k], logProbability[k], advantage[k], returns[k]}, logits.data() + i * shape.actions, value[static_cast<std::size_t>(i)],
                     logitsGradient.data() + i * shape.actions, valueGradient.data() + i);
        }
        pass.backward(logitsGradient.data(), valueGradient.data(), gradients,
                      hasMarket ? marketGradient.data_ptr<float>() + row * rowSize : nullptr);
        first += size;
    }
    return loss.sums();
}

} // namespace btcai
